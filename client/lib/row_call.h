#ifndef CHAINRULE_CLIENT_LIB_ROW_CALL_H_
#define CHAINRULE_CLIENT_LIB_ROW_CALL_H_

#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "chainrule/v1/server_service.pb.h"
#include "chainrule/v1/tensor.pb.h"
#include "client/data/rows.h"
#include "client/lib/examples.h"
#include "grpcpp/support/sync_stream.h"

namespace chainrule::client {

// Large enough that framing costs nothing, small enough that sending overlaps reading.
inline constexpr int64_t kStreamMessageBytes = 1 << 20;

// RowCall: one streaming call under way that takes a header, rows and a half-close. A thread
// of its own reads the answers while rows are still being sent, so neither side ever waits
// for the other to read.
// Thread-compatible. Send, then Finish once.
template <typename Request, typename Response>
class RowCall {
 public:
  using Stream = std::unique_ptr<grpc::ClientReaderWriter<Request, Response>>;
  using Listener = std::function<void(Response&)>;
  using Field = v1::Examples* (Request::*)();
  using Fill = std::function<void(const Rows&, Request*)>;

  // Of the stream, the context outlives the call. `listener` hears every answer, on the
  // reading thread.
  RowCall(Stream stream, Listener listener)
      : listener_(std::move(listener)), stream_(std::move(stream)) {
    reader_ = std::thread([this] { ReadAnswers(); });
  }
  ~RowCall() {
    if (reader_.joinable()) reader_.join();
  }

  // What is sent after the server has ended the call is dropped; Finish tells why it did.
  void Send(const Request& request) { is_open_ = is_open_ && stream_->Write(request); }

  // All rows, at most `most` a message, which `fill` makes of them. Fails only for the
  // source's own faults.
  absl::Status SendRows(RowSource* source, int64_t most, const Fill& fill) {
    Rows rows;
    while (is_open_) {
      const absl::Status read = source->Next(most, &rows);
      if (!read.ok() || rows.count == 0) return read;
      Request request;
      fill(rows, &request);
      Send(request);
    }
    return absl::OkStatus();
  }

  // The same, each message's rows in `field`.
  absl::Status SendRows(RowSource* source, const v1::Limits& limits, Field field) {
    const int64_t most = RowsPerMessage(limits, source->bytes_per_row(), kStreamMessageBytes);
    return SendRows(source, most, [field](const Rows& rows, Request* request) {
      *(request->*field)() = ToExamples(rows);
    });
  }

  void HalfClose() {
    if (is_open_) stream_->WritesDone();
  }

  // Waits for the end.
  grpc::Status Finish() {
    reader_.join();
    return stream_->Finish();
  }

 private:
  void ReadAnswers() {
    Response response;
    while (stream_->Read(&response)) listener_(response);
  }

  const Listener listener_;
  const Stream stream_;
  bool is_open_ = true;  // for writing
  std::thread reader_;
};

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_LIB_ROW_CALL_H_
