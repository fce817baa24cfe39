// What the Open Inference Protocol says of models beside their predictions.
#ifndef CHAINRULE_SERVER_CONVERT_INFERENCE_METADATA_H_
#define CHAINRULE_SERVER_CONVERT_INFERENCE_METADATA_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "inference/grpc_service.pb.h"
#include "server/convert/context.h"
#include "server/models/calls.h"
#include "server/models/inference_statistics.h"

namespace chainrule::server {

// `versions`: the numbers of those that there are.
void WriteModelMetadata(const ModelContext& model, const std::vector<int64_t>& versions,
                        inference::ModelMetadataResponse* response);
// `readiness`: whether it is ready, or why not; `version`: 0, the live weights.
void WriteIndexEntry(const std::string& id, int64_t version, const absl::Status& readiness,
                     inference::RepositoryIndexResponse::ModelIndex* entry);

void WriteModelConfig(const ModelContext& model, inference::ModelConfig* config);
// Of `version`; 0 is the live weights, with which the memory is told.
void WriteStatistics(const ModelDescription& model, int64_t version,
                     const InferenceStatistics::Sums& sums, inference::ModelStatistics* message);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_INFERENCE_METADATA_H_
