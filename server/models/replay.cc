#include "server/models/replay.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "engine/core/cancellation.h"
#include "engine/core/check.h"
#include "engine/train/apply_gradients.h"

namespace chainrule::server {
namespace {

using engine::AlignedBuffer;
using engine::ModelState;

void CopyRows(engine::ConstMatrixView from, engine::MatrixView to) {
  CHAINRULE_CHECK(from.rows == to.rows && from.columns == to.columns);
  for (int64_t row = 0; row < from.rows; ++row) {
    std::ranges::copy(from.row(row), to.row(row).begin());
  }
}

absl::StatusOr<ModelState> RunAgain(const TrainBody& body, const Recovered& before,
                                    const engine::Executor& executor) {
  const engine::Network network(
      WithLearningRate(*before.settings, body.base_learning_rate)->network);
  const engine::Cancellation never;
  engine::Trainer trainer(network, body.examples, nullptr, body.options, before.state, executor,
                          never);
  while (!trainer.done()) {
    if (absl::Status status = trainer.Step(); !status.ok()) return status;
  }
  return trainer.Share();
}

absl::StatusOr<ModelState> StepAgain(const GradientBody& body, const Recovered& before,
                                     const engine::Executor& executor) {
  AlignedBuffer gradient(before.state.parameters->size());
  const std::array<engine::GradientContribution, 1> only = {{{body.layers}}};
  MeanGradient(*before.network, only, executor, gradient.span());
  return ApplyGradient(*before.network, before.state, gradient.span(), executor);
}

void SetSettings(std::shared_ptr<const ModelSettings> settings, Recovered* recovered) {
  recovered->network = std::make_shared<const engine::Network>(settings->network);
  recovered->settings = std::move(settings);
}

absl::Status Apply(const RecordBody& body, const engine::Executor& executor, Recovered* recovered) {
  if (const auto* train = std::get_if<TrainBody>(&body)) {
    absl::StatusOr<ModelState> state = RunAgain(*train, *recovered, executor);
    if (!state.ok()) return absl::DataLossError(state.status().message());
    recovered->state = *std::move(state);
  } else if (const auto* state = std::get_if<ModelState>(&body)) {
    recovered->state = *state;
  } else if (const auto* weights = std::get_if<SetWeightsBody>(&body)) {
    recovered->state = PutIn(weights->input, weights->reset_optimizer, *recovered->network,
                             std::move(recovered->state));
  } else if (const auto* rate = std::get_if<LearningRateBody>(&body)) {
    SetSettings(WithLearningRate(*recovered->settings, rate->learning_rate), recovered);
  } else if (const auto* gradient = std::get_if<GradientBody>(&body)) {
    absl::StatusOr<ModelState> stepped = StepAgain(*gradient, *recovered, executor);
    if (!stepped.ok()) return absl::DataLossError(stepped.status().message());
    recovered->state = *std::move(stepped);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Replay(Record record, const std::string& numerics, const engine::Executor& executor,
                    Recovered* recovered) {
  const RecordHeader& header = record.header;
  if (header.number != recovered->number + 1 || header.first_step != recovered->state.step) {
    return absl::DataLossError(absl::StrCat("record ", header.number,
                                            " of the log goes on from step ", header.first_step,
                                            ", and what is before it ends with record ",
                                            recovered->number, " at step ", recovered->state.step));
  }
  if (absl::Status status = Apply(record.body, executor, recovered); !status.ok()) {
    return absl::DataLossError(
        absl::StrCat("record ", header.number, " cannot be replayed: ", status.message()));
  }
  if (recovered->state.step != header.last_step) {
    return absl::DataLossError(absl::StrCat("record ", header.number, " led to step ",
                                            header.last_step, ", its replay to ",
                                            recovered->state.step));
  }
  const bool computed = std::holds_alternative<TrainBody>(record.body) ||
                        std::holds_alternative<GradientBody>(record.body);
  if (computed && header.numerics != numerics) recovered->other_numerics = header.numerics;
  recovered->number = header.number;
  if (record.outcome.has_value()) {
    recovered->window->Store(record.request_id, record.digest, *std::move(record.outcome),
                             header.time);
  }
  return absl::OkStatus();
}

std::shared_ptr<const ModelSettings> WithLearningRate(const ModelSettings& settings, double rate) {
  auto changed = std::make_shared<ModelSettings>(settings);
  changed->network.optimizer.learning_rate = rate;
  return changed;
}

ModelState PutIn(const SetWeightsInput& input, bool reset_optimizer, const engine::Network& network,
                 ModelState state) {
  auto block = std::make_shared<AlignedBuffer>(state.parameters->size());
  std::ranges::copy(state.parameters->span(), block->data());
  for (const engine::LayerTensors& layer : input.layers) {
    if (layer.weights.data != nullptr) {
      CopyRows(layer.weights, network.weights(block->span(), layer.index));
    }
    if (layer.biases.data != nullptr) {
      const std::span<float> bias = network.bias(block->span(), layer.index);
      CopyRows(layer.biases, {bias.data(), 1, static_cast<int64_t>(bias.size())});
    }
  }
  state.parameters = std::move(block);
  if (input.optimizer != nullptr) {
    state.optimizer = input.optimizer;
    state.optimizer_steps = input.optimizer_steps;
  }
  if (reset_optimizer) {
    state.optimizer = std::make_shared<const AlignedBuffer>(state.optimizer->size());
    state.optimizer_steps = 0;
  }
  ++state.step;
  return state;
}

}  // namespace chainrule::server
