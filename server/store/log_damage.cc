#include "absl/strings/str_cat.h"
#include "server/store/log.h"

namespace chainrule::server {
namespace {

bool Lost(const LogDamage& damage, absl::string_view owner, uint64_t covered) {
  for (const LogDamage::Lost& lost : damage.owners) {
    if (lost.owner == owner && lost.sequence > covered) return true;
  }
  return false;
}

}  // namespace

absl::Status CheckComplete(const std::vector<LogDamage>& damage, absl::string_view owner,
                           uint64_t covered, uint64_t last_read) {
  for (const LogDamage& each : damage) {
    if (each.last < each.first || each.last <= covered) continue;
    if (each.owners_known) {
      if (Lost(each, owner, covered)) return absl::DataLossError(each.what);
    } else if (last_read <= each.last) {
      return absl::DataLossError(absl::StrCat(each.what, ", and it cannot be told whose records ",
                                              each.first, " to ", each.last, " are"));
    }
  }
  return absl::OkStatus();
}

}  // namespace chainrule::server
