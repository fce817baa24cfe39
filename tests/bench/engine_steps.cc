#include "tests/bench/engine_steps.h"

#include <cstdio>
#include <cstdlib>

#include "engine/blas/blas_runtime.h"
#include "engine/core/executor.h"
#include "engine/train/gradients.h"
#include "engine/train/trainer.h"
#include "tests/bench/pairs.h"

namespace chainrule::bench {
namespace {

engine::NetworkSpec SpecOf(const std::vector<int64_t>& widths) {
  engine::NetworkSpec spec;
  spec.input_width = widths[0];
  for (size_t i = 1; i < widths.size(); ++i) {
    engine::LayerSpec layer;
    layer.units = widths[i];
    const bool last = i + 1 == widths.size();
    layer.activation.kind = last ? engine::Activation::kSoftmax : engine::Activation::kRelu;
    spec.layers.push_back(layer);
  }
  spec.loss.kind = engine::Loss::kCategoricalCrossEntropy;
  return spec;
}

}  // namespace

class EngineSteps::Impl {
 public:
  Impl(const std::vector<int64_t>& widths, int64_t rows, int threads)
      : network_(SpecOf(widths)),
        executor_(threads),
        inputs_(static_cast<size_t>(rows * widths[0])),
        classes_(static_cast<size_t>(rows)),
        examples_(widths[0], widths.back()) {
    for (size_t i = 0; i < inputs_.size(); ++i) inputs_[i] = static_cast<float>(i % 13) * 0.07F;
    for (size_t i = 0; i < classes_.size(); ++i) {
      classes_[i] = static_cast<int32_t>(static_cast<int64_t>(i) % widths.back());
    }
    engine::ExampleChunk chunk;
    chunk.rows = rows;
    chunk.inputs = {engine::ElementType::kFloat32, inputs_.data(), widths[0]};
    chunk.class_ids = classes_;
    examples_.Append(std::move(chunk));
    outputs_.layers.resize(static_cast<size_t>(network_.layer_count()));
    for (int64_t l = 0; l < network_.layer_count(); ++l) {
      weights_.emplace_back(network_.layer_units(l), network_.layer_inputs(l));
      biases_.emplace_back(static_cast<size_t>(network_.layer_units(l)));
    }
    for (size_t l = 0; l < weights_.size(); ++l) {
      outputs_.layers[l].weights = weights_[l].view();
      outputs_.layers[l].bias = biases_[l];
    }
  }

  double TrainRate(absl::Duration turn) {
    engine::TrainOptions options;
    options.epochs = int64_t{1} << 40;
    options.learning_rate = 1e-4;
    engine::Trainer trainer(network_, examples_, nullptr, options,
                            engine::InitialState(network_, {}), executor_, never_);
    return Rate(turn, [&] { Require(trainer.Step().ok()); });
  }

  double GradientsRate(absl::Duration turn) {
    const engine::ModelState state = engine::InitialState(network_, {});
    return Rate(turn, [&] {
      Require(
          engine::ComputeGradients(network_, state, examples_, outputs_, executor_, never_).ok());
    });
  }

 private:
  static void Require(bool ok) {
    if (ok) return;
    std::fprintf(stderr, "benchmark: the engine failed\n");
    std::exit(1);
  }

  const engine::Network network_;
  const engine::Executor executor_;
  const engine::Cancellation never_;
  std::vector<float> inputs_;
  std::vector<int32_t> classes_;
  engine::Examples examples_;
  std::vector<engine::Matrix> weights_;
  std::vector<std::vector<float>> biases_;
  engine::GradientOutputs outputs_;
};

EngineSteps::EngineSteps(const std::vector<int64_t>& widths, int64_t rows, int threads) {
  if (!engine::StartBlas(threads).ok()) std::exit(1);
  impl_ = std::make_unique<Impl>(widths, rows, threads);
}

EngineSteps::~EngineSteps() = default;

double EngineSteps::TrainRate(absl::Duration turn) { return impl_->TrainRate(turn); }

double EngineSteps::GradientsRate(absl::Duration turn) { return impl_->GradientsRate(turn); }

}  // namespace chainrule::bench
