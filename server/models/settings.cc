#include "server/models/settings.h"

namespace chainrule::server {

int64_t ClassCount(const engine::NetworkSpec& spec) {
  if (engine::IsRegression(spec.loss.kind) || spec.multi_label) return 0;
  return spec.output_width() == 1 ? 2 : spec.output_width();
}

}  // namespace chainrule::server
