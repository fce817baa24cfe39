#include "engine/train/norm_sum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <thread>
#include <vector>

#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

constexpr int64_t kPart = 100;

class NormSumTest : public ::testing::Test {
 protected:
  NormSumTest() {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (float& value : gradient_) value = normal(random);
  }

  std::span<const float> PartFrom(int64_t first) const {
    return std::span(gradient_).subspan(static_cast<size_t>(first), kPart);
  }
  double NormInOrder(const std::vector<int64_t>& firsts) {
    sum_.Begin();
    for (const int64_t first : firsts) sum_.Add(first, PartFrom(first));
    return sum_.Norm();
  }

  std::vector<float> gradient_ = std::vector<float>(1'000);
  const Network network_{
      MakeSpec(4, {3, 1}, Activation::kTanh, Activation::kSigmoid, Loss::kBinaryCrossEntropy)};
  NormSum sum_{network_};
};

TEST_F(NormSumTest, IsTheNormOfTheWhole) {
  double squares = 0;
  for (const float value : gradient_) squares += static_cast<double>(value) * value;
  EXPECT_NEAR(NormInOrder({0, 100, 200, 300, 400, 500, 600, 700, 800, 900}), std::sqrt(squares),
              1e-9);
}

TEST_F(NormSumTest, HasTheSameBitsInAnyOrderAndFromSeveralThreads) {
  std::vector<int64_t> firsts = {0, 100, 200, 300, 400, 500, 600, 700, 800, 900};
  const double norm = NormInOrder(firsts);
  std::mt19937 random(2);
  for (int i = 0; i < 50; ++i) {
    std::ranges::shuffle(firsts, random);
    EXPECT_EQ(NormInOrder(firsts), norm);
  }
  sum_.Begin();
  std::vector<std::thread> threads;
  for (const int64_t first : firsts) {
    threads.emplace_back([this, first] { sum_.Add(first, PartFrom(first)); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sum_.Norm(), norm);
}

TEST_F(NormSumTest, ShowsAnElementThatIsNotFinite) {
  gradient_[500] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(std::isfinite(NormInOrder({0, 500})));
  EXPECT_TRUE(std::isfinite(NormInOrder({0, 100})));
}

}  // namespace
}  // namespace chainrule::engine
