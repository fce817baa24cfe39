// ReadAhead: reads rows of a spool on a thread of its own, in an order that is told ahead,
// into a few pieces of memory that are used in turn, so that who takes them waits only
// where the disk cannot keep up.  Of several pieces the disk is asked for all rows at
// once, for a disk that has much to do is quicker.
// Begin, Next and WeightSum are for one thread.
#ifndef CHAINRULE_ENGINE_TRAIN_READ_AHEAD_H_
#define CHAINRULE_ENGINE_TRAIN_READ_AHEAD_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/core/mutex.h"
#include "engine/train/row_feed.h"
#include "engine/train/row_order.h"
#include "engine/train/spooled_rows.h"

namespace chainrule::engine {

class ReadAhead {
 public:
  // The pieces take so much together, or two rows if that is more.
  static constexpr int64_t kBytes = int64_t{8} << 20;

  // `examples` is borrowed, and spooled.
  explicit ReadAhead(const Examples& examples);
  ~ReadAhead();

  // As RowFeed's.
  void Begin(const RowOrder& order, int64_t first);
  void End() { BeginAt(nullptr, 0); }
  absl::StatusOr<RowPiece> Next(int64_t count);
  // Nothing if the next `count` rows are not all in the piece at hand.
  std::optional<double> WeightSum(int64_t count) const;

 private:
  struct Piece {
    explicit Piece(const Examples& all)
        : stage(all.spooled()->NewStage()), examples(all.input_width(), all.output_width()) {}
    std::vector<int64_t> rows;
    std::unique_ptr<RowStage> stage;
    Examples examples;
    absl::Status status;
  };
  enum class Task { kNone, kStart, kFinish, kStop };

  void BeginAt(const RowOrder* order, int64_t first);
  void Run();
  // Waits for something to do.
  Task NextTask() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Task FindTask() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Done(Task task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void Start(const RowOrder& order, int64_t first, Piece* piece);
  static void Finish(Piece* piece);

  // Pieces of the order.
  int64_t count() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Piece& piece(int64_t index) { return pieces_[static_cast<size_t>(index) % pieces_.size()]; }
  int64_t left() const { return at_hand_ == nullptr ? 0 : at_hand_->examples.rows() - taken_; }
  std::span<const int64_t> NextNumbers(int64_t count) const;

  const int64_t piece_rows_;
  std::vector<Piece> pieces_;
  std::vector<int64_t> numbers_;  // 0, 1, 2, …

  // Of who takes: the piece at hand, and how many of its rows were taken.
  const Piece* at_hand_ = nullptr;
  int64_t taken_ = 0;

  Mutex mutex_;
  CondVar changed_;
  const RowOrder* order_ ABSL_GUARDED_BY(mutex_) = nullptr;
  int64_t first_ ABSL_GUARDED_BY(mutex_) = 0;
  // Pieces, counted from first_ on: used_ ≤ finished_ ≤ started_.
  int64_t started_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t finished_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t used_ ABSL_GUARDED_BY(mutex_) = 0;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;   // the thread is
  bool waits_ ABSL_GUARDED_BY(mutex_) = false;  // Next does
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_READ_AHEAD_H_
