// The errors of a store, with the reasons that errors.proto documents.
#ifndef CHAINRULE_SERVER_STORE_ERRORS_H_
#define CHAINRULE_SERVER_STORE_ERRORS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace chainrule::server {

// UNAVAILABLE, STORAGE_FAILED, with a time to come back after: what the disk said.
absl::Status StorageFailed(absl::string_view why);
// DATA_LOSS, MODEL_DAMAGED: the file, and what is wrong with it.
absl::Status StorageDamaged(absl::string_view file, absl::string_view what);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_ERRORS_H_
