// RowFeed: brings rows in an order that is told ahead, some at a time: those that memory
// holds as they are, those of a spool through a thread that reads ahead.
// Single-threaded.
#ifndef CHAINRULE_ENGINE_TRAIN_ROW_FEED_H_
#define CHAINRULE_ENGINE_TRAIN_ROW_FEED_H_

#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "engine/train/examples.h"

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

  // From now on these rows come. `order` is borrowed until End, or another Begin.
  void Begin(std::span<const int64_t> order);
  void End() { Begin({}); }

  // The next rows, `count` or fewer, at least one; valid until the next call. Requires that
  // `count` > 0 are left. Waits for the disk where it was not quick enough. UNAVAILABLE,
  // STORAGE_FAILED: it failed, and so will every later call until Begin. Allocates nothing.
  absl::StatusOr<RowPiece> Next(int64_t count);
  // Σ weights of the next `count` rows, which stay the next ones. Fails as Next.
  absl::StatusOr<double> WeightSum(int64_t count) const;

 private:
  const Examples& examples_;
  std::span<const int64_t> order_;  // what is left of it
  std::unique_ptr<ReadAhead> ahead_;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_ROW_FEED_H_
