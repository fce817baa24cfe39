// How a model's numbers get into its checkpoint.
#include <utility>

#include "server/models/errors.h"
#include "server/models/model_impl.h"
#include "server/store/errors.h"

namespace chainrule::server {

using engine::MutexLock;

absl::Status Model::Impl::WriteCheckpoint() {
  MutexLock alone(&checkpoints_mutex_);
  std::optional<Numbers::Capture> capture = Capture();
  if (!capture.has_value()) return absl::OkStatus();
  // What the checkpoint holds must be in the log before it is in the checkpoint.
  if (absl::Status status = keeper_->Flush(); !status.ok()) return status;
  if (!StillHolds(*capture)) return StorageFailed("what was written last is being read back");
  if (absl::Status status = PutCheckpoint(*capture); !status.ok()) return status;
  VisitTurn turn(&turn_);
  numbers_.Covered(*capture);
  MutexLock lock(&mutex_);
  inexact_ = numbers_.inexact();
  return absl::OkStatus();
}

// Nothing, where all is in a checkpoint, or will never be.
std::optional<Numbers::Capture> Model::Impl::Capture() {
  VisitTurn turn(&turn_);
  if (queue_.ended() == absl::StatusCode::kAborted || !numbers_.first_uncovered().has_value() ||
      !numbers_.loaded() || journal_->failed()) {
    return std::nullopt;
  }
  return numbers_.Take();
}

bool Model::Impl::StillHolds(const Numbers::Capture& capture) {
  VisitTurn turn(&turn_);
  return numbers_.Holds(capture) && !journal_->failed();
}

absl::Status Model::Impl::PutCheckpoint(const Numbers::Capture& capture) {
  Store* const store = keeper_->store();
  const absl::StatusOr<WeightsFile> file =
      store->WriteWeights(uid_, "checkpoint", *capture.network, capture.checkpoint);
  if (!file.ok()) return file.status();
  WeightsFile old;
  const absl::Status status = book_.Change([&](StoredModel* stored, StoreChange* change) {
    if (queue_.ended() == absl::StatusCode::kAborted) return ModelDeleted(id_);
    // What is known of it without its numbers is of the same moment as these.
    std::string spec = EncodeSettings(*capture.settings, *capture.checkpoint.state.normalization);
    if (spec != stored->facts.spec) {
      stored->facts.spec = std::move(spec);
      change->put_model = stored->facts;
    }
    old = std::exchange(stored->checkpoint.weights, *file);
    stored->checkpoint.step = capture.checkpoint.state.step;
    stored->checkpoint.sequence = capture.sequence;
    change->put_checkpoint = {uid_, stored->checkpoint};
    return absl::OkStatus();
  });
  store->RemoveWeights(status.ok() ? old : *file);
  return status;
}

}  // namespace chainrule::server
