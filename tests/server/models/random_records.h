// Records of TestSettings' models with random values in all that they may hold, for tests
// and fuzzers of how they are written.
#ifndef CHAINRULE_TESTS_SERVER_MODELS_RANDOM_RECORDS_H_
#define CHAINRULE_TESTS_SERVER_MODELS_RANDOM_RECORDS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "server/models/errors.h"
#include "server/models/record.h"
#include "tests/server/models/test_models.h"

namespace chainrule::server {

// Random values of everything that a record may hold; the same for a seed.
class RandomRecords {
 public:
  explicit RandomRecords(uint32_t seed) : bits_(seed) {}

  bool Coin() { return bits_() % 2 == 0; }
  int64_t Count(int64_t below) { return static_cast<int64_t>(bits_()) % below; }
  double Real() {
    return std::ldexp(static_cast<double>(bits_()), static_cast<int>(Count(60)) - 60);
  }
  std::optional<double> MaybeReal() { return Coin() ? std::optional(Real()) : std::nullopt; }
  std::string Text() {
    return std::string(static_cast<size_t>(Count(40)), static_cast<char>(bits_()));
  }
  std::vector<float> Floats(int64_t count) {
    std::vector<float> floats;
    for (int64_t i = 0; i < count; ++i) floats.push_back(static_cast<float>(Real() + 0.5));
    return floats;
  }

  engine::ModelState State(const engine::Network& network) {
    engine::Normalization normalization;
    if (Coin()) normalization.inputs = {Floats(kInputs), Floats(kInputs)};
    if (Coin()) normalization.targets = {Floats(kOutputs), Floats(kOutputs)};
    engine::ModelState state = engine::InitialState(network, std::move(normalization));
    auto optimizer = std::make_shared<engine::AlignedBuffer>(state.optimizer->size());
    std::ranges::copy(state.parameters->span(), optimizer->data());
    state.optimizer = std::move(optimizer);
    state.step = Count(1000);
    state.optimizer_steps = Count(1000);
    return state;
  }
  engine::Metrics Metrics() {
    engine::Metrics metrics;
    metrics.accuracy = MaybeReal();
    metrics.precision = MaybeReal();
    metrics.recall = MaybeReal();
    metrics.f1 = MaybeReal();
    metrics.roc_auc = MaybeReal();
    metrics.roc_auc_binned = Coin();
    metrics.classes = 1;
    metrics.confusion = {Real()};
    metrics.mean_absolute_error = MaybeReal();
    metrics.root_mean_squared_error = MaybeReal();
    metrics.r_squared = Real();
    return metrics;
  }
  engine::TrainResult Result() {
    engine::TrainResult result;
    result.loss = Real();
    for (int64_t left = Count(4); left > 0; --left) {
      engine::EpochReport report;
      report.epoch = left;
      report.validation_loss = MaybeReal();
      if (Coin()) report.validation_metrics = Metrics();
      report.gradient_norm = Real();
      result.epochs.push_back(report);
    }
    if (Coin()) result.best_epoch = Count(9);
    result.stop_reason = engine::StopReason::kEarlyStopped;
    result.steps_taken = Count(1000);
    return result;
  }
  WriteOutcome Outcome(const engine::Network& network) {
    switch (Count(5)) {
      case 4: {
        ModelDescription model;
        model.id = "iris";
        model.settings = TestSettings();
        model.normalization = std::make_shared<engine::Normalization>();
        model.step = Count(1000);
        model.labels["team"] = Text();
        model.aliases["prod"] = Count(9);
        model.etag = Text();
        return SetWeightsReply{.model_step = model.step,
                               .model = std::make_shared<const ModelDescription>(model)};
      }
      case 0:
        return TrainReply{.result = Result(), .model_step = Count(1000)};
      case 1:
        return SetWeightsReply{.model_step = Count(1000)};
      case 2: {
        engine::TrainProgress progress;
        progress.first_step = Count(1000);
        progress.loss_sum = Real();
        progress.result = Result();
        progress.best_loss = MaybeReal();
        if (Coin()) progress.best_state = State(network);
        progress.epochs_since_best = Count(5);
        return progress;
      }
      default:
        return StepMismatch("iris", Count(1000), 3);  // with details
    }
  }
  // Of some tensors of both layers.
  GradientBody Gradient() {
    auto floats = std::make_shared<std::vector<float>>(Floats(5 * kInputs));
    GradientBody body;
    body.layers.push_back({0, {floats->data(), 5, kInputs}, {}});
    if (Coin()) body.layers.push_back({1, {}, {floats->data(), 1, kOutputs}});
    body.owner = floats;
    return body;
  }
  RecordBody Body(const engine::Network& network) {
    switch (Count(6)) {
      case 0:
        return State(network);
      case 1: {
        engine::TrainOptions options;
        options.epochs = 1 + Count(9);
        options.learning_rate = MaybeReal();
        options.keep_order = Coin();
        if (Coin()) options.early_stopping = engine::EarlyStopping{3, Real(), Coin()};
        return TrainBody{options, Real(), TestRows(1 + Count(9), 1).examples};
      }
      case 2: {
        auto floats = std::make_shared<std::vector<float>>(Floats(kOutputs));
        SetWeightsInput input;
        input.layers.push_back({1, {}, {floats->data(), 1, kOutputs}});
        input.owner = floats;
        return SetWeightsBody{std::move(input), Coin()};
      }
      case 3:
        return LearningRateBody{Real()};
      case 4:
        return Gradient();
      default:
        return std::monostate();
    }
  }
  Record Any(const engine::Network& network) {
    Record record;
    record.header = {"uid-" + Text(), 1 + bits_(), absl::FromUnixNanos(Count(1'000'000'000)), 7,
                     7 + Count(100),  Text()};
    record.request_id = Text();
    record.digest = {bits_(), bits_()};
    if (Coin()) record.outcome = Outcome(network);
    record.body = Body(network);
    return record;
  }

 private:
  std::mt19937 bits_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_TESTS_SERVER_MODELS_RANDOM_RECORDS_H_
