// What a model tells of itself, and the changes of its facts.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/models/errors.h"
#include "server/models/identity.h"
#include "server/models/model_impl.h"

namespace chainrule::server {
namespace {

using engine::MutexLock;

// Waits for what the log says of a record.
class Decision {
 public:
  Journal::Done Done() {
    return [this](const absl::Status& status, int64_t) {
      MutexLock lock(&mutex_);
      status_ = status;
      known_ = true;
      changed_.NotifyAll();
    };
  }
  absl::Status Wait() {
    MutexLock lock(&mutex_);
    while (!known_) changed_.Wait(&mutex_);
    return status_;
  }

 private:
  engine::Mutex mutex_;
  engine::CondVar changed_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  bool known_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

ModelDescription Model::Impl::Describe(const ModelFacts& facts) const {
  ModelDescription description;
  description.id = id_;
  description.uid = uid_;
  description.labels = facts.labels;
  description.aliases = facts.aliases;
  description.etag = EtagOf(facts);
  description.incarnation =
      keeper_ == nullptr ? ProcessIncarnation() : keeper_->store()->incarnation();
  description.create_time = facts.create_time;
  description.update_time = facts.update_time;
  const std::shared_ptr<const Snapshot> snapshot = journal_->snapshot();
  const absl::StatusOr<StoredSettings> settings = this->settings();
  if (settings.ok()) {
    description.settings = settings->settings;
    description.normalization = settings->normalization;
    description.parameter_count = *engine::ParameterCount(settings->settings->network);
    description.memory_bytes = ObjectBytes(*settings->settings, keeper_ != nullptr);
  } else {
    description.condition = ModelCondition::kFailed;
  }
  for (const Resident& resident : Residents()) description.memory_bytes += resident.bytes;
  if (snapshot != nullptr) {
    description.step = snapshot->step();
    description.durable_step = journal_->durable_step();
    return description;
  }
  MutexLock lock(&mutex_);
  description.step = cold_.tail_step.value_or(book_.checkpoint().step);
  description.durable_step = description.step;
  if (cold_.tail_step.has_value()) description.condition = ModelCondition::kLoading;
  if (!cold_.damage.ok()) description.condition = ModelCondition::kFailed;
  return description;
}

absl::Status Model::Impl::Readiness() const {
  if (journal_->snapshot() != nullptr) return absl::OkStatus();
  if (absl::Status status = settings().status(); !status.ok()) return status;
  MutexLock lock(&mutex_);
  if (!cold_.damage.ok() || !cold_.tail_step.has_value()) return cold_.damage;
  return absl::UnavailableError(
      absl::StrCat("model '", id_, "': what it learned last is being read back"));
}

absl::StatusOr<ModelDescription> Model::Impl::Update(const std::string& etag, ModelUpdate update,
                                                     Stamp stamp) {
  if (absl::Status status = queue_.Refusal(); !status.ok()) return status;
  ModelDescription updated;
  const absl::Status status = book_.Change([&](StoredModel* stored, StoreChange* change) {
    ModelFacts& facts = stored->facts;
    if (absl::Status changed = CheckEtag(facts, etag); !changed.ok()) return changed;
    if (update.learning_rate.has_value()) {
      if (absl::Status set = SetLearningRate(*update.learning_rate); !set.ok()) return set;
    }
    if (update.labels.has_value()) facts.labels = *std::move(update.labels);
    ++facts.revision;
    facts.update_time = absl::Now();
    change->put_model = facts;
    updated = Describe(facts);
    stamp({updated, {}}, change);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return updated;
}

absl::Status Model::Impl::SetLearningRate(double learning_rate) {
  Decision decision;
  {
    VisitTurn turn(&turn_);
    if (absl::Status status = Prepare(); !status.ok()) return status;
    numbers_.SetLearningRate(learning_rate, decision.Done());
  }
  return decision.Wait();
}

absl::StatusOr<ModelDescription> Model::Impl::Delete(const std::string& etag, Stamp stamp) {
  if (queue_.ended() == absl::StatusCode::kAborted) return ModelNotFound(id_);
  ModelDescription last;
  const absl::Status status = book_.Change([&](StoredModel* stored, StoreChange* change) {
    if (absl::Status changed = CheckEtag(stored->facts, etag); !changed.ok()) return changed;
    change->remove_model = uid_;
    last = Describe(stored->facts);
    stamp({last, {}}, change);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  queue_.End(absl::StatusCode::kAborted);
  if (keeper_ == nullptr) return last;
  MutexLock checkpoints(&checkpoints_mutex_);
  keeper_->store()->RemoveWeights(book_.checkpoint().weights);
  for (const StoredVersion& version : book_.versions()) {
    keeper_->store()->RemoveWeights(version.weights);
  }
  return last;
}

}  // namespace chainrule::server
