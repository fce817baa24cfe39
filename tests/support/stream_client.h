// StreamClient: one bidirectional stream, a message at a time. Single-threaded, but that one
// thread may send while another one reads. Movable.
#ifndef CHAINRULE_TESTS_SUPPORT_STREAM_CLIENT_H_
#define CHAINRULE_TESTS_SUPPORT_STREAM_CLIENT_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace chainrule::test {

template <typename Request, typename Response>
class StreamClient {
 public:
  // `open` starts the call: `stub.StreamPredict(context)`.
  template <typename Open>
  explicit StreamClient(Open open) : stream_(open(context_.get())) {}

  bool Send(const Request& request) { return stream_->Write(request); }
  void HalfClose() { stream_->WritesDone(); }
  void Cancel() { context_->TryCancel(); }

  // The next answer; nothing at the end.
  std::optional<Response> Next() {
    Response response;
    if (!stream_->Read(&response)) return std::nullopt;
    return response;
  }
  std::vector<Response> Rest() {
    std::vector<Response> all;
    while (std::optional<Response> response = Next()) all.push_back(*std::move(response));
    return all;
  }
  // After the last answer.
  grpc::Status Finish() { return stream_->Finish(); }
  grpc::Status FinishAfterRest() {
    Rest();
    return Finish();
  }

 private:
  std::unique_ptr<grpc::ClientContext> context_ = std::make_unique<grpc::ClientContext>();
  std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> stream_;
};

}  // namespace chainrule::test

#endif  // CHAINRULE_TESTS_SUPPORT_STREAM_CLIENT_H_
