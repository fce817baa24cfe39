// GradientsStream: one StreamGradients, all of it on the snapshot that its header found.
// Gradients by the inputs are answered message by message; those by the parameters after
// the half-close, in parts, the next few whenever those before have left.
#ifndef CHAINRULE_SERVER_RPC_GRADIENTS_STREAM_H_
#define CHAINRULE_SERVER_RPC_GRADIENTS_STREAM_H_

#include <memory>
#include <optional>

#include "chainrule/v1/training_service.pb.h"
#include "server/convert/gradients.h"
#include "server/rpc/find_model.h"
#include "server/rpc/worked_stream.h"

namespace chainrule::server {

class GradientsStream final
    : public WorkedStream<v1::StreamGradientsRequest, v1::StreamGradientsResponse> {
 public:
  GradientsStream(std::unique_ptr<Wire> wire, const Environment* environment, RpcMetrics* metrics);

 private:
  absl::StatusOr<Next> Work(Message message) override;
  absl::StatusOr<Next> Complete() override;
  absl::Status ReadHeader(const v1::StreamGradientsRequest& message);
  absl::Status ReadRows(Message message);
  absl::Status AddRows();
  absl::Status AddBlock(const engine::ExampleChunk& block);
  void SendSummary();
  void SendPart();

  const Environment& environment_;
  const int64_t part_elements_;      // of one message, at most
  std::optional<FoundModel> model_;  // once the header came
  GradientsArguments arguments_;
  std::optional<engine::GradientSums> sums_;
  // Of the message that is worked on: its rows, and how many of them were added.
  std::optional<engine::ExampleChunk> chunk_;
  int64_t added_ = 0;
  int64_t messages_ = 0;
  int64_t rows_ = 0;
  // What was sent of the result.
  bool summary_sent_ = false;
  size_t tensor_ = 0;
  int64_t offset_ = 0;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_GRADIENTS_STREAM_H_
