// Train's request, and the replies of Train and Fit (fit.h).
#ifndef CHAINRULE_SERVER_CONVERT_TRAINING_H_
#define CHAINRULE_SERVER_CONVERT_TRAINING_H_

#include <memory>

#include "absl/status/statusor.h"
#include "chainrule/v1/training_service.pb.h"
#include "engine/train/trainer.h"
#include "server/convert/context.h"
#include "server/models/calls.h"

namespace chainrule::server {

struct TrainArguments {
  engine::TrainOptions options;
  WriteOptions write;  // but for the cancellation, which is the caller's to add
};

// Constant cost.  The model's name is not looked at (names.h).
absl::StatusOr<TrainArguments> CheckTrain(const v1::TrainRequest& request,
                                          const ModelContext& model);
// Linear: TrainCall::read of a Train.
absl::StatusOr<TrainInput> ReadTrain(std::shared_ptr<const v1::TrainRequest> request,
                                     const ModelContext& model);

// Constant cost: Fit's first message.
absl::StatusOr<TrainArguments> CheckFitHeader(const v1::FitHeader& header,
                                              const ModelContext& model);

// As many of the last reports as fit into a message of `most_bytes`; of one alone that does
// not the confusion matrix is left out.
void WriteTrainReply(const TrainReply& reply, const ModelSettings& settings, int64_t most_bytes,
                     v1::TrainResponse* response);
void WriteEpochReport(const engine::EpochReport& report, const ModelSettings& settings,
                      int64_t most_bytes, v1::EpochReport* message);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_TRAINING_H_
