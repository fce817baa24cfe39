// How a model whose numbers are lost gets others.
#include <algorithm>
#include <utility>

#include "server/models/errors.h"
#include "server/models/model_impl.h"
#include "server/models/outcome_codec.h"
#include "server/models/replacement.h"

namespace chainrule::server {

using engine::MutexLock;

// After a turn that could not begin: what waits hears of it, but for what brings new
// numbers to a damaged model; what came behind that finds it whole.
void Model::Impl::FailWaiting(const absl::Status& why, const engine::Executor& executor) {
  while (std::unique_ptr<Write> write = queue_.TakeNext()) {
    if (absl::IsDataLoss(why) && write->replaces_all()) {
      if (Repair(write.get(), executor)) return;
    } else {
      write->Fail(why);
    }
  }
}

// Without the turn: the store is waited for, and who changes facts waits for the turn.
// Nobody else writes meanwhile, as this is still the lane's. Returns whether it is whole.
bool Model::Impl::Repair(Write* write, const engine::Executor& executor) {
  const absl::StatusOr<StoredSettings> settings = this->settings();
  if (!settings.ok()) {
    write->Fail(settings.status());
    return false;
  }
  Replacement replacement(id_, *settings, KnownStep(), limits_,
                          [this] { return Describe(book_.facts()); });
  write->Run(&replacement, executor, absl::InfiniteFuture());
  if (!replacement.committed().has_value()) return false;
  Replacement::Committed committed = *std::exchange(replacement.committed(), std::nullopt);
  const int64_t step = committed.state.step;
  const absl::Status kept =
      PutReplacement(settings->settings, std::move(committed.state), &replacement.window());
  committed.done(kept, kept.ok() ? step : 0);
  return kept.ok();
}

// A checkpoint that covers all that the log has of the model so far.
absl::Status Model::Impl::PutReplacement(std::shared_ptr<const ModelSettings> settings,
                                         engine::ModelState state, WriteWindow* window) {
  MutexLock alone(&checkpoints_mutex_);
  Numbers::Capture capture;
  capture.network = std::make_shared<const engine::Network>(settings->network);
  capture.settings = std::move(settings);
  capture.checkpoint = MakeCheckpoint(std::move(state), keeper_->options().numerics);
  capture.checkpoint.window = EncodeWindow(*capture.network, *window);
  capture.sequence = std::max(keeper_->synced(), book_.checkpoint().sequence);
  if (absl::Status status = PutCheckpoint(capture); !status.ok()) return status;
  {
    VisitTurn turn(&turn_);
    numbers_.Replace(capture, std::move(*window));
  }
  {
    MutexLock lock(&mutex_);
    cold_.Clear();
  }
  keeper_->condition().Tell(id_, uid_, ModelCondition::kReady);
  keeper_->load().Tell();
  return absl::OkStatus();
}

}  // namespace chainrule::server
