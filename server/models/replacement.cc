#include "server/models/replacement.h"

#include <utility>

#include "absl/time/clock.h"

namespace chainrule::server {

Replacement::Replacement(std::string id, const StoredSettings& settings, int64_t step,
                         const Limits& limits, std::function<ModelDescription()> describe)
    : id_(std::move(id)),
      network_(std::make_shared<const engine::Network>(settings.settings->network)),
      state_(engine::InitialState(*network_, *settings.normalization)),
      window_(limits.request_id_count, limits.request_id_age, kWriteOutcomeSize),
      describe_(std::move(describe)) {
  state_.step = step;
}

ModelDescription Replacement::Describe(const engine::ModelState& state) const {
  ModelDescription description = describe_();
  description.normalization = state.normalization;
  description.step = state.step;
  description.condition = ModelCondition::kReady;
  return description;
}

void Replacement::Commit(engine::ModelState state, Record record, Journal::Done done) {
  const absl::Time now = absl::Now();
  if (!record.request_id.empty() && record.outcome.has_value()) {
    window_.Store(record.request_id, record.digest, *std::move(record.outcome), now);
  }
  window_.ForgetUntil(now);
  state_ = state;
  committed_ = {std::move(state), std::move(done)};
}

}  // namespace chainrule::server
