#include "engine/blas/tile_scratch.h"

#include <atomic>
#include <optional>

#include "engine/core/executor.h"
#include "gtest/gtest.h"

namespace chainrule::engine {
namespace {

TEST(TileScratchTest, LoansAreApartAndAlignedAndComeBack) {
  TileScratch scratch(2);
  scratch.Reserve(100);
  std::optional<TileScratch::Loan> one(std::in_place, &scratch);
  std::optional<TileScratch::Loan> two(std::in_place, &scratch);
  float* const first = one->data();
  EXPECT_GE(std::abs(two->data() - first), 100);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % kAlignmentBytes, 0U);
  one.reset();
  EXPECT_EQ(TileScratch::Loan(&scratch).data(), first);
}

TEST(TileScratchTest, GrowsOnlyWhenItMust) {
  TileScratch scratch(1);
  scratch.Reserve(100);
  const float* const before = TileScratch::Loan(&scratch).data();
  scratch.Reserve(100);
  scratch.Reserve(7);
  EXPECT_EQ(TileScratch::Loan(&scratch).data(), before);
  scratch.Reserve(1'000'000);
  TileScratch::Loan(&scratch).data()[999'999] = 1.0F;
}

TEST(TileScratchTest, EachThreadOfALoopHasAPlaceOfItsOwn) {
  const Executor executor(3);
  TileScratch scratch(3);
  scratch.Reserve(1);
  std::atomic<int> shared = 0;
  executor.ParallelFor(10'000, [&](int64_t i) {
    const TileScratch::Loan place(&scratch);
    *place.data() = static_cast<float>(i);
    if (*place.data() != static_cast<float>(i)) ++shared;
  });
  EXPECT_EQ(shared, 0);
}

TEST(TileScratchDeathTest, OneLoanTooManyIsADefect) {
  TileScratch scratch(1);
  const TileScratch::Loan only(&scratch);
  EXPECT_DEATH(TileScratch::Loan(&scratch).data(), "places.size");
}

}  // namespace
}  // namespace chainrule::engine
