#include "client/data/labels.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/data/text.h"

namespace chainrule::client {

Labels::Labels(LabelKind kind, int64_t count, std::vector<std::string> names)
    : kind_(kind), class_count_(count), names_(std::move(names)) {
  for (size_t i = 0; i < names_.size(); ++i) ids_.emplace(names_[i], static_cast<int32_t>(i));
}

absl::StatusOr<int32_t> Labels::ClassOf(absl::string_view cell) const {
  const auto found = ids_.find(cell);
  if (found != ids_.end()) return found->second;
  if (!names_.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(cell), " is none of the model's classes: ", FirstOf(names_)));
  }
  int32_t id = 0;
  if (absl::SimpleAtoi(cell, &id) && id >= 0 && id < class_count_) return id;
  return absl::InvalidArgumentError(
      absl::StrCat(Quoted(cell), " is no class: the model has no class names, so classes are 0 to ",
                   class_count_ - 1));
}

absl::StatusOr<float> Labels::NumberOf(absl::string_view cell) const {
  const absl::StatusOr<float> number = ParseNumber(cell);
  if (!number.ok() || !are_shares_ || (*number >= 0 && *number <= 1)) return number;
  return absl::InvalidArgumentError(
      absl::StrCat(Quoted(cell), " is not from 0 to 1, as targets of cross-entropy are"));
}

}  // namespace chainrule::client
