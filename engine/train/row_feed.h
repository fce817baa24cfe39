// RowFeed: brings rows in an order that is told ahead, some at a time: those that memory
// holds as they are, those of a spool through a thread that reads ahead.
// Single-threaded.
#ifndef CHAINRULE_ENGINE_TRAIN_ROW_FEED_H_
#define CHAINRULE_ENGINE_TRAIN_ROW_FEED_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/train/examples.h"
#include "engine/train/row_order.h"

namespace chainrule::engine {

class ReadAhead;

// Rows of `examples`, which memory holds.
struct RowPiece {
  const Examples* examples = nullptr;
  std::span<const int64_t> rows;
};

class RowFeed {
 public:
  // `examples` is borrowed. Costs nothing where memory holds them.
  explicit RowFeed(const Examples& examples);
  ~RowFeed();
  RowFeed(const RowFeed&) = delete;
  RowFeed& operator=(const RowFeed&) = delete;

  bool weighted() const { return examples_.weighted(); }

  // From now on these rows come, from the one at `first` on. `order` is borrowed until End, or
  // another Begin.
  void Begin(const RowOrder& order, int64_t first = 0);
  // No more rows come.
  void End();

  // The next rows, `count` or fewer, at least one; valid until the next call. Requires that
  // `count` > 0 are left. Waits for the disk where it was not quick enough. UNAVAILABLE,
  // STORAGE_FAILED: it failed, and so will every later call until Begin. Allocates nothing.
  absl::StatusOr<RowPiece> Next(int64_t count);
  // Σ weights of the next `count` rows, which stay the next ones. Fails as Next.
  absl::StatusOr<double> WeightSum(int64_t count) const;

 private:
  std::span<const int64_t> NextRows(int64_t count);

  const Examples& examples_;
  const RowOrder* order_ = nullptr;
  int64_t next_ = 0;           // in the order
  std::vector<int64_t> rows_;  // the last ones, where the order is no list
  std::unique_ptr<ReadAhead> ahead_;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_ROW_FEED_H_
