#include "engine/blas/blas_core.h"

#include <cstdlib>
#include <string>

#include "engine/blas/blas_runtime.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chainrule::engine {
namespace {

using testing::AnyOf;
using testing::IsNull;
using testing::Not;
using testing::StrEq;

constexpr ProcessorFeatures kAvx2 = {.avx2 = true};
constexpr ProcessorFeatures kAvx512 = {.avx2 = true, .avx512 = true};
constexpr ProcessorFeatures kBf16 = {.avx2 = true, .avx512 = true, .avx512_bf16 = true};

TEST(BlasCoreTest, AnUnknownProcessorGetsTheBestCoreItCanRun) {
  for (const char* const fallback : {"Prescott", "Barcelona"}) {
    EXPECT_THAT(BetterBlasCore(fallback, kBf16), StrEq("Cooperlake"));
    EXPECT_THAT(BetterBlasCore(fallback, kAvx512), StrEq("SkylakeX"));
    EXPECT_THAT(BetterBlasCore(fallback, kAvx2), StrEq("Haswell"));
  }
}

TEST(BlasCoreTest, AnOldProcessorKeepsItsOwn) {
  EXPECT_THAT(BetterBlasCore("Prescott", {}), IsNull());
}

TEST(BlasCoreTest, WhatOpenBlasKnowsStays) {
  for (const char* const known : {"Haswell", "Zen", "SkylakeX", "Cooperlake", "Sandybridge"}) {
    EXPECT_THAT(BetterBlasCore(known, kBf16), IsNull());
  }
}

// What StartBlas does first; it then tests the products.
TEST(BlasCoreTest, NoFallbackIsLeftWhereTheProcessorCanDoMore) {
  const char* const by_hand = std::getenv("OPENBLAS_CORETYPE");
  ASSERT_TRUE(StartBlas(2).ok());
  if (by_hand != nullptr) {
    EXPECT_EQ(BlasCoreName(), by_hand);
    return;
  }
  if (FeaturesOfThisProcessor().avx2) {
    EXPECT_THAT(BlasCoreName(), Not(AnyOf("Prescott", "Barcelona")));
  }
  EXPECT_EQ(std::getenv("OPENBLAS_CORETYPE"), nullptr);
}

}  // namespace
}  // namespace chainrule::engine
