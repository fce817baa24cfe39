#include "tests/bench/training_floor.h"

#include "engine/blas/gemm.h"
#include "engine/blas/parallel_gemm.h"
#include "engine/core/random.h"

namespace chainrule::bench {
namespace {

using engine::Gemm;
using engine::Matrix;
using engine::ParallelGemm;
using engine::Transpose;

// Small numbers: no infinities, and no denormals that would slow the products.
Matrix RandomMatrix(int64_t rows, int64_t columns, int64_t seed) {
  Matrix matrix(rows, columns);
  const engine::RandomStream random(seed, engine::RandomPurpose::kInitializer, 0);
  for (int64_t i = 0; i < rows * columns; ++i) {
    matrix.data()[i] = random.Uniform(static_cast<uint64_t>(i)) * 0.1F - 0.05F;
  }
  return matrix;
}

}  // namespace

TrainingFloor::TrainingFloor(std::vector<int64_t> widths, int64_t batch)
    : inputs_(RandomMatrix(batch, widths[0], 1)) {
  for (size_t i = 1; i < widths.size(); ++i) {
    layers_.push_back({RandomMatrix(widths[i], widths[i - 1], 2), Matrix(widths[i], widths[i - 1]),
                       RandomMatrix(batch, widths[i], 3), RandomMatrix(batch, widths[i], 4)});
  }
}

engine::ConstMatrixView TrainingFloor::Input(size_t layer) const {
  return layer == 0 ? inputs_.view() : layers_[layer - 1].a.view();
}

void TrainingFloor::RunForward() {
  for (size_t l = 0; l < layers_.size(); ++l) {
    Gemm(Transpose::kNo, Transpose::kYes, 1, Input(l), layers_[l].weights.view(), 0,
         layers_[l].a.view());
  }
}

void TrainingFloor::RunOpenBlas() {
  RunForward();
  for (size_t l = layers_.size(); l-- > 0;) {
    Gemm(Transpose::kYes, Transpose::kNo, 1, layers_[l].da.view(), Input(l), 0,
         layers_[l].dweights.view());
    if (l == 0) break;
    Gemm(Transpose::kNo, Transpose::kNo, 1, layers_[l].da.view(), layers_[l].weights.view(), 0,
         layers_[l - 1].da.view());
  }
}

void TrainingFloor::RunGrid(const engine::Executor& executor) {
  for (size_t l = 0; l < layers_.size(); ++l) {
    ParallelGemm(executor, Transpose::kNo, Transpose::kYes, 1, Input(l), layers_[l].weights.view(),
                 0, layers_[l].a.view());
  }
  for (size_t l = layers_.size(); l-- > 0;) {
    ParallelGemm(executor, Transpose::kYes, Transpose::kNo, 1, layers_[l].da.view(), Input(l), 0,
                 layers_[l].dweights.view());
    if (l == 0) break;
    ParallelGemm(executor, Transpose::kNo, Transpose::kNo, 1, layers_[l].da.view(),
                 layers_[l].weights.view(), 0, layers_[l - 1].da.view());
  }
}

}  // namespace chainrule::bench
