// PredictStream: one StreamPredict. Several of its requests may be in the batcher at once,
// bounded in number and bytes; answers go out in the order of the requests. An error is
// that of its request, and the stream goes on.
#ifndef CHAINRULE_SERVER_RPC_PREDICT_STREAM_H_
#define CHAINRULE_SERVER_RPC_PREDICT_STREAM_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "chainrule/v1/prediction_service.pb.h"
#include "server/convert/prediction.h"
#include "server/rpc/find_model.h"
#include "server/rpc/stream_call.h"

namespace chainrule::server {

class PredictStream final : public StreamCall<v1::StreamPredictRequest, v1::StreamPredictResponse> {
 public:
  PredictStream(std::unique_ptr<Wire> wire, const Environment* environment, RpcMetrics* metrics);

  void EndForStop() override;

 private:
  // A request and its answer.
  struct Item {
    std::shared_ptr<v1::StreamPredictRequest> request;
    int64_t bytes = 0;  // of both
    Admission::Ticket ticket;
    std::optional<PredictArguments> arguments;
    std::optional<PredictionReply> reply;
    v1::StreamPredictResponse response;
    bool answered = false;
  };

  void OnMessage(std::shared_ptr<v1::StreamPredictRequest> message) override;
  void OnHalfClose() override;
  void OnRefused(const absl::Status& status) override;

  // Checks the request, and says what the batcher is to do.
  absl::StatusOr<PredictCall> Prepare(Item* item);
  PredictCall MakeCall(Item* item, FoundModel found);
  void Answer(Item* item, const absl::Status& status);
  void EndAfterItems(const absl::Status& status);
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(items_mutex_);
  // What to end with, if that is for the caller to do now.
  std::optional<absl::Status> TakeEnd() ABSL_EXCLUSIVE_LOCKS_REQUIRED(items_mutex_);

  const Environment& environment_;
  const Limits limits_;  // those of a streamed reply
  std::string model_;    // of the request before; OnMessage's

  // Before the base's own lock.
  engine::Mutex items_mutex_;
  std::deque<std::unique_ptr<Item>> items_ ABSL_GUARDED_BY(items_mutex_);
  int64_t bytes_ ABSL_GUARDED_BY(items_mutex_) = 0;
  bool held_ ABSL_GUARDED_BY(items_mutex_) = false;
  bool taken_ ABSL_GUARDED_BY(items_mutex_) = false;
  std::optional<absl::Status> why_ ABSL_GUARDED_BY(items_mutex_);  // it ends after its items
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_PREDICT_STREAM_H_
