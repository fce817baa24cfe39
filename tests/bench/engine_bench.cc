// What a training step and a prediction cost, as a fraction of their bare matrix
// products in the same run.  Prints a table; judges nothing.
#include <cblas.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/blas/blas_core.h"
#include "engine/blas/blas_runtime.h"
#include "engine/core/random.h"
#include "engine/kernels/reduce.h"
#include "engine/nn/predictor.h"
#include "engine/train/trainer.h"
#include "tests/bench/pairs.h"
#include "tests/bench/training_floor.h"

namespace chainrule::bench {
namespace {

using engine::Activation;
using engine::Executor;

const std::vector<int64_t> kWidths = {784, 512, 256, 10};

struct Row {
  std::vector<int64_t> widths;
  int64_t batch = 0;
  int threads = 1;
  double bar = 0;

  std::string name() const {
    return absl::StrCat(absl::StrJoin(widths, "-"), ", batch ", batch, ", ", threads, " threads");
  }
};

engine::NetworkSpec SpecOf(const std::vector<int64_t>& widths) {
  engine::NetworkSpec spec;
  spec.input_width = widths[0];
  for (size_t i = 1; i < widths.size(); ++i) {
    engine::LayerSpec layer;
    layer.units = widths[i];
    layer.activation.kind = Activation::kRelu;
    spec.layers.push_back(layer);
  }
  const bool binary = widths.back() == 1;
  spec.layers.back().activation.kind = binary ? Activation::kSigmoid : Activation::kSoftmax;
  spec.loss.kind =
      binary ? engine::Loss::kBinaryCrossEntropy : engine::Loss::kCategoricalCrossEntropy;
  spec.optimizer.learning_rate = 1e-4;
  return spec;
}

// A training that goes on for as long as it is asked to step: 16 mini-batches an epoch,
// shuffled, gathered anew for each step, as in a real one.
class Training {
 public:
  Training(const engine::NetworkSpec& spec, int64_t batch, int threads)
      : network_(spec),
        executor_(threads),
        examples_(spec.input_width, spec.output_width()),
        batch_(spec.input_width, spec.output_width()),
        inputs_(16 * batch, spec.input_width),
        classes_(static_cast<size_t>(16 * batch)) {
    FillRows(spec.output_width());
    state_ = engine::InitialState(network_, {});
    engine::TrainOptions options;
    options.epochs = int64_t{1} << 40;
    options.batch_size = batch;
    trainer_ = std::make_unique<engine::Trainer>(network_, examples_, nullptr, options,
                                                 engine::InitialState(network_, {}), executor_,
                                                 cancellation_);
  }

  // What a call of one step costs: it begins from a shared state and shares the next.
  void OneStepCall() {
    engine::TrainOptions options;
    options.batch_size = 0;
    engine::Trainer trainer(network_, batch_, nullptr, options, state_, executor_, cancellation_);
    if (!trainer.Step().ok()) std::abort();
    state_ = trainer.Share();
  }
  double CallTurn(absl::Duration turn) {
    double rate = 0;
    executor_.Run([&] { rate = Rate(turn, [this] { OneStepCall(); }); });
    return rate;
  }

  void Step() {
    if (!trainer_->Step().ok()) std::abort();
  }
  // Inside the arena, as a training lane runs it.
  double Turn(absl::Duration turn) {
    double rate = 0;
    executor_.Run([&] { rate = Rate(turn, [this] { Step(); }); });
    return rate;
  }

 private:
  void FillRows(int64_t outputs) {
    const engine::RandomStream random(7, engine::RandomPurpose::kInitializer, 0);
    for (int64_t i = 0; i < inputs_.view().size(); ++i) {
      inputs_.data()[i] = random.Uniform(static_cast<uint64_t>(i));
    }
    const int64_t classes = outputs == 1 ? 2 : outputs;
    for (size_t i = 0; i < classes_.size(); ++i) {
      classes_[i] = static_cast<int32_t>(static_cast<int64_t>(i) % classes);
    }
    engine::ExampleChunk chunk;
    chunk.rows = inputs_.rows();
    chunk.inputs = {engine::ElementType::kFloat32, inputs_.data(), inputs_.columns()};
    chunk.class_ids = classes_;
    examples_.Append(chunk);
    chunk.rows /= 16;
    chunk.class_ids = chunk.class_ids.first(static_cast<size_t>(chunk.rows));
    batch_.Append(chunk);
  }

  engine::Network network_;
  Executor executor_;
  engine::Cancellation cancellation_;
  engine::Examples examples_;  // 16 mini-batches
  engine::Examples batch_;     // the first of them
  engine::ModelState state_;   // of OneStepCall
  engine::Matrix inputs_;
  std::vector<int32_t> classes_;
  std::unique_ptr<engine::Trainer> trainer_;
};

void BenchTraining(const Protocol& protocol, const Row& row) {
  TrainingFloor floor(row.widths, row.batch);
  const Executor executor(row.threads);
  Training training(SpecOf(row.widths), row.batch, row.threads);
  const auto rates = Interleave(
      protocol, {[&](absl::Duration turn) {
                   openblas_set_num_threads(row.threads);
                   const double rate = Rate(turn, [&] { floor.RunOpenBlas(); });
                   openblas_set_num_threads(1);
                   return rate;
                 },
                 [&](absl::Duration turn) {
                   double rate = 0;
                   executor.Run([&] { rate = Rate(turn, [&] { floor.RunGrid(executor); }); });
                   return rate;
                 },
                 [&](absl::Duration turn) { return training.Turn(turn); }});
  const Quartiles ratio = QuartilesOf(Ratios(rates[2], Best(rates[0], rates[1])));
  PrintRatio(row.name(), ratio, row.bar,
             absl::StrCat("grid/OpenBLAS ",
                          absl::SixDigits(QuartilesOf(Ratios(rates[1], rates[0])).median), ", ",
                          absl::SixDigits(QuartilesOf(rates[2]).median), " steps/s"));
}

// What a step of `spec` costs, over one of SGD alone.
void BenchAgainstPlain(const Protocol& protocol, const std::string& name,
                       const engine::NetworkSpec& spec, const std::string& note) {
  Training plain(SpecOf(kWidths), 128, 1);
  Training other(spec, 128, 1);
  const auto rates = Interleave(protocol, {[&](absl::Duration turn) { return plain.Turn(turn); },
                                           [&](absl::Duration turn) { return other.Turn(turn); }});
  PrintRatio(absl::StrCat(name, ", 784-512-256-10, 128"), QuartilesOf(Ratios(rates[0], rates[1])),
             0, note);
}

void BenchAdam(const Protocol& protocol) {
  engine::NetworkSpec adam = SpecOf(kWidths);
  adam.optimizer.kind = engine::OptimizerKind::kAdam;
  BenchAgainstPlain(protocol, "ADAM's time over SGD's", adam, "wanted at most 1.15");
}

void BenchDropout(const Protocol& protocol) {
  engine::NetworkSpec dropout = SpecOf(kWidths);
  for (size_t l = 0; l + 1 < dropout.layers.size(); ++l) dropout.layers[l].dropout = 0.25F;
  BenchAgainstPlain(protocol, "time with dropout over without", dropout, "");
}

void BenchOneStepCall(const Protocol& protocol) {
  Training training(SpecOf(kWidths), 128, 1);
  const auto rates =
      Interleave(protocol, {[&](absl::Duration turn) { return training.Turn(turn); },
                            [&](absl::Duration turn) { return training.CallTurn(turn); }});
  PrintRatio("one-step calls over steps, 784-512-256-10, 128",
             QuartilesOf(Ratios(rates[1], rates[0])), 0,
             absl::StrCat(absl::SixDigits(1e6 / QuartilesOf(rates[1]).median), " us a call"));
}

void BenchPrediction(const Protocol& protocol, int64_t rows, double bar) {
  const engine::Network network(SpecOf(kWidths));
  const engine::ModelState state = engine::InitialState(network, {});
  const engine::Predictor predictor(network, state.parameters->span(), {});
  engine::Predictor::Scratch scratch;
  engine::Matrix inputs(rows, 784);
  engine::Matrix outputs(rows, 10);
  for (int64_t i = 0; i < rows * 784; ++i) inputs.data()[i] = static_cast<float>(i % 17) * 0.05F;
  TrainingFloor floor(kWidths, rows);
  const auto predict = [&] { predictor.Run(inputs.view(), outputs.view(), {}, &scratch); };
  // The least there is to do: one pass over the weights that does next to nothing.
  const auto read = [&] {
    const std::span<const float> weights = state.parameters->span();
    if (engine::FindNonFinite({weights.data(), 1, network.block_size()})) std::abort();
  };
  const auto rates = Interleave(
      protocol, {[&](absl::Duration turn) { return Rate(turn, [&] { floor.RunForward(); }); },
                 [&](absl::Duration turn) { return Rate(turn, predict); },
                 [&](absl::Duration turn) { return Rate(turn, read); }});
  PrintRatio(absl::StrCat("predict 784-512-256-10, ", rows, " rows, 1 thread"),
             QuartilesOf(Ratios(rates[1], rates[0])), bar,
             absl::StrCat(absl::SixDigits(1e6 / QuartilesOf(rates[1]).median), " us"));
  if (rows > 1) return;
  PrintRatio("  over one bare read of the weights", QuartilesOf(Ratios(rates[1], rates[2])), 0,
             absl::StrCat(absl::SixDigits(1e6 / QuartilesOf(rates[2]).median), " us a read"));
}

void Run(const Arguments& arguments) {
  std::printf("OpenBLAS's kernels: %s\n", engine::BlasCoreName().c_str());
  std::printf("Rates as a multiple of the bare matrix products': median [quartiles]\n");
  const std::vector<Row> rows = {{{784, 512, 256, 10}, 128, 1, 0.92},
                                 {{784, 512, 256, 10}, 128, 2, 0.85},
                                 {{784, 512, 256, 10}, 512, 2, 0.85},
                                 {{784, 128, 10}, 32, 1, 0.85},
                                 {{30, 64, 1}, 32, 1, 0.60},
                                 {{1024, 2048, 2048, 1024}, 256, 1, 0.95},
                                 {{1024, 2048, 2048, 1024}, 256, 2, 0.85}};
  for (const Row& row : rows) {
    if (arguments.Wants(row.name())) BenchTraining(arguments.protocol, row);
  }
  if (arguments.Wants("adam")) BenchAdam(arguments.protocol);
  if (arguments.Wants("dropout")) BenchDropout(arguments.protocol);
  if (arguments.Wants("one-step calls")) BenchOneStepCall(arguments.protocol);
  for (const auto& [count, bar] :
       {std::pair<int64_t, double>{1, 3.0}, {8, 1.5}, {64, 1.05}, {512, 0.95}}) {
    if (arguments.Wants("predict")) BenchPrediction(arguments.protocol, count, bar);
  }
}

}  // namespace
}  // namespace chainrule::bench

int main(int argc, char** argv) {
  const chainrule::bench::Arguments arguments = chainrule::bench::ParseArguments(argc, argv);
  if (!chainrule::engine::StartBlas(2).ok()) return 1;
  chainrule::bench::Run(arguments);
  return 0;
}
