#include "engine/train/row_feed.h"

#include <algorithm>
#include <array>
#include <optional>

#include "engine/core/check.h"
#include "engine/train/read_ahead.h"

namespace chainrule::engine {
namespace {

// At a time, of an order that is no list.
constexpr int64_t kMostRows = 4'096;

}  // namespace

RowFeed::RowFeed(const Examples& examples) : examples_(examples) {
  if (examples.spooled() != nullptr) ahead_ = std::make_unique<ReadAhead>(examples);
}

RowFeed::~RowFeed() = default;

void RowFeed::Begin(const RowOrder& order, int64_t first) {
  order_ = &order;
  next_ = first;
  if (ahead_ != nullptr) ahead_->Begin(order, first);
  if (ahead_ == nullptr && order.list().empty()) rows_.reserve(kMostRows);
}

void RowFeed::End() {
  order_ = nullptr;
  if (ahead_ != nullptr) ahead_->End();
}

absl::StatusOr<RowPiece> RowFeed::Next(int64_t count) {
  CHAINRULE_CHECK(count > 0 && count <= order_->size() - next_);
  absl::StatusOr<RowPiece> piece =
      ahead_ != nullptr ? ahead_->Next(count) : RowPiece{&examples_, NextRows(count)};
  if (piece.ok()) next_ += static_cast<int64_t>(piece->rows.size());
  return piece;
}

std::span<const int64_t> RowFeed::NextRows(int64_t count) {
  const std::span<const int64_t> list = order_->list();
  if (!list.empty()) return list.subspan(static_cast<size_t>(next_), static_cast<size_t>(count));
  rows_.resize(static_cast<size_t>(std::min(count, kMostRows)));
  order_->Copy(next_, rows_);
  return rows_;
}

absl::StatusOr<double> RowFeed::WeightSum(int64_t count) const {
  if (!weighted()) return static_cast<double>(count);
  if (ahead_ != nullptr) {
    if (std::optional<double> sum = ahead_->WeightSum(count)) return *sum;
  }
  double sum = 0;
  std::array<int64_t, 256> rows;
  const int64_t end = next_ + count;
  for (int64_t first = next_; first < end;) {
    const auto part = std::span<int64_t>(rows).first(
        static_cast<size_t>(std::min<int64_t>(rows.size(), end - first)));
    order_->Copy(first, part);
    if (absl::Status status = examples_.AddWeights(part, &sum); !status.ok()) return status;
    first += static_cast<int64_t>(part.size());
  }
  return sum;
}

}  // namespace chainrule::engine
