#include "engine/nn/predictor.h"

#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "engine/core/random.h"
#include "engine/kernels/packed_layer.h"
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

bool SameBits(ConstMatrixView a, ConstMatrixView b) {
  for (int64_t i = 0; i < a.rows; ++i) {
    if (std::memcmp(a.row(i).data(), b.row(i).data(), a.row(i).size_bytes()) != 0) return false;
  }
  return true;
}

NetworkSpec Spec(int64_t inputs, const std::vector<std::pair<int64_t, Activation>>& layers) {
  NetworkSpec spec;
  spec.input_width = inputs;
  for (const auto& [units, activation] : layers) {
    LayerSpec layer;
    layer.units = units;
    layer.activation.kind = activation;
    spec.layers.push_back(layer);
  }
  return spec;
}

Standardizer RandomStandardizer(int64_t columns, int64_t seed) {
  const Matrix numbers = RandomMatrix(2, columns, seed);
  Standardizer standardizer;
  for (int64_t j = 0; j < columns; ++j) {
    standardizer.mean.push_back(numbers(0, j));
    standardizer.scale.push_back(1.5F + numbers(1, j));
  }
  return standardizer;
}

// A network with random parameters, biases included.
struct Model {
  explicit Model(NetworkSpec spec)
      : network(std::move(spec)), parameters(static_cast<size_t>(network.block_size())) {
    const Matrix numbers = RandomMatrix(1, network.block_size(), 5);
    for (int64_t i = 0; i < network.block_size(); ++i) {
      parameters.data()[i] = 0.3F * numbers(0, i);
    }
  }
  std::span<const float> block() const { return parameters.span(); }
  Predictor MakePredictor() const { return Predictor(network, block(), normalization); }

  Network network;
  AlignedBuffer parameters;
  Normalization normalization;
};

struct Result {
  Matrix outputs;
  Matrix logits;
};

Result RunAll(const Predictor& predictor, ConstMatrixView inputs, int64_t width,
              const Executor* executor = nullptr) {
  Result result{.outputs = Matrix(inputs.rows, width), .logits = Matrix(inputs.rows, width)};
  Predictor::Scratch scratch;
  predictor.Run(inputs, result.outputs.view(), result.logits.view(), &scratch, executor);
  return result;
}

double Activate(ActivationFunction function, double z) {
  switch (function.kind) {
    case Activation::kSigmoid:
      return 1.0 / (1.0 + std::exp(-z));
    case Activation::kTanh:
      return std::tanh(z);
    case Activation::kRelu:
      return z > 0.0 ? z : 0.0;
    case Activation::kLeakyRelu:
      return z > 0.0 ? z : double{function.slope} * z;
    case Activation::kGelu:
      return z * 0.5 * std::erfc(-z / std::sqrt(2.0));
    case Activation::kSoftplus:
      return std::log1p(std::exp(z));
    default:
      return z;
  }
}

void Softmax(std::vector<double>* row) {
  double sum = 0.0;
  for (double& element : *row) {
    element = std::exp(element);
    sum += element;
  }
  for (double& element : *row) element /= sum;
}

struct RowResult {
  std::vector<double> logits;
  std::vector<double> outputs;
};

RowResult RunLayer(const Model& model, int64_t layer, const std::vector<double>& x) {
  const ConstMatrixView weights = model.network.weights(model.block(), layer);
  const std::span<const float> bias = model.network.bias(model.block(), layer);
  const ActivationFunction function =
      model.network.spec().layers[static_cast<size_t>(layer)].activation;
  RowResult result;
  for (int64_t unit = 0; unit < weights.rows; ++unit) {
    double z = double{bias[static_cast<size_t>(unit)]};
    for (size_t k = 0; k < x.size(); ++k) z += double{weights.row(unit)[k]} * x[k];
    result.logits.push_back(z);
    result.outputs.push_back(Activate(function, z));
  }
  if (function.kind == Activation::kSoftmax) Softmax(&result.outputs);
  return result;
}

// The definition, in double, one row.
RowResult Reference(const Model& model, std::span<const float> inputs) {
  std::vector<double> x(inputs.begin(), inputs.end());
  const auto& [in, out] = model.normalization;
  for (size_t k = 0; k < in.mean.size(); ++k) {
    x[k] = (x[k] - double{in.mean[k]}) / double{in.scale[k]};
  }
  RowResult result;
  for (int64_t layer = 0; layer < model.network.layer_count(); ++layer) {
    result = RunLayer(model, layer, x);
    x = result.outputs;
  }
  for (size_t j = 0; j < out.mean.size(); ++j) {
    result.outputs[j] = result.outputs[j] * double{out.scale[j]} + double{out.mean[j]};
  }
  return result;
}

void ExpectNearReference(const Model& model, int64_t rows) {
  const int64_t width = model.network.spec().output_width();
  const Matrix inputs = RandomMatrix(rows, model.network.spec().input_width, 9);
  const Result result = RunAll(model.MakePredictor(), inputs.view(), width);
  for (int64_t i = 0; i < rows; ++i) {
    const RowResult expected = Reference(model, inputs.view().row(i));
    for (int64_t j = 0; j < width; ++j) {
      const auto column = static_cast<size_t>(j);
      ASSERT_NEAR(result.outputs(i, j), expected.outputs[column], 2e-5) << i << ", " << j;
      ASSERT_NEAR(result.logits(i, j), expected.logits[column], 2e-5) << i << ", " << j;
    }
  }
}

TEST(PredictorTest, AgreesWithTheDefinitionForEveryActivation) {
  for (const Activation hidden :
       {Activation::kSigmoid, Activation::kTanh, Activation::kRelu, Activation::kLeakyRelu,
        Activation::kGelu, Activation::kSoftplus, Activation::kIdentity}) {
    ExpectNearReference(Model(Spec(30, {{19, hidden}, {33, hidden}, {5, Activation::kSoftmax}})),
                        13);
  }
}

TEST(PredictorTest, OneLayerIsANetwork) {
  ExpectNearReference(Model(Spec(4, {{1, Activation::kSigmoid}})), 3);
}

TEST(PredictorTest, TakesAndGivesTheCallersUnits) {
  Model model(Spec(12, {{20, Activation::kTanh}, {3, Activation::kIdentity}}));
  model.normalization.inputs = RandomStandardizer(12, 3);
  model.normalization.targets = RandomStandardizer(3, 4);
  ExpectNearReference(model, 300);
}

TEST(PredictorTest, InputsWhoseRowsCrowdTheCacheGiveTheSameNumbers) {
  ExpectNearReference(Model(Spec(512, {{256, Activation::kRelu}, {2, Activation::kTanh}})), 10);
}

TEST(PredictorTest, RowIsTheSameAloneInAnyBatchAtAnyPlaceAndOnAnyThreads) {
  Model model(Spec(
      100, {{70, Activation::kGelu}, {300, Activation::kSigmoid}, {10, Activation::kSoftmax}}));
  model.normalization.inputs = RandomStandardizer(100, 3);
  const Predictor predictor = model.MakePredictor();
  const Matrix inputs = RandomMatrix(1000, 100, 9);
  const Result whole = RunAll(predictor, inputs.view(), 10);
  const auto expect_same = [&](int64_t first, int64_t count, const Executor* executor) {
    const Result part = RunAll(predictor, inputs.view().Rows(first, count), 10, executor);
    EXPECT_TRUE(SameBits(part.outputs.view(), whole.outputs.view().Rows(first, count)));
    EXPECT_TRUE(SameBits(part.logits.view(), whole.logits.view().Rows(first, count)));
  };
  for (int64_t row = 0; row < 1000; row += 37) expect_same(row, 1, nullptr);
  for (const int64_t count : {2, 7, 8, 64, 241, 500}) expect_same(1000 - count, count, nullptr);
  for (const int threads : {1, 2, 3, 8}) {
    const Executor executor(threads);
    for (const int64_t count : {1, 9, 100, 1000}) expect_same(0, count, &executor);
  }
}

TEST(PredictorTest, LogitsAreTheChainPlusTheBias) {
  const Model model(Spec(600, {{9, Activation::kSigmoid}}));
  const Matrix inputs = RandomMatrix(5, 600, 9);
  const Result result = RunAll(model.MakePredictor(), inputs.view(), 9);
  Matrix expected(5, 9);
  NaiveChainMultiply(model.network.weights(model.block(), 0), inputs.view(), expected.view());
  const std::span<const float> bias = model.network.bias(model.block(), 0);
  for (int64_t i = 0; i < 5; ++i) {
    for (int64_t j = 0; j < 9; ++j) expected(i, j) += bias[static_cast<size_t>(j)];
  }
  EXPECT_TRUE(SameBits(result.logits.view(), expected.view()));
}

TEST(PredictorTest, OutputsAreTheSameWithoutLogits) {
  const Model model(Spec(20, {{9, Activation::kRelu}, {4, Activation::kSoftmax}}));
  const Predictor predictor = model.MakePredictor();
  const Matrix inputs = RandomMatrix(30, 20, 9);
  Matrix outputs(30, 4);
  Predictor::Scratch scratch;
  predictor.Run(inputs.view(), outputs.view(), MatrixView(), &scratch);
  EXPECT_TRUE(SameBits(outputs.view(), RunAll(predictor, inputs.view(), 4).outputs.view()));
}

TEST(PredictorTest, ScratchServesSeveralPredictorsInTurn) {
  const Model narrow(Spec(3, {{2, Activation::kTanh}, {2, Activation::kTanh}}));
  const Model wide(Spec(300, {{500, Activation::kTanh}, {2, Activation::kTanh}}));
  Predictor::Scratch scratch;
  for (const Model* model : {&narrow, &wide, &narrow, &wide}) {
    const Matrix inputs = RandomMatrix(50, model->network.spec().input_width, 9);
    const Predictor predictor = model->MakePredictor();
    Matrix outputs(50, 2);
    predictor.Run(inputs.view(), outputs.view(), MatrixView(), &scratch);
    EXPECT_TRUE(SameBits(outputs.view(), RunAll(predictor, inputs.view(), 2).outputs.view()));
  }
}

TEST(PredictorTest, NoRowsAreNoWork) {
  const Model model(Spec(3, {{2, Activation::kTanh}}));
  const Executor executor(2);
  EXPECT_EQ(RunAll(model.MakePredictor(), Matrix(0, 3).view(), 2, &executor).outputs.rows(), 0);
}

TEST(PredictorTest, MemoryIsAboutTheParameters) {
  const Model model(Spec(784, {{512, Activation::kRelu}, {10, Activation::kSoftmax}}));
  const int64_t parameters = model.network.parameter_count() * 4;
  EXPECT_GE(model.MakePredictor().memory_bytes(), parameters);
  EXPECT_LE(model.MakePredictor().memory_bytes(), parameters * 11 / 10);
}

}  // namespace
}  // namespace chainrule::engine
