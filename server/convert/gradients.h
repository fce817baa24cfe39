// GetGradients and CheckGradients.
#ifndef CHAINRULE_SERVER_CONVERT_GRADIENTS_H_
#define CHAINRULE_SERVER_CONVERT_GRADIENTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "chainrule/v1/training_service.pb.h"
#include "engine/train/gradient_check.h"
#include "engine/train/gradient_sums.h"
#include "engine/train/gradients.h"
#include "server/convert/context.h"

namespace chainrule::server {

struct GradientsArguments {
  bool parameters = false;
  bool inputs = false;
  bool activations = false;
  bool example_norms = false;
  std::vector<int64_t> layers;  // as asked, all if none were
  v1::TensorEncoding encoding = v1::TENSOR_ENCODING_VALUES;
  int64_t rows = 0;
  int64_t reply_bytes = 0;  // of the reply, at most
};

// Constant cost (linear in layer_indexes, of which there are no more than layers).  Beyond
// what a reply may weigh: LIMIT_EXCEEDED, max_message_bytes.
// The rows: ReadExamples(ExamplesOf(request), "examples", model).
absl::StatusOr<GradientsArguments> CheckGetGradients(const v1::GetGradientsRequest& request,
                                                     const ModelContext& model);

// The header of a StreamGradients; `rows` stays 0.
absl::StatusOr<GradientsArguments> CheckGradientsHeader(const v1::StreamGradientsHeader& header,
                                                        const ModelContext& model);

// Allocates the reply's tensors and returns where the engine writes them; what was not
// asked for stays null.  The views hold while `response` is not changed.
engine::GradientOutputs PlaceGradients(const GradientsArguments& arguments,
                                       const engine::NetworkSpec& network,
                                       v1::GetGradientsResponse* response);
// The figures beside them.
void WriteGradientSummary(const engine::GradientSummary& summary, int64_t model_step,
                          v1::GetGradientsResponse* response);

// Constant cost.  Returns how many parameters to compare.
absl::StatusOr<int64_t> CheckCheckGradients(const v1::CheckGradientsRequest& request,
                                            const ModelContext& model);
void WriteGradientCheck(const engine::GradientCheck& check, int64_t model_step,
                        v1::CheckGradientsResponse* response);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_GRADIENTS_H_
