// FitStream: one Fit. A header and rows are worked on as they come; at the half-close they
// are all confirmed, which fails if the client did not half-close but was cut off; then it
// trains through the model's queue, and reports. It is ended by whom its phase says: while
// it receives and confirms, by what comes from the client or a server that stops; while it
// trains, by the model.
#ifndef CHAINRULE_SERVER_RPC_FIT_STREAM_H_
#define CHAINRULE_SERVER_RPC_FIT_STREAM_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "chainrule/v1/training_service.pb.h"
#include "server/convert/fit.h"
#include "server/convert/training.h"
#include "server/models/model.h"
#include "server/rpc/worked_stream.h"

namespace chainrule::server {

class FitStream final : public WorkedStream<v1::FitRequest, v1::FitResponse> {
 public:
  FitStream(std::unique_ptr<Wire> wire, const Environment* environment, RpcMetrics* metrics)
      : WorkedStream(std::move(wire), environment, metrics, environment->streamers),
        environment_(*environment) {}

  void EndForStop() override;

 private:
  absl::StatusOr<Next> Work(Message message) override;
  absl::StatusOr<Next> Complete() override;
  void OnConfirmed() override;

  absl::Status AddRows(Message message);
  absl::Status ReceiveHeader(const v1::FitRequest& message);
  void SendRowsReceived(Importance importance);
  void Train();
  absl::StatusOr<TrainInput> ReadRows();
  void Report(const engine::EpochReport& report);
  void Done(absl::StatusOr<TrainReply> reply);

  const Environment& environment_;
  // Of the header; then constant.
  std::shared_ptr<Model> model_;
  std::shared_ptr<const ModelSettings> settings_;
  TrainArguments arguments_;
  std::optional<FitRows> rows_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_FIT_STREAM_H_
