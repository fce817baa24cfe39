// What most requests that change a model's numbers have.
#ifndef CHAINRULE_SERVER_CONVERT_WRITE_OPTIONS_H_
#define CHAINRULE_SERVER_CONVERT_WRITE_OPTIONS_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "engine/core/error.h"
#include "server/convert/names.h"
#include "server/models/calls.h"

namespace chainrule::server {

// request_id and if_step.  Without the cancellation, which is the caller's to add.
template <typename Request>
absl::StatusOr<WriteOptions> CheckWriteOptions(const Request& request) {
  WriteOptions options;
  absl::StatusOr<std::string> request_id = ParseRequestId(request.request_id());
  if (!request_id.ok()) return request_id.status();
  options.request_id = *std::move(request_id);
  if (!request.has_if_step()) return options;
  if (request.if_step() < 0) {
    return engine::InvalidField("if_step", absl::StrCat(request.if_step(), "; must be 0 or more"));
  }
  options.if_step = request.if_step();
  return options;
}

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_WRITE_OPTIONS_H_
