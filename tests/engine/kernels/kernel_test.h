// What the tests of the kernels share: a fixture that runs each test on every SIMD
// target, and matrices whose surroundings are watched.
#ifndef CHAINRULE_TESTS_ENGINE_KERNELS_KERNEL_TEST_H_
#define CHAINRULE_TESTS_ENGINE_KERNELS_KERNEL_TEST_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/core/aligned_buffer.h"
#include "engine/core/matrix.h"
#include "engine/core/random.h"
#include "gtest/gtest.h"
#include "tests/engine/kernels/targets.h"

namespace chainrule::engine {

class KernelTest : public testing::TestWithParam<int64_t> {
 private:
  OnlyTarget only_{GetParam()};
};

inline std::string NameOfTarget(const testing::TestParamInfo<int64_t>& info) {
  return hwy::TargetName(info.param);
}

// Uniform in [low, high).
inline std::vector<float> RandomValues(size_t count, float low, float high, int64_t seed = 1) {
  const RandomStream stream(seed, RandomPurpose::kInitializer, 0);
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = low + (high - low) * stream.Uniform(i);
  return values;
}

// A matrix `offset` floats behind a 64-byte boundary, `gap` floats between its rows
// and some behind its end. The surroundings hold a NaN, so whoever reads them shows it
// in the results, and whoever writes them is seen by IsIntact.
class GuardedMatrix {
 public:
  GuardedMatrix(int64_t rows, int64_t columns, int64_t gap, int64_t offset)
      : buffer_(static_cast<size_t>(offset + rows * (columns + gap) + kBehind)),
        view_(buffer_.data() + offset, rows, columns, columns + gap) {
    for (float& value : buffer_.span()) value = std::bit_cast<float>(kGuard);
    Fill([](int64_t, int64_t) { return 0.0F; });
  }

  MatrixView view() const { return view_; }
  float& operator()(int64_t row, int64_t column) { return view_(row, column); }

  void Fill(const std::function<float(int64_t, int64_t)>& value) {
    for (int64_t i = 0; i < view_.rows; ++i) {
      for (int64_t j = 0; j < view_.columns; ++j) view_(i, j) = value(i, j);
    }
  }
  void FillRandom(float low, float high, int64_t seed) {
    const auto values = RandomValues(static_cast<size_t>(view_.size()), low, high, seed);
    Fill([&](int64_t i, int64_t j) { return values[static_cast<size_t>(i * view_.columns + j)]; });
  }

  bool IsIntact() const {
    for (const float& value : buffer_.span()) {
      const int64_t place = &value - view_.data;
      const bool ours =
          place >= 0 && place < view_.rows * view_.stride && place % view_.stride < view_.columns;
      if (!ours && std::bit_cast<uint32_t>(value) != kGuard) return false;
    }
    return true;
  }

 private:
  static constexpr uint32_t kGuard = 0x7FC0BEEF;
  static constexpr int64_t kBehind = 64;
  AlignedBuffer buffer_;
  MatrixView view_;
};

// Calls with (rows, columns, gap, offset): lengths around every vector's width, rows
// with and without gaps, pointers off every alignment.
inline void ForEachShape(const std::function<void(int64_t, int64_t, int64_t, int64_t)>& test) {
  for (int64_t columns = 0; columns <= 3 * 16 + 1; ++columns) {
    for (const int64_t rows : {1, 3}) {
      for (const int64_t gap : {0, 3}) {
        for (const int64_t offset : {0, 1, 3}) test(rows, columns, gap, offset);
      }
    }
  }
}

inline bool SameBits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

inline bool SameBits(ConstMatrixView a, ConstMatrixView b) {
  if (a.rows != b.rows) return false;
  for (int64_t i = 0; i < a.rows; ++i) {
    if (!SameBits(a.row(i), b.row(i))) return false;
  }
  return true;
}

}  // namespace chainrule::engine

#endif  // CHAINRULE_TESTS_ENGINE_KERNELS_KERNEL_TEST_H_
