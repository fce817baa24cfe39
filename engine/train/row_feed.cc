#include "engine/train/row_feed.h"

#include <algorithm>
#include <optional>

#include "engine/core/check.h"
#include "engine/train/read_ahead.h"

namespace chainrule::engine {

RowFeed::RowFeed(const Examples& examples) : examples_(examples) {
  if (examples.spooled() != nullptr) ahead_ = std::make_unique<ReadAhead>(examples);
}

RowFeed::~RowFeed() = default;

void RowFeed::Begin(std::span<const int64_t> order) {
  order_ = order;
  if (ahead_ != nullptr) ahead_->Begin(order);
}

absl::StatusOr<RowPiece> RowFeed::Next(int64_t count) {
  CHAINRULE_CHECK(count > 0 && static_cast<size_t>(count) <= order_.size());
  RowPiece piece = {&examples_, order_.first(static_cast<size_t>(count))};
  if (ahead_ != nullptr) {
    absl::StatusOr<RowPiece> staged = ahead_->Next(count);
    if (!staged.ok()) return staged.status();
    piece = *staged;
  }
  order_ = order_.subspan(piece.rows.size());
  return piece;
}

absl::StatusOr<double> RowFeed::WeightSum(int64_t count) const {
  const std::span<const int64_t> rows = order_.first(static_cast<size_t>(count));
  if (ahead_ == nullptr || !weighted()) return examples_.WeightSum(rows);
  if (std::optional<double> sum = ahead_->WeightSum(count)) return *sum;
  return examples_.spooled()->WeightSum(rows);
}

}  // namespace chainrule::engine
