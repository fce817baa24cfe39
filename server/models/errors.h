// The errors of models and their calls: each with the reason, the metadata and the
// resource that errors.proto documents.  Ids were checked before, so they are short.
#ifndef CHAINRULE_SERVER_MODELS_ERRORS_H_
#define CHAINRULE_SERVER_MODELS_ERRORS_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace chainrule::server {

// Of the registry. `id` is without "models/".
absl::Status ModelNotFound(absl::string_view id);
absl::Status ModelExists(absl::string_view id);

// Of a model's versions. `version`: a number or an alias.
absl::Status VersionNotFound(absl::string_view id, absl::string_view version);
// `aliases` name it, joined by commas.
absl::Status VersionInUse(absl::string_view id, int64_t version, absl::string_view aliases);

// Of one model.
absl::Status ModelDeleted(absl::string_view id);
absl::Status EtagMismatch(absl::string_view id, absl::string_view etag);
absl::Status StepMismatch(absl::string_view id, int64_t model_step, int64_t if_step);
// `field`: the base_step that is too old.
absl::Status StaleGradients(absl::string_view field, absl::string_view id, int64_t model_step,
                            int64_t base_step, int64_t max_staleness);
absl::Status AlreadyTrained(absl::string_view id, int64_t model_step);
// What is stored of it cannot be read, and why.
absl::Status ModelDamaged(absl::string_view id, absl::string_view why);

// Of any call.
absl::Status Stopping();
absl::Status RequestIdReused(absl::string_view request_id);
absl::Status RequestIdExpired(absl::string_view request_id);
// Of an interrupted training whose best weights are no longer remembered.
absl::Status BestWeightsExpired(absl::string_view request_id);
// `made`: the time of the time-ordered id; `last`: the latest that is allowed.
absl::Status RequestIdAhead(absl::string_view request_id, absl::Time made, absl::Time last);

// What Cancellation::Check said, for the caller: CANCELLED, DEADLINE_EXCEEDED,
// MODEL_DELETED or STOPPING; or an error that has a reason of its own, as it is.
// `model_step`: of a change, which kept the steps done.
absl::Status Interrupted(const absl::Status& why, absl::string_view id,
                         std::optional<int64_t> model_step = std::nullopt);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_ERRORS_H_
