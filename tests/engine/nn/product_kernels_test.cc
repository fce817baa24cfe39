#include "engine/nn/product_kernels.h"

#include <algorithm>
#include <tuple>

#include "engine/blas/blas_runtime.h"
#include "engine/kernels/packed_layer.h"
#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

using Shape = std::tuple<int64_t, int64_t, int64_t>;  // batch, units, inputs

Matrix Run(Product product, int threads) {
  Matrix c(product.c.rows, product.c.columns);
  product.c = c.view();
  ParallelGemm(Executor(threads), std::span(&product, 1));
  return c;
}

// Whatever the choice, the tiles of a grid are the product. `c` gives its shape.
void ExpectTheProduct(const Product& product, int64_t inner) {
  Matrix expected(product.c.rows, product.c.columns);
  NaiveGemm(product.transpose_a, product.transpose_b, product.alpha, product.a, product.b, 0.0F,
            expected.view());
  const Matrix one = Run(product, 1);
  const int64_t size = one.view().size();
  for (int64_t i = 0; i < size; ++i) {
    ASSERT_NEAR(one.data()[i], expected.data()[i], static_cast<double>(inner) * 0x1p-22);
  }
  for (const int threads : {2, 3, 8}) {
    const Matrix many = Run(product, threads);
    ASSERT_TRUE(std::equal(one.data(), one.data() + size, many.data())) << threads;
  }
}

constexpr auto kNothing = [](const Tile&, MatrixView) {};

TEST(ProductKernelsTest, SmallAndLargeForwardProductsAreLeftToBlas) {
  EXPECT_EQ(ForwardKernel(32, 1, 64), nullptr);
  EXPECT_EQ(ForwardKernel(1, 1'000, 784), nullptr);
  EXPECT_EQ(ForwardKernel(4'096, 512, 784), nullptr);
  EXPECT_EQ(ForwardKernel(1'200, 16, 784), nullptr);
}

TEST(ProductKernelsTest, ForwardProductsOfFewRowsAreNotPackedAtAll) {
  EXPECT_EQ(ForwardKernel(32, 128, 784), ForwardKernel(16, 512, 784));
  EXPECT_EQ(ForwardKernel(32, 64, 30), ForwardKernel(512, 64, 30));
  EXPECT_NE(ForwardKernel(32, 128, 784), ForwardKernel(32, 64, 30));
}

TEST(ProductKernelsTest, SmallAndLargeGradientsAreLeftToBlas) {
  EXPECT_NE(WeightGradientKernel(32, 128, 784), nullptr);
  EXPECT_NE(InputGradientKernel(16, 256, 512), nullptr);
  for (const auto& [batch, units, inputs] : {Shape(32, 64, 30), Shape(2'048, 2'048, 1'024)}) {
    EXPECT_EQ(WeightGradientKernel(batch, units, inputs), nullptr);
    EXPECT_EQ(InputGradientKernel(batch, units, inputs), nullptr);
  }
  EXPECT_EQ(WeightGradientKernel(512, 2'048, 1'024), nullptr);
}

// Larger tiles read less of what is not packed.
TEST(ProductKernelsTest, ManyRegistersMakeMoreProductsWorthIt) {
  const bool many = HasManyRegisters();
  EXPECT_EQ(ForwardKernel(128, 512, 784) != nullptr, many);
  EXPECT_EQ(ForwardKernel(512, 2'048, 2'048) != nullptr, many);
  EXPECT_EQ(WeightGradientKernel(128, 512, 784) != nullptr, many);
  EXPECT_EQ(InputGradientKernel(128, 256, 512) != nullptr, many);
  EXPECT_EQ(InputGradientKernel(512, 2'048, 1'024) != nullptr, many);
}

TEST(ProductKernelsTest, EveryChoiceIsTheProductAtAnyNumberOfThreads) {
  ASSERT_TRUE(StartBlas(2).ok());
  for (const auto& [batch, units, inputs] :
       {Shape(32, 10, 30), Shape(100, 203, 400), Shape(300, 200, 90), Shape(300, 300, 90),
        Shape(1'100, 90, 500)}) {
    const Matrix x = RandomMatrix(batch, inputs, 1);
    const Matrix w = RandomMatrix(units, inputs, 2);
    const Matrix dz = RandomMatrix(batch, units, 3);
    ExpectTheProduct({.transpose_b = Transpose::kYes,
                      .a = x.view(),
                      .b = w.view(),
                      .c = {nullptr, batch, units},
                      .epilogue = kNothing,
                      .kernel = ForwardKernel(batch, units, inputs)},
                     inputs);
    ExpectTheProduct({.a = dz.view(),
                      .b = w.view(),
                      .c = {nullptr, batch, inputs},
                      .epilogue = kNothing,
                      .kernel = InputGradientKernel(batch, units, inputs)},
                     units);
    ExpectTheProduct({.transpose_a = Transpose::kYes,
                      .alpha = 0.5F,
                      .a = dz.view(),
                      .b = x.view(),
                      .c = {nullptr, units, inputs},
                      .epilogue = kNothing,
                      .kernel = WeightGradientKernel(batch, units, inputs)},
                     batch);
  }
}

}  // namespace
}  // namespace chainrule::engine
