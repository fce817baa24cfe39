// Limits: what this server takes at most. Set by flags of the same names, advertised
// by GetServerInfo, checked before memory is allocated for what they bound.
#ifndef CHAINRULE_SERVER_MODELS_LIMITS_H_
#define CHAINRULE_SERVER_MODELS_LIMITS_H_

#include <cstdint>

#include "absl/time/time.h"

namespace chainrule::server {

struct Limits {
  int64_t max_message_bytes = int64_t{64} << 20;
  int64_t max_models = 10'000;
  int64_t max_parameters = 100'000'000;
  int64_t max_layers = 256;
  int64_t max_rows = 1'000'000;                   // of one message
  int64_t max_fit_bytes = int64_t{16} << 30;      // the rows of one Fit, in memory and spooled
  int64_t max_import_bytes = int64_t{512} << 20;  // a file that one ImportModel brings
  int64_t max_epochs = 1'000'000;
  int64_t max_contributions = 1'000;  // of one ApplyGradients
  int64_t request_id_count = 10'000;  // remembered for each model, and for lifecycle calls
  absl::Duration request_id_age = absl::Hours(24);
  int64_t max_queued_calls = 4'096;
  int64_t max_queued_bytes = int64_t{1} << 30;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_LIMITS_H_
