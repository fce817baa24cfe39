#include "server/models/errors.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/core/error.h"

namespace chainrule::server {
namespace {

using engine::ErrorDetail;
using engine::MakeError;

std::string ResourceName(absl::string_view id) { return absl::StrCat("models/", id); }

ErrorDetail OfModel(absl::string_view reason, absl::string_view id) {
  ErrorDetail detail;
  detail.reason = std::string(reason);
  detail.metadata = {{"model", ResourceName(id)}};
  detail.resource_type = "chainrule.v1.Model";
  detail.resource_name = ResourceName(id);
  return detail;
}

ErrorDetail OfReason(absl::string_view reason) {
  ErrorDetail detail;
  detail.reason = std::string(reason);
  return detail;
}

ErrorDetail OfRequestId(absl::string_view reason, absl::string_view request_id) {
  ErrorDetail detail = OfReason(reason);
  detail.metadata = {{"request_id", std::string(request_id)}};
  return detail;
}

}  // namespace

absl::Status ModelNotFound(absl::string_view id) {
  return MakeError(absl::StatusCode::kNotFound,
                   absl::StrCat("there is no model '", ResourceName(id), "'"),
                   OfModel("MODEL_NOT_FOUND", id));
}

absl::Status ModelExists(absl::string_view id) {
  return MakeError(absl::StatusCode::kAlreadyExists,
                   absl::StrCat("there is a model '", ResourceName(id), "' already"),
                   OfModel("MODEL_EXISTS", id));
}

absl::Status VersionNotFound(absl::string_view id, absl::string_view version) {
  ErrorDetail detail = OfReason("VERSION_NOT_FOUND");
  detail.metadata = {{"model", ResourceName(id)}, {"version", std::string(version)}};
  detail.resource_type = "chainrule.v1.ModelVersion";
  detail.resource_name = absl::StrCat(ResourceName(id), "@", version);
  return MakeError(absl::StatusCode::kNotFound,
                   absl::StrCat("model '", ResourceName(id), "' has no version '", version, "'"),
                   detail);
}

absl::Status VersionInUse(absl::string_view id, int64_t version, absl::string_view aliases) {
  ErrorDetail detail = OfReason("VERSION_IN_USE");
  detail.metadata = {{"version", absl::StrCat(version)}, {"aliases", std::string(aliases)}};
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   absl::StrCat("version ", version, " of model '", ResourceName(id),
                                "' is what alias ", aliases, " names; move or delete that first"),
                   detail);
}

absl::Status ModelDeleted(absl::string_view id) {
  return MakeError(absl::StatusCode::kAborted,
                   absl::StrCat("model '", ResourceName(id), "' was deleted during the call"),
                   OfModel("MODEL_DELETED", id));
}

absl::Status EtagMismatch(absl::string_view id, absl::string_view etag) {
  ErrorDetail detail = OfReason("ETAG_MISMATCH");
  detail.metadata = {{"etag", std::string(etag)}};
  return MakeError(
      absl::StatusCode::kAborted,
      absl::StrCat("etag: model '", ResourceName(id), "' is at '", etag, "'; read it again"),
      detail);
}

absl::Status StepMismatch(absl::string_view id, int64_t model_step, int64_t if_step) {
  ErrorDetail detail = OfReason("STEP_MISMATCH");
  detail.metadata = {{"model_step", absl::StrCat(model_step)}, {"if_step", absl::StrCat(if_step)}};
  return MakeError(absl::StatusCode::kAborted,
                   absl::StrCat("if_step: ", if_step, "; model '", ResourceName(id),
                                "' is at step ", model_step),
                   detail);
}

absl::Status StaleGradients(absl::string_view field, absl::string_view id, int64_t model_step,
                            int64_t base_step, int64_t max_staleness) {
  ErrorDetail detail = OfReason("STALE_GRADIENTS");
  detail.metadata = {{"model_step", absl::StrCat(model_step)},
                     {"base_step", absl::StrCat(base_step)},
                     {"max_staleness", absl::StrCat(max_staleness)}};
  return MakeError(absl::StatusCode::kAborted,
                   absl::StrCat(field, ": ", base_step, "; model '", ResourceName(id),
                                "' is at step ", model_step, ", and max_staleness is ",
                                max_staleness, "; compute the gradient on newer weights"),
                   detail);
}

absl::Status AlreadyTrained(absl::string_view id, int64_t model_step) {
  ErrorDetail detail = OfReason("ALREADY_TRAINED");
  detail.metadata = {{"model_step", absl::StrCat(model_step)}};
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   absl::StrCat("fit_normalization: model '", ResourceName(id), "' is at step ",
                                model_step, "; allowed at step 0 only"),
                   detail);
}

absl::Status ModelDamaged(absl::string_view id, absl::string_view why) {
  return MakeError(absl::StatusCode::kDataLoss,
                   absl::StrCat("model '", ResourceName(id), "' is damaged: ", why),
                   OfModel("MODEL_DAMAGED", id));
}

absl::Status Stopping() {
  return MakeError(absl::StatusCode::kUnavailable, "the server is stopping", OfReason("STOPPING"));
}

absl::Status RequestIdReused(absl::string_view request_id) {
  return MakeError(absl::StatusCode::kAlreadyExists,
                   absl::StrCat("request_id: '", request_id, "' came before with other content"),
                   OfRequestId("REQUEST_ID_REUSED", request_id));
}

absl::Status RequestIdExpired(absl::string_view request_id) {
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   absl::StrCat("request_id: '", request_id, "' is older than what is remembered"),
                   OfRequestId("REQUEST_ID_EXPIRED", request_id));
}

absl::Status BestWeightsExpired(absl::string_view request_id) {
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   absl::StrCat("request_id: '", request_id,
                                "' was interrupted, and its best weights are not remembered any "
                                "more, as those of the 2 newest are; its steps stay, and a new "
                                "id trains on from them"),
                   OfRequestId("REQUEST_ID_EXPIRED", request_id));
}

absl::Status RequestIdAhead(absl::string_view request_id, absl::Time made, absl::Time last) {
  return engine::InvalidField(
      "request_id",
      absl::StrCat("'", request_id, "'; was made at ", absl::FormatTime(made, absl::UTCTimeZone()),
                   " by the client's clock, must be no later than ",
                   absl::FormatTime(last, absl::UTCTimeZone()), ", 10 minutes from now"));
}

absl::Status Interrupted(const absl::Status& why, absl::string_view id,
                         std::optional<int64_t> model_step) {
  ErrorDetail detail = engine::GetErrorDetail(why);
  const bool own = !detail.reason.empty();  // it was not the cancellation
  if (!own && why.code() == absl::StatusCode::kAborted) return ModelDeleted(id);
  if (!own && why.code() == absl::StatusCode::kUnavailable) return Stopping();
  const bool late = why.code() == absl::StatusCode::kDeadlineExceeded;
  if (!own) detail = OfReason(late ? "DEADLINE_EXCEEDED" : "CANCELLED");
  std::string message(why.message());
  if (model_step.has_value()) {
    detail.metadata.emplace_back("model_step", absl::StrCat(*model_step));
    absl::StrAppend(&message, "; model '", ResourceName(id), "' is at step ", *model_step);
  }
  return MakeError(why.code(), message, detail);
}

}  // namespace chainrule::server
