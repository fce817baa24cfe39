// EvaluateStream: one StreamEvaluate, all of it on the snapshot that its header found.
#ifndef CHAINRULE_SERVER_RPC_EVALUATE_STREAM_H_
#define CHAINRULE_SERVER_RPC_EVALUATE_STREAM_H_

#include <memory>
#include <optional>
#include <utility>

#include "chainrule/v1/training_service.pb.h"
#include "server/convert/evaluation.h"
#include "server/rpc/find_model.h"
#include "server/rpc/worked_stream.h"

namespace chainrule::server {

class EvaluateStream final
    : public WorkedStream<v1::StreamEvaluateRequest, v1::StreamEvaluateResponse> {
 public:
  EvaluateStream(std::unique_ptr<Wire> wire, const Environment* environment, RpcMetrics* metrics)
      : WorkedStream(std::move(wire), environment, metrics, environment->streamers),
        environment_(*environment) {}

 private:
  absl::StatusOr<Next> Work(Message message) override;
  absl::StatusOr<Next> Complete() override;
  absl::Status ReadHeader(const v1::StreamEvaluateRequest& message);
  absl::Status Measure(Message message);

  const Environment& environment_;
  std::optional<FoundModel> model_;  // once the header came
  std::optional<engine::Evaluator> evaluator_;
  int64_t messages_ = 0;
  int64_t rows_ = 0;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_EVALUATE_STREAM_H_
