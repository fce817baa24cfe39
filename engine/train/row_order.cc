#include "engine/train/row_order.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace chainrule::engine {
namespace {

// A mixing of all bits of `value` (D. Stafford's constants of the finalizer of MurmurHash3).
uint64_t Mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
  return value ^ (value >> 31);
}

}  // namespace

void ListedRows::Copy(int64_t first, std::span<int64_t> rows) const {
  const auto part = rows_.subspan(static_cast<size_t>(first), rows.size());
  std::copy(part.begin(), part.end(), rows.begin());
}

void AllRows::Copy(int64_t first, std::span<int64_t> rows) const {
  std::iota(rows.begin(), rows.end(), first);
}

Permutation::Permutation(int64_t size, const RandomStream& stream)
    : size_(static_cast<uint64_t>(size)) {
  half_bits_ = std::max(1, (static_cast<int>(std::bit_width(size_ - 1)) + 1) / 2);
  for (size_t i = 0; i < keys_.size(); ++i) {
    const auto bits = stream.Bits(i);
    keys_[i] = uint64_t{bits[0]} << 32 | bits[1];
  }
}

int64_t Permutation::At(int64_t place) const {
  uint64_t number = static_cast<uint64_t>(place);
  do {
    number = Encrypt(number);
  } while (number >= size_);
  return static_cast<int64_t>(number);
}

uint64_t Permutation::Encrypt(uint64_t number) const {
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  uint64_t left = number >> half_bits_;
  uint64_t right = number & mask;
  for (const uint64_t key : keys_) {
    const uint64_t next = left ^ (Mix(right ^ key) & mask);
    left = right;
    right = next;
  }
  return left << half_bits_ | right;
}

void PermutedRows::Copy(int64_t first, std::span<int64_t> rows) const {
  for (int64_t& row : rows) base_.Copy(permutation_.At(first++), {&row, 1});
}

uint64_t RowMarks::Word(int64_t word, bool marked) const {
  const uint64_t bits = words_[static_cast<size_t>(word)];
  if (marked) return bits;
  const int64_t rows = std::min(kBits, rows_ - word * kBits);
  return ~bits & (~uint64_t{0} >> (kBits - rows));
}

MarkedRows::MarkedRows(std::shared_ptr<const RowMarks> marks, bool marked)
    : marks_(std::move(marks)), marked_(marked) {
  for (int64_t word = 0; word < marks_->words(); ++word) {
    if (word % kStride == 0) before_.push_back(size_);
    size_ += std::popcount(marks_->Word(word, marked_));
  }
}

void MarkedRows::Copy(int64_t first, std::span<int64_t> rows) const {
  const auto after = std::upper_bound(before_.begin(), before_.end(), first);
  int64_t word = (after - before_.begin() - 1) * kStride;
  int64_t skip = first - *std::prev(after);
  for (size_t copied = 0; copied < rows.size(); ++word) {
    uint64_t bits = marks_->Word(word, marked_);
    const int64_t count = std::popcount(bits);
    if (skip >= count) {
      skip -= count;
      continue;
    }
    for (; bits != 0 && copied < rows.size(); bits &= bits - 1) {
      if (skip-- > 0) continue;
      rows[copied++] = word * RowMarks::kBits + std::countr_zero(bits);
    }
    skip = 0;
  }
}

}  // namespace chainrule::engine
