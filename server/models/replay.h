// Replay: does again what a record says, on the numbers before it, by the code that live
// calls run. A request id's answer is taken from the record, not made anew.
#ifndef CHAINRULE_SERVER_MODELS_REPLAY_H_
#define CHAINRULE_SERVER_MODELS_REPLAY_H_

#include <memory>

#include "absl/status/status.h"
#include "engine/core/executor.h"
#include "engine/nn/network.h"
#include "engine/train/model_state.h"
#include "server/models/outcome.h"
#include "server/models/record.h"
#include "server/models/settings.h"

namespace chainrule::server {

// What the records of a model change.
struct Recovered {
  std::shared_ptr<const ModelSettings> settings;
  std::shared_ptr<const engine::Network> network;
  engine::ModelState state;
  WriteWindow* window = nullptr;
  uint64_t number = 0;  // of the last record
  // Those of a record that was computed with others than `numerics`, and so leads to other
  // bits here; empty: there is none.
  std::string other_numerics = {};
};

// DATA_LOSS: a record is missing before this one, or it does not lead to the step that it
// names; `recovered` is worthless then.
absl::Status Replay(Record record, const std::string& numerics, const engine::Executor& executor,
                    Recovered* recovered);

// The settings with another learning rate.
std::shared_ptr<const ModelSettings> WithLearningRate(const ModelSettings& settings, double rate);

// The numbers after a SetWeights.
engine::ModelState PutIn(const SetWeightsInput& input, bool reset_optimizer,
                         const engine::Network& network, engine::ModelState state);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_REPLAY_H_
