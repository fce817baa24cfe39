// A model's specification: v1::ModelSpec, where much may be unset, and ModelSettings,
// where nothing is.
#ifndef CHAINRULE_SERVER_CONVERT_SPEC_H_
#define CHAINRULE_SERVER_CONVERT_SPEC_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "chainrule/v1/model.pb.h"
#include "engine/nn/normalization.h"
#include "server/models/limits.h"
#include "server/models/settings.h"

namespace chainrule::server {

struct ResolvedSpec {
  std::shared_ptr<const ModelSettings> settings;
  engine::Normalization normalization;
};

// Fills in every default and checks every rule of model.proto; all violations are
// collected, with their paths below `field`.  Beyond max_layers or max_parameters:
// LIMIT_EXCEEDED.  Linear in the spec (names, normalisation): for compute threads.
absl::StatusOr<ResolvedSpec> ReadSpec(const v1::ModelSpec& spec, const Limits& limits,
                                      absl::string_view field = "model.spec");

// The inverse: the spec as resolved.  ReadSpec of it gives the same settings.
void WriteSpec(const ModelSettings& settings, const engine::Normalization& normalization,
               v1::ModelSpec* spec);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_SPEC_H_
