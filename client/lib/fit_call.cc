#include "client/lib/fit_call.h"

#include <utility>

#include "client/lib/examples.h"

namespace chainrule::client {
namespace {

// Large enough that framing costs nothing, small enough that sending overlaps reading.
constexpr int64_t kMessageBytes = 1 << 20;

}  // namespace

FitCall::FitCall(v1::TrainingService::Stub* stub, grpc::ClientContext* context, Listener listener)
    : listener_(std::move(listener)), stream_(stub->Fit(context)) {
  reader_ = std::thread([this] { ReadAnswers(); });
}

FitCall::~FitCall() {
  if (reader_.joinable()) reader_.join();
}

absl::Status FitCall::SendAll(const v1::FitHeader& header, RowSource* training,
                              RowSource* validation, const v1::Limits& limits) {
  v1::FitRequest request;
  *request.mutable_header() = header;
  is_open_ = stream_->Write(request);
  absl::Status sent = SendRows(training, limits, &v1::FitRequest::mutable_examples);
  if (sent.ok() && validation != nullptr) {
    sent = SendRows(validation, limits, &v1::FitRequest::mutable_validation_examples);
  }
  if (sent.ok() && is_open_) stream_->WritesDone();
  return sent;
}

absl::Status FitCall::SendRows(RowSource* source, const v1::Limits& limits, Field field) {
  const int64_t most = RowsPerMessage(limits, source->bytes_per_row(), kMessageBytes);
  Rows rows;
  while (is_open_) {
    const absl::Status read = source->Next(most, &rows);
    if (!read.ok() || rows.count == 0) return read;
    v1::FitRequest request;
    *(request.*field)() = ToExamples(rows);
    is_open_ = stream_->Write(request);
  }
  return absl::OkStatus();
}

void FitCall::ReadAnswers() {
  v1::FitResponse response;
  while (stream_->Read(&response)) {
    if (response.has_result()) {
      result_ = std::move(*response.mutable_result());
    } else {
      listener_(response);
    }
  }
}

grpc::Status FitCall::Finish() {
  reader_.join();
  return stream_->Finish();
}

}  // namespace chainrule::client
