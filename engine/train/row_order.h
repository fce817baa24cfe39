// RowOrder: rows of a data set in some order: as a list, or as a rule where a list would take
// memory that the rows themselves do not.
// Thread-safe: immutable.
#ifndef CHAINRULE_ENGINE_TRAIN_ROW_ORDER_H_
#define CHAINRULE_ENGINE_TRAIN_ROW_ORDER_H_

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "engine/core/random.h"

namespace chainrule::engine {

class RowOrder {
 public:
  virtual ~RowOrder() = default;
  virtual int64_t size() const = 0;
  // rows ← those at [first, first + rows.size()). Requires that there are as many.
  virtual void Copy(int64_t first, std::span<int64_t> rows) const = 0;
  // All of them, if they are a list; else empty.
  virtual std::span<const int64_t> list() const { return {}; }
};

// A list.
class ListedRows : public RowOrder {
 public:
  // Owned, or borrowed.
  explicit ListedRows(std::vector<int64_t> rows) : owned_(std::move(rows)), rows_(owned_) {}
  explicit ListedRows(std::span<const int64_t> rows) : rows_(rows) {}
  ListedRows(const ListedRows&) = delete;
  ListedRows& operator=(const ListedRows&) = delete;

  int64_t size() const override { return static_cast<int64_t>(rows_.size()); }
  void Copy(int64_t first, std::span<int64_t> rows) const override;
  std::span<const int64_t> list() const override { return rows_; }

 private:
  const std::vector<int64_t> owned_;
  const std::span<const int64_t> rows_;
};

// [0, size), rising.
class AllRows : public RowOrder {
 public:
  explicit AllRows(int64_t size) : size_(size) {}
  int64_t size() const override { return size_; }
  void Copy(int64_t first, std::span<int64_t> rows) const override;

 private:
  const int64_t size_;
};

// A random permutation of [0, size) that takes no memory: a cipher on the numbers of as many
// bits as are needed (M. Luby, C. Rackoff, 1988: a Feistel network), applied until it gives
// one below `size` (J. Black, P. Rogaway, 2002: cycle walking).
class Permutation {
 public:
  // Requires size > 0.
  Permutation(int64_t size, const RandomStream& stream);
  int64_t At(int64_t place) const;

 private:
  static constexpr int kRounds = 8;
  uint64_t Encrypt(uint64_t number) const;

  const uint64_t size_;
  int half_bits_ = 1;
  std::array<uint64_t, kRounds> keys_{};
};

// The rows of `base`, which is borrowed, in the order of a permutation.
class PermutedRows : public RowOrder {
 public:
  PermutedRows(const RowOrder& base, const RandomStream& stream)
      : base_(base), permutation_(base.size(), stream) {}
  int64_t size() const override { return base_.size(); }
  void Copy(int64_t first, std::span<int64_t> rows) const override;

 private:
  const RowOrder& base_;
  const Permutation permutation_;
};

// A bit for each row of a data set.
class RowMarks {
 public:
  explicit RowMarks(int64_t rows)
      : rows_(rows), words_(static_cast<size_t>((rows + kBits - 1) / kBits)) {}
  static constexpr int64_t kBits = 64;

  void Mark(int64_t row) { words_[static_cast<size_t>(row / kBits)] |= Bit(row); }
  int64_t rows() const { return rows_; }
  // Bits of the word that begins at row `word` · kBits: the rows that are marked, or, else, those
  // that are not.
  uint64_t Word(int64_t word, bool marked) const;
  int64_t words() const { return static_cast<int64_t>(words_.size()); }

 private:
  static uint64_t Bit(int64_t row) { return uint64_t{1} << (row % kBits); }

  const int64_t rows_;
  std::vector<uint64_t> words_;
};

// The rows that are marked, or those that are not, rising.
class MarkedRows : public RowOrder {
 public:
  MarkedRows(std::shared_ptr<const RowMarks> marks, bool marked);
  int64_t size() const override { return size_; }
  void Copy(int64_t first, std::span<int64_t> rows) const override;

 private:
  // Words between two counts.
  static constexpr int64_t kStride = 64;

  const std::shared_ptr<const RowMarks> marks_;
  const bool marked_;
  int64_t size_ = 0;
  std::vector<int64_t> before_;  // rows before each kStride words
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_ROW_ORDER_H_
