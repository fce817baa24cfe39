#include "server/models/snapshot.h"

#include <utility>

namespace chainrule::server {

Snapshot::Snapshot(std::shared_ptr<const ModelSettings> settings,
                   std::shared_ptr<const engine::Network> network, engine::ModelState state)
    : settings_(std::move(settings)), network_(std::move(network)), state_(std::move(state)) {}

const engine::Predictor& Snapshot::predictor() const {
  std::call_once(packed_, [this] {
    predictor_ = std::make_unique<const engine::Predictor>(*network_, state_.parameters->span(),
                                                           *state_.normalization);
    packed_bytes_.store(predictor_->memory_bytes(), std::memory_order_relaxed);
  });
  return *predictor_;
}

int64_t Snapshot::memory_bytes() const { return packed_bytes_.load(std::memory_order_relaxed); }

}  // namespace chainrule::server
