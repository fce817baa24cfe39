#include "engine/nn/network.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

NetworkSpec Spec(int64_t inputs, std::vector<int64_t> units) {
  return MakeSpec(inputs, std::move(units), Activation::kTanh, Activation::kSigmoid,
                  Loss::kBinaryCrossEntropy);
}

TEST(NetworkTest, CountsWeightsAndBiases) {
  EXPECT_EQ(ParameterCount(Spec(30, {64, 1})), 30 * 64 + 64 + 64 * 1 + 1);
  EXPECT_EQ(Network(Spec(30, {64, 1})).parameter_count(), 30 * 64 + 64 + 64 * 1 + 1);
}

TEST(NetworkTest, CountIsNothingWhereItOverflows) {
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max() / 2;
  EXPECT_EQ(ParameterCount(Spec(kHuge, {4})), std::nullopt);
  EXPECT_EQ(ParameterCount(Spec(4, {kHuge, 4})), std::nullopt);
  EXPECT_EQ(ParameterCount(Spec(1LL << 31, {1LL << 31})), std::nullopt) << "bytes overflow";
  EXPECT_EQ(ParameterCount(Spec(3'037'000'499, {3'037'000'499})), std::nullopt);
}

TEST(NetworkTest, RunsStartOnCacheLinesAndDoNotOverlap) {
  for (const int64_t width : {5, 128, 130, 256}) {
    const Network network(Spec(width, {7, width, 2}));
    std::vector<int> uses(static_cast<size_t>(network.block_size()));
    const auto use = [&](int64_t first, int64_t count) {
      for (int64_t i = first; i < first + count; ++i) ++uses.at(static_cast<size_t>(i));
    };
    for (int64_t l = 0; l < network.layer_count(); ++l) {
      EXPECT_EQ(network.weights_offset(l) % 16, 0);
      EXPECT_EQ(network.bias_offset(l) % 16, 0);
      for (int64_t unit = 0; unit < network.layer_units(l); ++unit) {
        use(network.weights_offset(l) + unit * network.weights_stride(l), network.layer_inputs(l));
      }
      use(network.bias_offset(l), network.layer_units(l));
    }
    EXPECT_THAT(uses, testing::Each(testing::Le(1)));
    EXPECT_EQ(std::count(uses.begin(), uses.end(), 1), network.parameter_count());
  }
}

TEST(NetworkTest, UnsetBlocksHaveZeroInTheGapsWhateverTheMemoryHeld) {
  for (const int64_t width : {5, 128, 130, 256}) {
    const Network network(Spec(width, {7, width, 2}));
    const auto size = static_cast<size_t>(network.block_size());
    {
      AlignedBuffer before(2 * size);
      std::ranges::fill(before.span(), std::numeric_limits<float>::quiet_NaN());
    }
    AlignedBuffer blocks = network.UnsetBlocks(2);
    ASSERT_EQ(blocks.size(), 2 * size);
    for (const size_t first : {size_t{0}, size}) {
      const std::span<float> block = blocks.span().subspan(first, size);
      for (int64_t l = 0; l < network.layer_count(); ++l) {
        const MatrixView weights = network.weights(block, l);
        for (int64_t unit = 0; unit < weights.rows; ++unit) std::ranges::fill(weights.row(unit), 1);
        std::ranges::fill(network.bias(block, l), 1);
      }
      EXPECT_EQ(std::accumulate(block.begin(), block.end(), 0.0),
                static_cast<double>(network.parameter_count()));
    }
  }
}

TEST(NetworkTest, RowsDoNotStandAMultipleOf512BytesApart) {
  const Network network(Spec(256, {640, 100}));
  AlignedBuffer block(static_cast<size_t>(network.block_size()));
  for (int64_t l = 0; l < network.layer_count(); ++l) {
    EXPECT_NE(network.weights(block.span(), l).stride % 128, 0);
  }
}

TEST(NetworkTest, ViewsShowUnitsAsRows) {
  const Network network(Spec(5, {7, 3}));
  AlignedBuffer block(static_cast<size_t>(network.block_size()));
  const MatrixView weights = network.weights(block.span(), 1);
  EXPECT_EQ(weights.rows, 3);
  EXPECT_EQ(weights.columns, 7);
  EXPECT_EQ(network.bias(block.span(), 1).size(), 3U);
}

class InitializerTest : public testing::TestWithParam<Initializer> {
 protected:
  static constexpr int64_t kInputs = 300;
  static constexpr int64_t kUnits = 200;

  static Matrix Weights(Initializer initializer, int64_t seed) {
    NetworkSpec spec = Spec(kInputs, {kUnits});
    spec.layers[0].initializer = initializer;
    spec.seed = seed;
    const Network network(spec);
    AlignedBuffer block(static_cast<size_t>(network.block_size()));
    network.Initialize(block.span());
    Matrix weights(kUnits, kInputs);
    std::copy_n(network.weights(block.span(), 0).data, weights.view().size(), weights.data());
    return weights;
  }

  static double VarianceOf(Initializer initializer) {
    switch (initializer) {
      case Initializer::kXavierUniform:
      case Initializer::kXavierNormal:
        return 2.0 / (kInputs + kUnits);
      case Initializer::kHeUniform:
      case Initializer::kHeNormal:
        return 2.0 / kInputs;
      case Initializer::kZeros:
        return 0.0;
    }
    return 0.0;
  }
};

TEST_P(InitializerTest, HasTheMeanAndTheVarianceOfItsFormula) {
  const Matrix weights = Weights(GetParam(), 7);
  const double variance = VarianceOf(GetParam());
  const auto count = static_cast<double>(weights.view().size());
  double sum = 0;
  double squares = 0;
  for (int64_t i = 0; i < weights.view().size(); ++i) {
    const double w = weights.data()[i];
    sum += w;
    squares += w * w;
  }
  // Six standard errors of 60,000 draws.
  EXPECT_NEAR(sum / count, 0.0, 6 * std::sqrt(variance / count));
  EXPECT_NEAR(squares / count, variance, 6 * variance * std::sqrt(2.0 / count));
}

TEST_P(InitializerTest, UniformStaysWithinItsRadius) {
  const bool uniform =
      GetParam() == Initializer::kXavierUniform || GetParam() == Initializer::kHeUniform;
  if (!uniform) return;
  const double radius = std::sqrt(3.0 * VarianceOf(GetParam()));
  const Matrix weights = Weights(GetParam(), 7);
  double largest = 0;
  for (int64_t i = 0; i < weights.view().size(); ++i) {
    largest = std::max(largest, std::abs(double{weights.data()[i]}));
  }
  EXPECT_LE(largest, radius * (1 + 1e-6));
  EXPECT_GE(largest, radius * 0.999);
}

TEST_P(InitializerTest, SameSeedGivesTheSameBitsAndAnotherSeedOthers) {
  const Matrix a = Weights(GetParam(), 7);
  const Matrix b = Weights(GetParam(), 7);
  const Matrix c = Weights(GetParam(), 8);
  const auto count = static_cast<size_t>(a.view().size());
  EXPECT_TRUE(std::equal(a.data(), a.data() + count, b.data()));
  if (GetParam() == Initializer::kZeros) return;
  EXPECT_FALSE(std::equal(a.data(), a.data() + count, c.data()));
}

INSTANTIATE_TEST_SUITE_P(All, InitializerTest,
                         testing::Values(Initializer::kXavierUniform, Initializer::kXavierNormal,
                                         Initializer::kHeUniform, Initializer::kHeNormal,
                                         Initializer::kZeros));

TEST(NetworkTest, LayersOfOneShapeStartDifferently) {
  const Network network(Spec(8, {8, 8}));
  AlignedBuffer block(static_cast<size_t>(network.block_size()));
  network.Initialize(block.span());
  const float* first = network.weights(block.span(), 0).data;
  EXPECT_FALSE(std::equal(first, first + 64, network.weights(block.span(), 1).data));
}

TEST(NetworkTest, BiasesStartAtZero) {
  const Network network(Spec(8, {8, 4}));
  AlignedBuffer block(static_cast<size_t>(network.block_size()));
  std::fill_n(block.data(), block.size(), 5.0F);
  network.Initialize(block.span());
  EXPECT_THAT(network.bias(block.span(), 0), testing::Each(0.0F));
  EXPECT_THAT(network.bias(block.span(), 1), testing::Each(0.0F));
}

}  // namespace
}  // namespace chainrule::engine
