// FitClient: one Fit, a message at a time. Single-threaded.
#ifndef CHAINRULE_TESTS_SUPPORT_FIT_CLIENT_H_
#define CHAINRULE_TESTS_SUPPORT_FIT_CLIENT_H_

#include <grpcpp/client_context.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "chainrule/v1/training_service.grpc.pb.h"

namespace chainrule::test {

class FitClient {
 public:
  explicit FitClient(v1::TrainingService::Stub& stub) : stream_(stub.Fit(&context_)) {}

  bool Send(const v1::FitRequest& request) { return stream_->Write(request); }
  bool SendHeader(const v1::FitHeader& header) {
    v1::FitRequest request;
    *request.mutable_header() = header;
    return Send(request);
  }
  bool SendExamples(const v1::Examples& examples) {
    v1::FitRequest request;
    *request.mutable_examples() = examples;
    return Send(request);
  }
  bool SendValidation(const v1::Examples& examples) {
    v1::FitRequest request;
    *request.mutable_validation_examples() = examples;
    return Send(request);
  }
  void HalfClose() { stream_->WritesDone(); }
  void Cancel() { context_.TryCancel(); }

  // The next answer; nothing at the end.
  std::optional<v1::FitResponse> Next() {
    v1::FitResponse response;
    if (!stream_->Read(&response)) return std::nullopt;
    return response;
  }
  std::vector<v1::FitResponse> Rest() {
    std::vector<v1::FitResponse> all;
    while (std::optional<v1::FitResponse> response = Next()) all.push_back(*std::move(response));
    return all;
  }
  // After the last answer.
  grpc::Status Finish() { return stream_->Finish(); }
  grpc::Status FinishAfterRest() {
    Rest();
    return Finish();
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::FitRequest, v1::FitResponse>> stream_;
};

}  // namespace chainrule::test

#endif  // CHAINRULE_TESTS_SUPPORT_FIT_CLIENT_H_
