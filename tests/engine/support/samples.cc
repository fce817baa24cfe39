#include "tests/engine/support/samples.h"

#include <cmath>

#include "engine/core/random.h"

namespace chainrule::engine {

NetworkSpec MakeSpec(int64_t input_width, std::vector<int64_t> units, Activation hidden,
                     Activation last, Loss loss) {
  NetworkSpec spec;
  spec.input_width = input_width;
  spec.loss.kind = loss;
  for (const int64_t count : units) {
    LayerSpec layer;
    layer.units = count;
    layer.activation.kind = hidden;
    layer.activation.slope = 0.1F;
    spec.layers.push_back(layer);
  }
  spec.layers.back().activation.kind = last;
  return spec;
}

Activation LastFor(Loss loss) {
  if (loss == Loss::kBinaryCrossEntropy) return Activation::kSigmoid;
  return loss == Loss::kCategoricalCrossEntropy ? Activation::kSoftmax : Activation::kIdentity;
}

std::vector<Activation> HiddenActivations() {
  return {Activation::kSigmoid, Activation::kTanh,     Activation::kRelu,    Activation::kLeakyRelu,
          Activation::kGelu,    Activation::kSoftplus, Activation::kIdentity};
}

std::vector<Loss> AllLosses() {
  return {Loss::kBinaryCrossEntropy, Loss::kCategoricalCrossEntropy, Loss::kMeanSquaredError,
          Loss::kHuber};
}

std::string NameOf(Activation activation) {
  const char* const names[] = {"Sigmoid", "Tanh",     "Relu",     "LeakyRelu",
                               "Gelu",    "Softplus", "Identity", "Softmax"};
  return names[static_cast<size_t>(activation)];
}

std::string NameOf(Loss loss) {
  const char* const names[] = {"BinaryCrossEntropy", "CategoricalCrossEntropy", "MeanSquaredError",
                               "Huber"};
  return names[static_cast<size_t>(loss)];
}

std::vector<float> RandomFloats(int64_t count, int64_t seed) {
  const RandomStream stream(seed, RandomPurpose::kGradientCheck, 0);
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = 2.0F * stream.Uniform(i) - 1.0F;
  return values;
}

Matrix RandomMatrix(int64_t rows, int64_t columns, int64_t seed) {
  Matrix matrix(rows, columns);
  const std::vector<float> values = RandomFloats(rows * columns, seed);
  std::copy(values.begin(), values.end(), matrix.data());
  return matrix;
}

void SampleRows::AppendTo(Examples* examples, int64_t first, int64_t count, int64_t input_width,
                          int64_t output_width) const {
  ExampleChunk chunk;
  chunk.rows = count;
  chunk.inputs = {ElementType::kFloat32, inputs.data() + first * input_width, input_width};
  chunk.targets = {ElementType::kFloat32, targets.data() + first * output_width, output_width};
  if (!weights.empty()) chunk.sample_weights = {ElementType::kFloat32, weights.data() + first, 1};
  examples->Append(chunk);
}

Examples SampleRows::View(const NetworkSpec& spec) const {
  Examples examples(spec.input_width, spec.output_width());
  AppendTo(&examples, 0, rows, spec.input_width, spec.output_width());
  return examples;
}

namespace {

// Targets of one row from the scores that its inputs give each output.
void WriteTargets(Loss loss, const std::vector<double>& scores, float* targets) {
  size_t highest = 0;
  for (size_t j = 0; j < scores.size(); ++j) {
    if (scores[j] > scores[highest]) highest = j;
    targets[j] = loss == Loss::kBinaryCrossEntropy ? (scores[j] > 0 ? 1.0F : 0.0F)
                                                   : static_cast<float>(scores[j]);
  }
  if (loss != Loss::kCategoricalCrossEntropy) return;
  for (size_t j = 0; j < scores.size(); ++j) targets[j] = j == highest ? 1.0F : 0.0F;
}

}  // namespace

SampleRows MakeRows(const NetworkSpec& spec, int64_t rows, int64_t seed, bool weighted) {
  const int64_t width = spec.input_width;
  const int64_t outputs = spec.output_width();
  SampleRows sample;
  sample.rows = rows;
  sample.inputs = RandomFloats(rows * width, seed);
  sample.targets.resize(static_cast<size_t>(rows * outputs));
  const std::vector<float> rule = RandomFloats(width * outputs, seed + 1);
  std::vector<double> scores(static_cast<size_t>(outputs));
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < outputs; ++j) {
      double score = 0;
      for (int64_t k = 0; k < width; ++k) {
        score += static_cast<double>(sample.inputs[static_cast<size_t>(i * width + k)]) *
                 static_cast<double>(rule[static_cast<size_t>(j * width + k)]);
      }
      scores[static_cast<size_t>(j)] = score;
    }
    WriteTargets(spec.loss.kind, scores, &sample.targets[static_cast<size_t>(i * outputs)]);
  }
  if (!weighted) return sample;
  for (const float value : RandomFloats(rows, seed + 2)) {
    sample.weights.push_back(1.0F + value);
  }
  return sample;
}

}  // namespace chainrule::engine
