// What a lifecycle call answered, as bytes.
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_SERVER_MODELS_DESCRIPTION_CODEC_H_
#define CHAINRULE_SERVER_MODELS_DESCRIPTION_CODEC_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/models/settings.h"

namespace chainrule::server {

std::string EncodeLifecycle(const LifecycleOutcome& outcome);
// DATA_LOSS: the bytes are no such answer.
absl::StatusOr<LifecycleOutcome> DecodeLifecycle(absl::string_view bytes);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_DESCRIPTION_CODEC_H_
