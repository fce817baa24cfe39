#include "engine/train/read_ahead.h"

#include <algorithm>
#include <numeric>

namespace chainrule::engine {
namespace {

constexpr int64_t kMaxPieces = 8;
constexpr int64_t kMaxPieceRows = 4'096;

int64_t PieceRows(const SpooledRows& rows) {
  const int64_t fit = ReadAhead::kBytes / kMaxPieces / rows.largest_row_bytes();
  return std::clamp<int64_t>(fit, 1, kMaxPieceRows);
}

int64_t Pieces(const SpooledRows& rows) {
  const int64_t fit = ReadAhead::kBytes / (PieceRows(rows) * rows.largest_row_bytes());
  return std::clamp<int64_t>(fit, 2, kMaxPieces);
}

}  // namespace

ReadAhead::ReadAhead(const Examples& examples)
    : piece_rows_(PieceRows(*examples.spooled())), numbers_(static_cast<size_t>(piece_rows_)) {
  std::iota(numbers_.begin(), numbers_.end(), int64_t{0});
  for (int64_t i = 0; i < Pieces(*examples.spooled()); ++i) pieces_.emplace_back(examples);
  thread_ = std::thread([this] { Run(); });
}

ReadAhead::~ReadAhead() {
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void ReadAhead::Begin(const RowOrder& order, int64_t first) { BeginAt(&order, first); }

void ReadAhead::BeginAt(const RowOrder* order, int64_t first) {
  MutexLock lock(&mutex_);
  order_ = nullptr;
  while (busy_) changed_.Wait(&mutex_);
  started_ = 0;
  finished_ = 0;
  used_ = 0;
  at_hand_ = nullptr;
  taken_ = 0;
  order_ = order;
  first_ = first;
  changed_.NotifyAll();
}

absl::StatusOr<RowPiece> ReadAhead::Next(int64_t count) {
  if (left() == 0) {
    MutexLock lock(&mutex_);
    if (at_hand_ != nullptr) ++used_;
    at_hand_ = nullptr;
    taken_ = 0;
    waits_ = true;
    changed_.NotifyAll();
    while (finished_ == used_) changed_.Wait(&mutex_);
    waits_ = false;
    if (!piece(used_).status.ok()) return piece(used_).status;
    at_hand_ = &piece(used_);
  }
  const std::span<const int64_t> rows = NextNumbers(std::min(count, left()));
  taken_ += static_cast<int64_t>(rows.size());
  return RowPiece{&at_hand_->examples, rows};
}

std::optional<double> ReadAhead::WeightSum(int64_t count) const {
  if (count > left()) return std::nullopt;
  return at_hand_->examples.WeightSum(NextNumbers(count));
}

std::span<const int64_t> ReadAhead::NextNumbers(int64_t count) const {
  return std::span<const int64_t>(numbers_).subspan(static_cast<size_t>(taken_),
                                                    static_cast<size_t>(count));
}

int64_t ReadAhead::count() const {
  return (order_->size() - first_ + piece_rows_ - 1) / piece_rows_;
}

// The disk is asked for as much as there is room for; but nobody is kept waiting for that.
ReadAhead::Task ReadAhead::FindTask() const {
  if (stopped_) return Task::kStop;
  if (order_ == nullptr) return Task::kNone;
  const bool can_finish = finished_ < started_;
  if (can_finish && waits_ && finished_ == used_) return Task::kFinish;
  const bool room = started_ - used_ < static_cast<int64_t>(pieces_.size());
  if (room && started_ < count()) return Task::kStart;
  return can_finish ? Task::kFinish : Task::kNone;
}

ReadAhead::Task ReadAhead::NextTask() {
  for (;;) {
    const Task task = FindTask();
    if (task != Task::kNone) return task;
    changed_.Wait(&mutex_);
  }
}

void ReadAhead::Done(Task task) {
  ++(task == Task::kStart ? started_ : finished_);
  busy_ = false;
  changed_.NotifyAll();
}

void ReadAhead::Run() {
  for (;;) {
    Task task = Task::kNone;
    Piece* next = nullptr;
    const RowOrder* order = nullptr;
    int64_t first = 0;
    {
      MutexLock lock(&mutex_);
      task = NextTask();
      if (task == Task::kStop) return;
      busy_ = true;
      const int64_t index = task == Task::kStart ? started_ : finished_;
      next = &piece(index);
      order = order_;
      first = first_ + index * piece_rows_;
    }
    if (task == Task::kStart) {
      next->rows.resize(static_cast<size_t>(std::min(piece_rows_, order->size() - first)));
      Start(*order, first, next);
    } else {
      Finish(next);
    }
    MutexLock lock(&mutex_);
    Done(task);
  }
}

void ReadAhead::Start(const RowOrder& order, int64_t first, Piece* piece) {
  order.Copy(first, piece->rows);
  piece->status = piece->stage->Start(piece->rows);
}

void ReadAhead::Finish(Piece* piece) {
  if (piece->status.ok()) piece->status = piece->stage->Finish();
  if (!piece->status.ok()) return;
  piece->examples.Clear();
  for (const ExampleChunk& chunk : piece->stage->chunks()) piece->examples.Append(chunk);
}

}  // namespace chainrule::engine
