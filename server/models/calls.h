// The calls that change a model's numbers, as its queue takes them, and their replies.
// Each `done` is called exactly once, on a training lane (or on the caller's thread if
// the call is refused at once), also when the call is cancelled while it waits.
#ifndef CHAINRULE_SERVER_MODELS_CALLS_H_
#define CHAINRULE_SERVER_MODELS_CALLS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/core/cancellation.h"
#include "engine/nn/layer_tensors.h"
#include "engine/train/apply_gradients.h"
#include "engine/train/examples.h"
#include "engine/train/model_state.h"
#include "engine/train/trainer.h"
#include "server/models/request_window.h"
#include "server/models/settings.h"

namespace chainrule::server {

// What all of them have.
struct WriteOptions {
  std::string request_id;  // empty: none
  std::optional<int64_t> if_step;
  std::shared_ptr<engine::Cancellation> cancellation;  // never null
};

// Rows that were read and found sound, and the digest of the whole request if it has an id.
struct TrainInput {
  engine::Examples examples;
  std::optional<engine::Examples> validation;
  ContentDigest digest;
};

struct TrainReply {
  engine::TrainResult result;
  int64_t model_step = 0;
  int64_t durable_step = 0;
  bool replayed = false;
};

struct TrainCall {
  WriteOptions write;
  engine::TrainOptions options;
  // Reads, converts and checks the rows in one pass. Called once, on a training lane,
  // when the call's turn has come.
  std::function<absl::StatusOr<TrainInput>()> read;
  std::function<void(const engine::EpochReport&)> on_epoch;  // may be empty
  std::function<void(absl::StatusOr<TrainReply>)> done;
};

struct SetWeightsReply {
  int64_t model_step = 0;
  int64_t durable_step = 0;
  bool replayed = false;
  // The model as it was after the call, for calls that answer it; null for the others.
  // Its durable_step is of no moment.
  std::shared_ptr<const ModelDescription> model = nullptr;
};

// Whole tensors to put in; what is absent stays.
struct SetWeightsInput {
  std::vector<engine::LayerTensors> layers;
  ContentDigest digest;
  std::shared_ptr<const void> owner;  // of what the views show
  // The optimizer's state to put in with the layers, and its steps; null: it stays.
  std::shared_ptr<const engine::AlignedBuffer> optimizer = nullptr;
  int64_t optimizer_steps = 0;
};

struct SetWeightsCall {
  WriteOptions write;
  bool whole = false;  // it brings every layer
  bool reset_optimizer = false;
  bool answers_model = false;
  std::function<absl::StatusOr<SetWeightsInput>()> read;  // as TrainCall::read
  std::function<void(absl::StatusOr<SetWeightsReply>)> done;
};

// Gradients that were read and found sound.
struct ApplyGradientsInput {
  std::vector<engine::GradientContribution> contributions;  // at least one
  // Of each contribution: the step of the weights that it was computed on, if it says so.
  std::vector<std::optional<int64_t>> base_steps;
  ContentDigest digest{};
  std::shared_ptr<const void> owner;  // of what the views show
};

struct ApplyGradientsCall {
  WriteOptions write;
  // How many steps older than the model a base may be; with it all contributions have one.
  std::optional<int64_t> max_staleness;
  std::function<absl::StatusOr<ApplyGradientsInput>()> read;  // as TrainCall::read
  std::function<void(absl::StatusOr<SetWeightsReply>)> done;
};

// Numbers to take the place of the model's, as one step; those of its own network.
struct ReplaceInput {
  // Its step is not looked at. An error is the answer, unless the call is a repeat.
  absl::StatusOr<engine::ModelState> state = engine::ModelState();
  // false: the model keeps its own optimizer's state.
  bool has_optimizer = true;
  ContentDigest digest{};
};

struct ReplaceCall {
  WriteOptions write;
  bool reset_optimizer = false;                        // zero, whatever `state` and the model have
  std::function<absl::StatusOr<ReplaceInput>()> read;  // as TrainCall::read
  std::function<void(absl::StatusOr<SetWeightsReply>)> done;  // with the model
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_CALLS_H_
