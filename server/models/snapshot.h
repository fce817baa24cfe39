// Snapshot: a model's numbers at one step, for readers. Immutable but for the
// predictor, which the first who needs it packs.
// Thread-safe. Held by shared_ptr<const Snapshot>; a reader keeps it for its call.
#ifndef CHAINRULE_SERVER_MODELS_SNAPSHOT_H_
#define CHAINRULE_SERVER_MODELS_SNAPSHOT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "engine/nn/network.h"
#include "engine/nn/predictor.h"
#include "engine/train/model_state.h"
#include "server/models/settings.h"

namespace chainrule::server {

class Snapshot {
 public:
  Snapshot(std::shared_ptr<const ModelSettings> settings,
           std::shared_ptr<const engine::Network> network, engine::ModelState state);

  const ModelSettings& settings() const { return *settings_; }
  // For who needs them longer than the numbers.
  const std::shared_ptr<const ModelSettings>& shared_settings() const { return settings_; }
  const engine::Network& network() const { return *network_; }
  const engine::ModelState& state() const { return state_; }
  int64_t step() const { return state_.step; }
  // For compute threads: packs the weights at the first call.
  const engine::Predictor& predictor() const;
  int64_t memory_bytes() const;  // of the packed weights, 0 before there are any

 private:
  const std::shared_ptr<const ModelSettings> settings_;
  const std::shared_ptr<const engine::Network> network_;
  const engine::ModelState state_;
  mutable std::once_flag packed_;
  mutable std::unique_ptr<const engine::Predictor> predictor_;
  mutable std::atomic<int64_t> packed_bytes_{0};
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_SNAPSHOT_H_
