#include "engine/nn/forward_kernel.h"

#include <algorithm>
#include <tuple>

#include "engine/blas/blas_runtime.h"
#include "engine/kernels/dot_products.h"
#include "engine/kernels/packed_layer.h"
#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

TEST(ForwardKernelTest, FewOutputsAndLargeInputsAreLeftToBlas) {
  EXPECT_EQ(ForwardKernel(32, 1, 64), nullptr);
  EXPECT_EQ(ForwardKernel(1, 1'000, 784), nullptr);
  EXPECT_EQ(ForwardKernel(4'096, 512, 784), nullptr);
  EXPECT_EQ(ForwardKernel(256, 2'048, 2'048), nullptr);
}

TEST(ForwardKernelTest, FewRowsOfManyInputsAreDotProducts) {
  EXPECT_EQ(ForwardKernel(32, 128, 784), &DotProducts);
  EXPECT_EQ(ForwardKernel(128, 512, 784), &DotProducts);
}

TEST(ForwardKernelTest, FewInputsOrManyRowsAreChains) {
  EXPECT_EQ(ForwardKernel(32, 64, 30), &ChainMultiply);
  EXPECT_EQ(ForwardKernel(4'096, 128, 64), &ChainMultiply);
  EXPECT_EQ(ForwardKernel(512, 512, 784), &ChainMultiply);
}

Matrix Multiply(ConstMatrixView x, ConstMatrixView w, int threads) {
  Matrix z(x.rows, w.rows);
  const auto nothing = [](const Tile&, MatrixView) {};
  const Product product{.transpose_b = Transpose::kYes,
                        .a = x,
                        .b = w,
                        .c = z.view(),
                        .epilogue = nothing,
                        .kernel = ForwardKernel(x.rows, w.rows, x.columns)};
  ParallelGemm(Executor(threads), std::span(&product, 1));
  return z;
}

TEST(ForwardKernelTest, EveryChoiceIsTheProductAtAnyNumberOfThreads) {
  ASSERT_TRUE(StartBlas(2).ok());
  const std::tuple<int64_t, int64_t, int64_t> shapes[] = {
      {32, 10, 30}, {100, 300, 400}, {300, 200, 90}, {700, 90, 1'000}};
  for (const auto& [rows, units, inputs] : shapes) {
    const Matrix x = RandomMatrix(rows, inputs, 1);
    const Matrix w = RandomMatrix(units, inputs, 2);
    Matrix expected(rows, units);
    NaiveGemm(Transpose::kNo, Transpose::kYes, 1.0F, x.view(), w.view(), 0.0F, expected.view());
    const Matrix one = Multiply(x.view(), w.view(), 1);
    for (int64_t i = 0; i < rows * units; ++i) {
      ASSERT_NEAR(one.data()[i], expected.data()[i], static_cast<double>(inputs) * 0x1p-22);
    }
    for (const int threads : {2, 3, 8}) {
      const Matrix many = Multiply(x.view(), w.view(), threads);
      ASSERT_TRUE(std::equal(one.data(), one.data() + rows * units, many.data())) << threads;
    }
  }
}

}  // namespace
}  // namespace chainrule::engine
