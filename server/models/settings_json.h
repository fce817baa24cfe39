// A model's settings and normalisation as JSON, for the facts that a store keeps: names
// as in the protos, enums as numbers of the engine's own, which are never given anew.
// What a later version adds has a default, so that older facts can be read.
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_SERVER_MODELS_SETTINGS_JSON_H_
#define CHAINRULE_SERVER_MODELS_SETTINGS_JSON_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/nn/normalization.h"
#include "server/models/settings.h"

namespace chainrule::server {

struct StoredSettings {
  std::shared_ptr<const ModelSettings> settings;
  std::shared_ptr<const engine::Normalization> normalization;
};

std::string EncodeSettings(const ModelSettings& settings,
                           const engine::Normalization& normalization);
// The same doubles, to the bit. DATA_LOSS: it is no such text.
absl::StatusOr<StoredSettings> DecodeSettings(absl::string_view json);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_SETTINGS_JSON_H_
