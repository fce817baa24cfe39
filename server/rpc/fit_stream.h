// FitStream: one Fit. It receives a header and rows on gRPC's threads; confirms them all,
// which fails if the client did not half-close but was cut off; trains through the model's
// queue, and reports. It is ended by whom its phase says: while it receives and confirms,
// by what comes from the client or a server that stops; while it trains, by the model.
#ifndef CHAINRULE_SERVER_RPC_FIT_STREAM_H_
#define CHAINRULE_SERVER_RPC_FIT_STREAM_H_

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "chainrule/v1/training_service.pb.h"
#include "server/convert/fit.h"
#include "server/convert/training.h"
#include "server/models/model.h"
#include "server/rpc/stream_call.h"

namespace chainrule::server {

class FitStream final : public StreamCall<v1::FitRequest, v1::FitResponse> {
 public:
  FitStream(const Environment* environment, RpcMetrics* metrics,
            grpc::CallbackServerContext* context)
      : StreamCall(environment, metrics, context), environment_(*environment) {}

  void EndForStop() override;

 private:
  enum class Phase { kReceiving, kConfirming, kTraining, kEnded };

  void OnMessage(std::shared_ptr<v1::FitRequest> message) override;
  void OnHalfClose() override;
  void OnConfirmed() override;
  void OnRefused(const absl::Status& status) override { EndUnlessTraining(status); }

  absl::Status Receive(std::shared_ptr<v1::FitRequest> message);
  absl::Status ReceiveHeader(const v1::FitHeader& header);
  absl::Status CheckComplete() const;
  void SendRowsReceived(Importance importance);
  void EndUnlessTraining(const absl::Status& status);
  // Whether it was in the phase `from`.
  bool EnterPhase(Phase from, Phase to);

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

  engine::Mutex phase_mutex_;
  Phase phase_ ABSL_GUARDED_BY(phase_mutex_) = Phase::kReceiving;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_FIT_STREAM_H_
