#include "engine/blas/blas_runtime.h"

#include <cblas.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "engine/blas/blas_core.h"
#include "engine/blas/gemm.h"

namespace chainrule::engine {
namespace {

struct Shape {
  int64_t rows;
  int64_t columns;
  int64_t inner;
};

// Whole kernels, their edges, and more than one block of the inner dimension.
constexpr Shape kShapes[] = {{96, 64, 128}, {33, 17, 65}, {7, 128, 400}, {1, 65, 300}};
constexpr int kRounds = 8;

// Small whole numbers: every sum is exact, so a product has one right answer,
// whatever the order.
Matrix WholeNumbers(int64_t rows, int64_t columns, uint32_t state) {
  Matrix matrix(rows, columns);
  for (int64_t i = 0; i < rows * columns; ++i) {
    state = state * 1664525U + 1013904223U;
    matrix.data()[i] = static_cast<float>(static_cast<int32_t>(state >> 28) - 8);
  }
  return matrix;
}

bool Equal(ConstMatrixView a, ConstMatrixView b) {
  for (int64_t i = 0; i < a.size(); ++i) {
    if (a.data[i] != b.data[i]) return false;
  }
  return true;
}

// A product and its right answer.
struct Sample {
  Transpose transpose_a;
  Matrix a;
  Matrix b;
  Matrix answer;
};

Sample MakeSample(const Shape& shape, Transpose transpose_a) {
  const bool turned = transpose_a == Transpose::kYes;
  Sample sample{
      .transpose_a = transpose_a,
      .a = WholeNumbers(turned ? shape.inner : shape.rows, turned ? shape.rows : shape.inner, 1),
      .b = WholeNumbers(shape.columns, shape.inner, 2),
      .answer = Matrix(shape.rows, shape.columns)};
  NaiveGemm(transpose_a, Transpose::kYes, 1.0F, sample.a.view(), sample.b.view(), 0.0F,
            sample.answer.view());
  return sample;
}

bool ProductsAreRight(const std::vector<Sample>& samples) {
  for (int round = 0; round < kRounds; ++round) {
    for (const Sample& sample : samples) {
      Matrix product(sample.answer.rows(), sample.answer.columns());
      Gemm(sample.transpose_a, Transpose::kYes, 1.0F, sample.a.view(), sample.b.view(), 0.0F,
           product.view());
      if (!Equal(product.view(), sample.answer.view())) return false;
    }
  }
  return true;
}

bool ProductsAreRightAtOnce(int threads) {
  std::vector<Sample> samples;
  for (const Shape& shape : kShapes) {
    samples.push_back(MakeSample(shape, Transpose::kNo));
    samples.push_back(MakeSample(shape, Transpose::kYes));
  }
  std::atomic<bool> right = true;
  std::vector<std::thread> callers;
  for (int i = 1; i < threads; ++i) {
    callers.emplace_back([&] {
      if (!ProductsAreRight(samples)) right = false;
    });
  }
  if (!ProductsAreRight(samples)) right = false;
  for (std::thread& caller : callers) caller.join();
  return right;
}

}  // namespace

absl::Status StartBlas(int threads) {
  UseBestBlasCore();
  openblas_set_num_threads(1);
  if (ProductsAreRightAtOnce(threads)) return absl::OkStatus();
  return absl::InternalError("OpenBLAS (core " + BlasCoreName() +
                             ") gives wrong products from several threads at once");
}

}  // namespace chainrule::engine
