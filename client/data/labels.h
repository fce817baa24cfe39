// How the label of a row is read.
#ifndef CHAINRULE_CLIENT_DATA_LABELS_H_
#define CHAINRULE_CLIENT_DATA_LABELS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chainrule::client {

enum class LabelKind {
  kNone,     // rows without labels
  kClasses,  // one class a row
  kNumbers,  // one number an output
};

// Labels: what a model's labels may be. Thread-safe: immutable once created.
class Labels {
 public:
  static Labels None() { return Labels(LabelKind::kNone, 0, {}); }
  static Labels Numbers() { return Labels(LabelKind::kNumbers, 0, {}); }
  // Numbers from 0 to 1, the targets of cross-entropy.
  static Labels Shares() {
    Labels labels = Numbers();
    labels.are_shares_ = true;
    return labels;
  }
  // Classes called `names`, or, where there are none, by their number below `count`.
  static Labels Classes(int64_t count, std::vector<std::string> names) {
    return Labels(LabelKind::kClasses, count, std::move(names));
  }

  LabelKind kind() const { return kind_; }
  int64_t class_count() const { return class_count_; }

  // The class, or the number, that a cell spells. INVALID_ARGUMENT says what is allowed.
  absl::StatusOr<int32_t> ClassOf(absl::string_view cell) const;
  absl::StatusOr<float> NumberOf(absl::string_view cell) const;

 private:
  Labels(LabelKind kind, int64_t count, std::vector<std::string> names);

  LabelKind kind_;
  bool are_shares_ = false;
  int64_t class_count_;
  std::vector<std::string> names_;
  absl::flat_hash_map<std::string, int32_t> ids_;
};

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_DATA_LABELS_H_
