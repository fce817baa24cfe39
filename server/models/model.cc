#include "server/models/model.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/core/mutex.h"
#include "engine/kernels/update.h"
#include "server/models/errors.h"
#include "server/models/identity.h"
#include "server/models/write.h"

namespace chainrule::server {
namespace {

using engine::MutexLock;

// What a model takes beside its blocks: its own objects, the queue, the window and the
// spec, twice. Measured; memory_test holds it to the truth.
constexpr int64_t kModelBytes = 2'500;
constexpr int64_t kLayerBytes = 100;

int64_t Bytes(const engine::AlignedBuffer& buffer) {
  return static_cast<int64_t>(buffer.size() * sizeof(float));
}

int64_t ObjectBytes(const engine::Network& network) {
  return kModelBytes + kLayerBytes * network.layer_count();
}

}  // namespace

int64_t IdleMemoryBytes(const engine::Network& network) {
  const engine::OptimizerSpec& optimizer = network.spec().optimizer;
  const int arrays = engine::StateArrays(optimizer.kind, static_cast<float>(optimizer.momentum));
  const int64_t blocks = network.block_size() * (1 + arrays);
  return ObjectBytes(network) + blocks * static_cast<int64_t>(sizeof(float));
}

class Model::Impl : public Writer {
 public:
  Impl(std::string id, std::shared_ptr<const ModelSettings> settings,
       std::map<std::string, std::string> labels, engine::ModelState state, const Limits& limits,
       WriterScheduler* scheduler);

  // What the change that runs sees.
  const std::string& id() const override { return id_; }
  const engine::ModelState& state() const override { return state_; }
  std::shared_ptr<const engine::Network> network() const override;
  RequestWindow<WriteOutcome>& window() override { return window_; }
  void Commit(engine::ModelState state) override;
  void SetTraining(bool training) override;

  std::shared_ptr<const Snapshot> snapshot() const;
  ModelDescription Describe() const;
  absl::StatusOr<ModelDescription> Update(const std::string& etag, ModelUpdate update);
  absl::Status Delete(const std::string& etag);
  void End(absl::StatusCode reason);

  void Enqueue(std::unique_ptr<Write> write, std::shared_ptr<Model> self);
  bool RunSlice(const engine::Executor& executor, absl::Time until);

 private:
  void FailCancelled();
  std::unique_ptr<Write> TakeNext();
  bool HasWork();
  absl::Status Refusal() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckEtag(const std::string& etag) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndLocked(absl::StatusCode reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetLearningRate(double learning_rate) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string Etag() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int64_t MemoryBytes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ModelDescription DescribeLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string id_;
  const std::string uid_ = RandomUuid();
  const absl::Time create_time_ = absl::Now();
  WriterScheduler* const scheduler_;

  // Of the lane that has the turn; lanes hand it over under the scheduler's lock.
  engine::ModelState state_;
  RequestWindow<WriteOutcome> window_;
  std::unique_ptr<Write> running_;

  mutable engine::Mutex mutex_;
  std::deque<std::unique_ptr<Write>> queue_ ABSL_GUARDED_BY(mutex_);
  bool scheduled_ ABSL_GUARDED_BY(mutex_) = false;
  // Of the change that runs, if one does, and why no more are taken, if they are not.
  std::shared_ptr<engine::Cancellation> current_ ABSL_GUARDED_BY(mutex_);
  absl::StatusCode ended_ ABSL_GUARDED_BY(mutex_) = absl::StatusCode::kOk;
  bool training_ ABSL_GUARDED_BY(mutex_) = false;

  std::shared_ptr<const ModelSettings> settings_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const engine::Network> network_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const Snapshot> snapshot_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> labels_ ABSL_GUARDED_BY(mutex_);
  int64_t revision_ ABSL_GUARDED_BY(mutex_) = 1;  // of labels and settings
  absl::Time update_time_ ABSL_GUARDED_BY(mutex_) = create_time_;
};

Model::Impl::Impl(std::string id, std::shared_ptr<const ModelSettings> settings,
                  std::map<std::string, std::string> labels, engine::ModelState state,
                  const Limits& limits, WriterScheduler* scheduler)
    : id_(std::move(id)),
      scheduler_(scheduler),
      state_(std::move(state)),
      window_(limits.request_id_count, limits.request_id_age),
      settings_(std::move(settings)),
      network_(std::make_shared<const engine::Network>(settings_->network)),
      snapshot_(std::make_shared<const Snapshot>(settings_, network_, state_)),
      labels_(std::move(labels)) {}

std::shared_ptr<const engine::Network> Model::Impl::network() const {
  MutexLock lock(&mutex_);
  return network_;
}

void Model::Impl::Commit(engine::ModelState state) {
  state_ = std::move(state);
  std::shared_ptr<const Snapshot> last;  // freed, if it is, after the lock
  MutexLock lock(&mutex_);
  last = std::exchange(snapshot_, std::make_shared<const Snapshot>(settings_, network_, state_));
}

void Model::Impl::SetTraining(bool training) {
  MutexLock lock(&mutex_);
  training_ = training;
}

std::shared_ptr<const Snapshot> Model::Impl::snapshot() const {
  MutexLock lock(&mutex_);
  return snapshot_;
}

ModelDescription Model::Impl::Describe() const {
  MutexLock lock(&mutex_);
  return DescribeLocked();
}

ModelDescription Model::Impl::DescribeLocked() const {
  ModelDescription description;
  description.id = id_;
  description.uid = uid_;
  description.settings = settings_;
  description.normalization = snapshot_->state().normalization;
  description.step = snapshot_->step();
  description.parameter_count = network_->parameter_count();
  description.memory_bytes = MemoryBytes();
  description.labels = labels_;
  description.etag = Etag();
  description.incarnation = ProcessIncarnation();
  description.create_time = create_time_;
  description.update_time = update_time_;
  return description;
}

int64_t Model::Impl::MemoryBytes() const {
  const int64_t parameters = Bytes(*snapshot_->state().parameters);
  const int64_t optimizer = Bytes(*snapshot_->state().optimizer);
  int64_t bytes = ObjectBytes(*network_) + parameters + optimizer + snapshot_->memory_bytes();
  // Beside what readers hold, a training has the current state, the next one and a gradient.
  if (training_) bytes += 2 * (parameters + optimizer) + parameters;
  return bytes;
}

// Unlike that of a later model of the same name.
std::string Model::Impl::Etag() const { return absl::StrCat(uid_.substr(0, 8), "-", revision_); }

absl::Status Model::Impl::CheckEtag(const std::string& etag) const {
  if (etag.empty() || etag == Etag()) return absl::OkStatus();
  return EtagMismatch(id_, Etag());
}

absl::Status Model::Impl::Refusal() const {
  switch (ended_) {
    case absl::StatusCode::kOk:
      return absl::OkStatus();
    case absl::StatusCode::kUnavailable:
      return Stopping();
    default:
      return ModelDeleted(id_);
  }
}

absl::StatusOr<ModelDescription> Model::Impl::Update(const std::string& etag, ModelUpdate update) {
  MutexLock lock(&mutex_);
  if (absl::Status status = Refusal(); !status.ok()) return status;
  if (absl::Status status = CheckEtag(etag); !status.ok()) return status;
  if (update.labels.has_value()) labels_ = *std::move(update.labels);
  if (update.learning_rate.has_value()) SetLearningRate(*update.learning_rate);
  ++revision_;
  update_time_ = absl::Now();
  return DescribeLocked();
}

void Model::Impl::SetLearningRate(double learning_rate) {
  auto settings = std::make_shared<ModelSettings>(*settings_);
  settings->network.optimizer.learning_rate = learning_rate;
  network_ = std::make_shared<const engine::Network>(settings->network);
  settings_ = std::move(settings);
  snapshot_ = std::make_shared<const Snapshot>(settings_, network_, snapshot_->state());
}

absl::Status Model::Impl::Delete(const std::string& etag) {
  MutexLock lock(&mutex_);
  if (ended_ == absl::StatusCode::kAborted) return ModelNotFound(id_);
  if (absl::Status status = CheckEtag(etag); !status.ok()) return status;
  EndLocked(absl::StatusCode::kAborted);
  return absl::OkStatus();
}

void Model::Impl::End(absl::StatusCode reason) {
  MutexLock lock(&mutex_);
  EndLocked(reason);
}

// What is in the queue has a turn coming, which finds it cancelled.
void Model::Impl::EndLocked(absl::StatusCode reason) {
  ended_ = reason;
  if (current_ != nullptr) current_->Cancel(reason);
  for (const std::unique_ptr<Write>& write : queue_) {
    write->shared_cancellation()->Cancel(reason);
  }
}

void Model::Impl::Enqueue(std::unique_ptr<Write> write, std::shared_ptr<Model> self) {
  absl::Status refusal;
  bool schedule = false;
  {
    MutexLock lock(&mutex_);
    refusal = Refusal();
    if (refusal.ok()) {
      queue_.push_back(std::exchange(write, nullptr));
      schedule = !std::exchange(scheduled_, true);
    }
  }
  if (write != nullptr) return write->Fail(std::move(refusal));
  if (schedule) scheduler_->Schedule(std::move(self));
}

bool Model::Impl::RunSlice(const engine::Executor& executor, absl::Time until) {
  FailCancelled();
  do {
    if (running_ == nullptr) running_ = TakeNext();
    if (running_ == nullptr) break;
    if (running_->Run(this, executor, until)) running_.reset();
  } while (absl::Now() < until);
  return HasWork();
}

// Those who gave up while they wait behind others hear of it now, not at their turn.
void Model::Impl::FailCancelled() {
  std::vector<std::unique_ptr<Write>> failed;
  const auto waits = [](const std::unique_ptr<Write>& write) {
    return write->cancellation().Check().ok();
  };
  {
    MutexLock lock(&mutex_);
    if (std::ranges::all_of(queue_, waits)) return;
    const auto first = std::stable_partition(queue_.begin(), queue_.end(), waits);
    std::move(first, queue_.end(), std::back_inserter(failed));
    queue_.erase(first, queue_.end());
  }
  for (const std::unique_ptr<Write>& write : failed) {
    write->Fail(Interrupted(write->cancellation().Check(), id_, state_.step));
  }
}

std::unique_ptr<Write> Model::Impl::TakeNext() {
  MutexLock lock(&mutex_);
  if (queue_.empty()) return nullptr;
  std::unique_ptr<Write> next = std::move(queue_.front());
  queue_.pop_front();
  current_ = next->shared_cancellation();
  return next;
}

bool Model::Impl::HasWork() {
  MutexLock lock(&mutex_);
  if (running_ == nullptr) current_ = nullptr;
  scheduled_ = running_ != nullptr || !queue_.empty();
  return scheduled_;
}

Model::Model(std::string id, std::shared_ptr<const ModelSettings> settings,
             std::map<std::string, std::string> labels, engine::ModelState state,
             const Limits& limits, WriterScheduler* scheduler)
    : impl_(std::make_unique<Impl>(std::move(id), std::move(settings), std::move(labels),
                                   std::move(state), limits, scheduler)) {}

Model::~Model() = default;

const std::string& Model::id() const { return impl_->id(); }

std::shared_ptr<const Snapshot> Model::snapshot() const { return impl_->snapshot(); }

ModelDescription Model::Describe() const { return impl_->Describe(); }

void Model::Train(TrainCall call) {
  impl_->Enqueue(MakeWrite(std::move(call)), shared_from_this());
}

void Model::SetWeights(SetWeightsCall call) {
  impl_->Enqueue(MakeWrite(std::move(call)), shared_from_this());
}

absl::StatusOr<ModelDescription> Model::Update(const std::string& etag, ModelUpdate update) {
  return impl_->Update(etag, std::move(update));
}

absl::Status Model::Delete(const std::string& etag) { return impl_->Delete(etag); }

void Model::Stop() { impl_->End(absl::StatusCode::kUnavailable); }

bool Model::RunSlice(const engine::Executor& executor, absl::Time until) {
  return impl_->RunSlice(executor, until);
}

}  // namespace chainrule::server
