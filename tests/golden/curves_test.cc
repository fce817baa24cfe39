// Trains as PyTorch did (make_curves.py) and compares each epoch's loss and the
// parameters at the end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "engine/train/trainer.h"

namespace chainrule::engine {
namespace {

// float32 against float64 over 200 steps: rounding of 6e-8 a product, carried along.
constexpr double kLossTolerance = 2e-4;       // relative
constexpr double kParameterTolerance = 2e-3;  // relative to the largest parameter

std::string Path(const std::string& relative) {
  return std::string(CHAINRULE_SOURCE_DIR) + "/" + relative;
}

// A golden file: words and numbers by key.
struct Golden {
  std::map<std::string, std::string> text;

  explicit Golden(const std::string& name) {
    std::ifstream file(Path("tests/golden/curves/" + name + ".txt"));
    std::string line;
    while (std::getline(file, line)) {
      const size_t space = line.find(' ');
      text[line.substr(0, space)] = line.substr(space + 1);
    }
  }
  std::vector<double> Numbers(const std::string& key) const {
    std::istringstream stream(text.at(key));
    std::vector<double> numbers;
    for (double number = 0; stream >> number;) numbers.push_back(number);
    return numbers;
  }
  double Number(const std::string& key, double otherwise) const {
    return text.contains(key) ? Numbers(key)[0] : otherwise;
  }
};

struct Data {
  std::vector<float> inputs;
  std::vector<int32_t> classes;
};

Data ReadBreastCancer() {
  std::ifstream file(Path("client/examples/data/wdbc.csv"));
  Data data;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream cells(line);
    std::string cell;
    for (int column = 0; std::getline(cells, cell, ','); ++column) {
      if (column < 30) {
        data.inputs.push_back(std::stof(cell));
      } else {
        data.classes.push_back(cell.starts_with("malignant") ? 1 : 0);
      }
    }
  }
  return data;
}

OptimizerSpec OptimizerOf(const Golden& golden) {
  static const auto* const kinds = new std::map<std::string, OptimizerKind>{
      {"SGD", OptimizerKind::kSgd},         {"Adam", OptimizerKind::kAdam},
      {"AdamW", OptimizerKind::kAdamW},     {"RMSprop", OptimizerKind::kRmsProp},
      {"Adagrad", OptimizerKind::kAdagrad},
  };
  OptimizerSpec optimizer;
  optimizer.kind = kinds->at(golden.text.at("optimizer"));
  if (optimizer.kind == OptimizerKind::kAdagrad) optimizer.epsilon = 1e-10;
  optimizer.learning_rate = golden.Number("lr", 0);
  optimizer.momentum = golden.Number("momentum", 0);
  optimizer.nesterov = golden.Number("nesterov", 0) != 0;
  optimizer.weight_decay = golden.Number("weight_decay", 0);
  optimizer.clip_norm = golden.Number("clip_norm", optimizer.clip_norm);
  optimizer.clip_value = golden.Number("clip_value", optimizer.clip_value);
  return optimizer;
}

NetworkSpec SpecOf(const Golden& golden) {
  NetworkSpec spec;
  spec.input_width = 30;
  spec.layers.resize(2);
  spec.layers[0].units = static_cast<int64_t>(golden.Number("hidden", 0));
  spec.layers[0].activation.kind = Activation::kTanh;
  spec.layers[1].units = 1;
  for (LayerSpec& layer : spec.layers) {
    layer.l1 = static_cast<float>(golden.Number("l1", 0));
    layer.l2 = static_cast<float>(golden.Number("l2", 0));
  }
  spec.optimizer = OptimizerOf(golden);
  return spec;
}

// Parameters as the golden files order them: weights and biases, layer by layer.
void ForEachParameter(const Network& network, AlignedBuffer* block,
                      const std::function<void(float*)>& visit) {
  for (int64_t l = 0; l < network.layer_count(); ++l) {
    const MatrixView weights = network.weights(block->span(), l);
    for (int64_t i = 0; i < weights.size(); ++i) visit(weights.data + i);
    for (float& bias : network.bias(block->span(), l)) visit(&bias);
  }
}

ModelState StateFrom(const Network& network, const std::vector<double>& parameters) {
  ModelState state = InitialState(network, {});
  auto block = std::make_shared<AlignedBuffer>(static_cast<size_t>(network.block_size()));
  size_t next = 0;
  ForEachParameter(network, block.get(),
                   [&](float* p) { *p = static_cast<float>(parameters.at(next++)); });
  state.parameters = block;
  return state;
}

class CurvesTest : public testing::TestWithParam<const char*> {};

TEST_P(CurvesTest, FollowsPyTorch) {
  const Golden golden(GetParam());
  const Data data = ReadBreastCancer();
  const Network network(SpecOf(golden));
  ExampleChunk chunk;
  chunk.rows = static_cast<int64_t>(data.classes.size());
  chunk.inputs = {ElementType::kFloat32, data.inputs.data(), 30};
  chunk.class_ids = data.classes;
  Examples examples(30, 1);
  examples.Append(chunk);
  TrainOptions options;
  options.epochs = static_cast<int64_t>(golden.Number("epochs", 0));
  options.batch_size = static_cast<int64_t>(golden.Number("batch_size", 0));
  options.keep_order = true;
  options.fit_normalization = true;
  const Executor executor(1);
  const Cancellation cancellation;
  Trainer trainer(network, examples, nullptr, options,
                  StateFrom(network, golden.Numbers("initial")), executor, cancellation);
  while (!trainer.done()) ASSERT_TRUE(trainer.Step().ok());

  const std::vector<double> losses = golden.Numbers("losses");
  ASSERT_EQ(trainer.result().epochs.size(), losses.size());
  for (size_t i = 0; i < losses.size(); ++i) {
    EXPECT_NEAR(trainer.result().epochs[i].loss / losses[i], 1, kLossTolerance) << "epoch " << i;
  }
  const std::vector<double> expected = golden.Numbers("final");
  const double largest =
      std::abs(*std::max_element(expected.begin(), expected.end(),
                                 [](double a, double b) { return std::abs(a) < std::abs(b); }));
  const ModelState state = trainer.Share();
  AlignedBuffer block(state.parameters->size());
  std::copy(state.parameters->span().begin(), state.parameters->span().end(), block.data());
  size_t next = 0;
  ForEachParameter(network, &block, [&](float* p) {
    EXPECT_NEAR(*p, expected[next], kParameterTolerance * largest) << "parameter " << next;
    ++next;
  });
}

INSTANTIATE_TEST_SUITE_P(All, CurvesTest,
                         testing::Values("sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop",
                                         "rmsprop_momentum", "adagrad", "minibatch_adam",
                                         "penalties", "clipped", "clipped_by_value"));

}  // namespace
}  // namespace chainrule::engine
