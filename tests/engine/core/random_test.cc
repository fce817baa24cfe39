#include "engine/core/random.h"

#include <cmath>
#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chainrule::engine {
namespace {

using ::testing::ElementsAre;

constexpr uint32_t kOnes = 0xFFFFFFFF;

// The known-answer vectors that come with the paper's library, Random123.
TEST(PhiloxTest, MatchesThePublishedVectors) {
  EXPECT_THAT(Philox4x32({0, 0, 0, 0}, {0, 0}),
              ElementsAre(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
  EXPECT_THAT(Philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
              ElementsAre(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
  EXPECT_THAT(
      Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
      ElementsAre(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1));
}

TEST(RandomStreamTest, SeedPurposeStepAndIndexAllTell) {
  std::set<std::array<uint32_t, 4>> blocks;
  for (int64_t seed : {int64_t{0}, int64_t{1}, int64_t{1} << 32, int64_t{-1}}) {
    for (auto purpose : {RandomPurpose::kInitializer, RandomPurpose::kGradientCheck}) {
      for (int64_t step : {int64_t{0}, int64_t{1}, int64_t{1} << 32, (int64_t{1} << 56) - 1}) {
        const RandomStream stream(seed, purpose, step);
        for (uint64_t index : {0ULL, 1ULL, 1ULL << 32, ~0ULL}) blocks.insert(stream.Bits(index));
      }
    }
  }
  EXPECT_EQ(blocks.size(), 4U * 2 * 4 * 4);
}

TEST(RandomStreamTest, SameStreamGivesTheSameNumbers) {
  const RandomStream one(42, RandomPurpose::kDropout, 7);
  const RandomStream other(42, RandomPurpose::kDropout, 7);
  EXPECT_EQ(one.Bits(5), other.Bits(5));
  EXPECT_EQ(one.Uniform(5), other.Uniform(5));
  EXPECT_EQ(one.Normal(5), other.Normal(5));
  EXPECT_EQ(one.Below(5, 100), other.Below(5, 100));
}

// Mean and variance of n numbers lie within five standard errors.
struct Moments {
  double mean = 0.0;
  double variance = 0.0;
};

Moments MomentsOf(const std::vector<double>& numbers) {
  const auto n = static_cast<double>(numbers.size());
  Moments moments;
  for (double x : numbers) moments.mean += x / n;
  for (double x : numbers) moments.variance += (x - moments.mean) * (x - moments.mean) / n;
  return moments;
}

constexpr uint64_t kCount = 100'000;
const double kRoot = std::sqrt(static_cast<double>(kCount));

TEST(RandomStreamTest, UniformFillsTheUnitInterval) {
  const RandomStream stream(1, RandomPurpose::kInitializer, 0);
  std::vector<double> numbers;
  for (uint64_t i = 0; i < kCount; ++i) numbers.push_back(stream.Uniform(i));
  for (double x : numbers) ASSERT_TRUE(x >= 0.0 && x < 1.0) << x;
  const Moments moments = MomentsOf(numbers);
  EXPECT_NEAR(moments.mean, 0.5, 5 * std::sqrt(1.0 / 12) / kRoot);
  EXPECT_NEAR(moments.variance, 1.0 / 12, 5 * std::sqrt(1.0 / 180) / kRoot);
}

TEST(RandomStreamTest, NormalHasTheMomentsOfOne) {
  const RandomStream stream(1, RandomPurpose::kInitializer, 1);
  std::vector<double> numbers;
  std::vector<double> fourth_powers;
  for (uint64_t i = 0; i < kCount; ++i) {
    numbers.push_back(stream.Normal(i));
    fourth_powers.push_back(std::pow(numbers.back(), 4));
  }
  EXPECT_NEAR(MomentsOf(numbers).mean, 0.0, 5 / kRoot);
  EXPECT_NEAR(MomentsOf(numbers).variance, 1.0, 5 * std::sqrt(2.0) / kRoot);
  EXPECT_NEAR(MomentsOf(fourth_powers).mean, 3.0, 5 * std::sqrt(96.0) / kRoot);
}

TEST(RandomStreamTest, BelowIsEvenOverItsRange) {
  const RandomStream stream(1, RandomPurpose::kShuffle, 0);
  std::vector<int> counts(10);
  for (uint64_t i = 0; i < kCount; ++i) ++counts.at(stream.Below(i, 10));
  const double expected = static_cast<double>(kCount) / 10;
  for (int count : counts) EXPECT_NEAR(count, expected, 5 * std::sqrt(expected));
  EXPECT_EQ(stream.Below(3, 1), 0U);
}

TEST(RandomStreamTest, BelowReachesBeyond32Bits) {
  const RandomStream stream(1, RandomPurpose::kShuffle, 0);
  uint64_t largest = 0;
  for (uint64_t i = 0; i < 100; ++i) largest = std::max(largest, stream.Below(i, 1ULL << 60));
  EXPECT_GT(largest, 1ULL << 59);
  EXPECT_LT(largest, 1ULL << 60);
}

}  // namespace
}  // namespace chainrule::engine
