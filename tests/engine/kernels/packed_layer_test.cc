#include "engine/kernels/packed_layer.h"

#include <hwy/targets.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "engine/blas/gemm.h"
#include "engine/core/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chainrule::engine {
namespace {

Matrix RandomMatrix(int64_t rows, int64_t columns, int64_t seed) {
  const RandomStream stream(seed, RandomPurpose::kInitializer, 0);
  Matrix matrix(rows, columns);
  for (int64_t i = 0; i < rows * columns; ++i) {
    matrix.data()[i] = 2.0F * stream.Uniform(static_cast<uint64_t>(i)) - 1.0F;
  }
  return matrix;
}

Matrix Turned(ConstMatrixView matrix) {
  Matrix turned(matrix.columns, matrix.rows);
  for (int64_t i = 0; i < matrix.rows; ++i) {
    for (int64_t j = 0; j < matrix.columns; ++j) turned.view()(j, i) = matrix(i, j);
  }
  return turned;
}

bool SameBits(ConstMatrixView a, ConstMatrixView b) {
  for (int64_t i = 0; i < a.rows; ++i) {
    if (std::memcmp(a.row(i).data(), b.row(i).data(), a.row(i).size_bytes()) != 0) return false;
  }
  return true;
}

std::vector<int64_t> Targets() {
  std::vector<int64_t> targets;
  for (int64_t left = hwy::SupportedTargets() & HWY_TARGETS; left != 0; left &= left - 1) {
    targets.push_back(left & -left);
  }
  return targets;
}

// Each test runs on every SIMD target that this processor has.
class PackedLayerTest : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

Matrix Multiply(const PackedLayer& layer, ConstMatrixView x,
                UnitOrder order = UnitOrder::kForwards) {
  Matrix z(x.rows, layer.units());
  layer.Multiply(x, z.view(), order);
  return z;
}

TEST_P(PackedLayerTest, RunsOnTheTargetThatWasAskedFor) {
  EXPECT_STREQ(SimdTargetName(), hwy::TargetName(GetParam()));
}

// Sizes around vectors, panels, tiles of rows, and blocks of the chain.
TEST_P(PackedLayerTest, EqualsItsTwinToTheBit) {
  for (const int64_t inputs : {1, 2, 31, 255, 256, 257, 513, 784}) {
    for (const int64_t units : {1, 7, 8, 9, 16, 17, 31, 32, 33, 65, 130}) {
      const Matrix weights = RandomMatrix(units, inputs, 1);
      const PackedLayer layer(weights.view());
      const Matrix turned = Turned(weights.view());
      for (const int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 21}) {
        const Matrix x = RandomMatrix(rows, inputs, 2);
        Matrix expected(rows, units);
        NaiveChainMultiply(weights.view(), x.view(), expected.view());
        for (const UnitOrder order : {UnitOrder::kForwards, UnitOrder::kBackwards}) {
          ASSERT_TRUE(SameBits(Multiply(layer, x.view(), order).view(), expected.view()))
              << inputs << " inputs, " << units << " units, " << rows << " rows";
        }
        Matrix unpacked(rows, units);
        ChainMultiply(x.view(), weights.view(), unpacked.view());
        ASSERT_TRUE(SameBits(unpacked.view(), expected.view()))
            << inputs << " inputs, " << units << " units, " << rows << " rows";
        Matrix of_turned(rows, units);
        ChainMultiplyTurned(x.view(), turned.view(), of_turned.view());
        ASSERT_TRUE(SameBits(of_turned.view(), expected.view()))
            << inputs << " inputs, " << units << " units, " << rows << " rows";
      }
    }
  }
}

TEST_P(PackedLayerTest, RowIsTheSameAloneInAnyBatchAndAtAnyPlace) {
  std::minstd_rand random(7);  // NOLINT(cert-msc51-cpp): the same shapes each time
  const auto below = [&](int64_t bound) { return static_cast<int64_t>(random()) % bound; };
  for (int trial = 0; trial < 40; ++trial) {
    const int64_t inputs = 1 + below(600);
    const int64_t units = 1 + below(200);
    const PackedLayer layer(RandomMatrix(units, inputs, trial).view());
    const Matrix pool = RandomMatrix(64, inputs, 1000 + trial);
    const Matrix whole = Multiply(layer, pool.view());
    for (int part = 0; part < 10; ++part) {
      const int64_t first = below(64);
      const int64_t count = 1 + below(64 - first);
      ASSERT_TRUE(SameBits(Multiply(layer, pool.view().Rows(first, count)).view(),
                           whole.view().Rows(first, count)))
          << inputs << " inputs, " << units << " units, rows " << first << " + " << count;
    }
  }
}

TEST_P(PackedLayerTest, IsTheProductThatTheDefinitionSays) {
  const Matrix weights = RandomMatrix(50, 700, 1);
  const Matrix x = RandomMatrix(19, 700, 2);
  Matrix expected(19, 50);
  NaiveGemm(Transpose::kNo, Transpose::kYes, 1.0F, x.view(), weights.view(), 0.0F, expected.view());
  const Matrix z = Multiply(PackedLayer(weights.view()), x.view());
  for (int64_t i = 0; i < z.view().size(); ++i) {
    ASSERT_NEAR(z.data()[i], expected.data()[i], 700 * 0x1p-24);
  }
}

TEST_P(PackedLayerTest, WorksOnBlocksAndWritesNothingBeside) {
  const Matrix wide_weights = RandomMatrix(22, 50, 1);
  const ConstMatrixView weights = wide_weights.view().Block(1, 5, 21, 40);
  const Matrix wide = RandomMatrix(9, 60, 2);
  const ConstMatrixView x = wide.view().Block(1, 3, 7, 40);
  Matrix z = RandomMatrix(9, 30, 3);
  Matrix unpacked = RandomMatrix(9, 30, 3);
  Matrix expected = RandomMatrix(9, 30, 3);
  PackedLayer(weights).Multiply(x, z.view().Block(1, 2, 7, 21), UnitOrder::kBackwards);
  ChainMultiply(x, weights, unpacked.view().Block(1, 2, 7, 21));
  Matrix of_turned = RandomMatrix(9, 30, 3);
  const Matrix wide_turned = Turned(wide_weights.view());
  ChainMultiplyTurned(x, wide_turned.view().Block(5, 1, 40, 21),
                      of_turned.view().Block(1, 2, 7, 21));
  NaiveChainMultiply(weights, x, expected.view().Block(1, 2, 7, 21));
  EXPECT_TRUE(SameBits(z.view(), expected.view()));
  EXPECT_TRUE(SameBits(unpacked.view(), expected.view()));
  EXPECT_TRUE(SameBits(of_turned.view(), expected.view()));
}

TEST_P(PackedLayerTest, InfinityInOneRowStaysInIt) {
  const Matrix weights = RandomMatrix(5, 33, 1);
  Matrix x = RandomMatrix(6, 33, 2);
  x(2, 30) = std::numeric_limits<float>::infinity();
  const Matrix z = Multiply(PackedLayer(weights.view()), x.view());
  for (int64_t i = 0; i < 6; ++i) {
    for (const float element : z.view().row(i)) EXPECT_EQ(std::isinf(element), i == 2);
  }
}

TEST_P(PackedLayerTest, NoRowsAreNoWork) {
  const Matrix weights = RandomMatrix(5, 3, 1);
  EXPECT_EQ(Multiply(PackedLayer(weights.view()), Matrix(0, 3).view()).rows(), 0);
}

INSTANTIATE_TEST_SUITE_P(Targets, PackedLayerTest, testing::ValuesIn(Targets()),
                         [](const auto& test) { return std::string(hwy::TargetName(test.param)); });

TEST(PackedLayerTargetsTest, AllTargetsWithFusedMultiplyAddGiveTheSameBits) {
  const Matrix weights = RandomMatrix(70, 300, 1);
  const Matrix x = RandomMatrix(11, 300, 2);
  std::vector<Matrix> fused;
  for (const int64_t target : Targets()) {
    hwy::SetSupportedTargetsForTest(target);
    const PackedLayer layer(weights.view());
    if (FusesMultiplyAdd()) fused.push_back(Multiply(layer, x.view()));
  }
  hwy::SetSupportedTargetsForTest(0);
  for (const Matrix& z : fused) EXPECT_TRUE(SameBits(z.view(), fused.front().view()));
}

TEST(PackedLayerMemoryTest, IsTheWeightsRoundedUpToPanels) {
  const PackedLayer layer(RandomMatrix(100, 50, 1).view());
  EXPECT_GE(layer.memory_bytes(), 100 * 50 * 4);
  EXPECT_LE(layer.memory_bytes(), 128 * 50 * 4);
}

}  // namespace
}  // namespace chainrule::engine
