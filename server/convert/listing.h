// ListModels: page tokens, page sizes and the filter.
#ifndef CHAINRULE_SERVER_CONVERT_LISTING_H_
#define CHAINRULE_SERVER_CONVERT_LISTING_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "chainrule/v1/model_service.pb.h"

namespace chainrule::server {

// Conditions on labels that must all hold: `labels.KEY = "VALUE"`, `labels.KEY:*`, joined
// by AND.  Thread-safe: immutable once parsed.
class LabelFilter {
 public:
  // INVALID_FIELD names `filter`, and where it stopped being understood.
  static absl::StatusOr<LabelFilter> Parse(absl::string_view text);

  bool Matches(const std::map<std::string, std::string>& labels) const;
  bool empty() const { return conditions_.empty(); }

 private:
  struct Condition {
    std::string key;
    std::optional<std::string> value;  // unset: the key is there
  };
  std::vector<Condition> conditions_;
};

struct ListModelsInput {
  std::string after;      // list models after this id; empty: from the first
  int64_t page_size = 0;  // 1 to 1000
  LabelFilter filter;
};
absl::StatusOr<ListModelsInput> ReadListModels(const v1::ListModelsRequest& request);

// The token of the page that follows the model `last_id`; good for the same filter only.
// Empty if last_id is.
std::string MakePageToken(absl::string_view last_id, absl::string_view filter);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_LISTING_H_
