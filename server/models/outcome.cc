#include "server/models/outcome.h"

#include "server/models/errors.h"

namespace chainrule::server {
namespace {

// A description, with the settings that one that was read back has for itself.
constexpr int64_t kModelBytes = 2'000;

int64_t ResultBytes(const engine::TrainResult& result) {
  auto bytes = static_cast<int64_t>(result.epochs.capacity() * sizeof(engine::EpochReport));
  for (const engine::EpochReport& report : result.epochs) {
    if (!report.validation_metrics.has_value()) continue;
    bytes += static_cast<int64_t>(report.validation_metrics->confusion.size() * sizeof(double));
  }
  return bytes;
}

int64_t StateBytes(const engine::ModelState& state) {
  return static_cast<int64_t>((state.parameters->size() + state.optimizer->size()) * sizeof(float));
}

}  // namespace

int64_t ExtraBytes(const WriteOutcome& outcome) {
  if (const auto* train = std::get_if<TrainReply>(&outcome)) return ResultBytes(train->result);
  if (const auto* reply = std::get_if<SetWeightsReply>(&outcome)) {
    return reply->model == nullptr ? 0 : kModelBytes;
  }
  const auto* progress = std::get_if<engine::TrainProgress>(&outcome);
  if (progress == nullptr) return 0;
  const int64_t best = progress->best_state.has_value() ? StateBytes(*progress->best_state) : 0;
  return ResultBytes(progress->result) + best;
}

bool HoldsModel(const WriteOutcome& outcome) {
  const auto* progress = std::get_if<engine::TrainProgress>(&outcome);
  return progress != nullptr && progress->best_state.has_value();
}

WriteOutcome WithoutModel(absl::string_view request_id) { return BestWeightsExpired(request_id); }

}  // namespace chainrule::server
