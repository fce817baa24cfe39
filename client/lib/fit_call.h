#ifndef CHAINRULE_CLIENT_LIB_FIT_CALL_H_
#define CHAINRULE_CLIENT_LIB_FIT_CALL_H_

#include <functional>
#include <memory>
#include <thread>

#include "absl/status/status.h"
#include "chainrule/v1/server_service.pb.h"
#include "chainrule/v1/training_service.grpc.pb.h"
#include "client/data/rows.h"
#include "grpcpp/client_context.h"

namespace chainrule::client {

// FitCall: one Fit under way. A thread of its own reads the answers while rows are still
// being sent, so neither side ever waits for the other to read.
// Thread-compatible. SendAll once, then Finish once.
class FitCall {
 public:
  using Listener = std::function<void(const v1::FitResponse&)>;

  // `context` outlives the call. `listener` is called on the reading thread.
  FitCall(v1::TrainingService::Stub* stub, grpc::ClientContext* context, Listener listener);
  ~FitCall();

  // Header, rows, half-close. Fails only for the sources' own faults: a server that
  // refuses ends the call early, and Finish tells why.
  absl::Status SendAll(const v1::FitHeader& header, RowSource* training, RowSource* validation,
                       const v1::Limits& limits);

  // Waits for the end.
  grpc::Status Finish();

  // What the server answered last. Requires Finish to have returned OK.
  const v1::TrainResponse& result() const { return result_; }

 private:
  using Field = v1::Examples* (v1::FitRequest::*)();

  absl::Status SendRows(RowSource* source, const v1::Limits& limits, Field field);
  void ReadAnswers();

  const Listener listener_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::FitRequest, v1::FitResponse>> stream_;
  v1::TrainResponse result_;  // the reading thread's until it is joined
  bool is_open_ = true;       // for writing
  std::thread reader_;
};

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_LIB_FIT_CALL_H_
