#include "server/models/registry.h"

#include <set>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/time/clock.h"
#include "engine/core/error.h"
#include "engine/core/mutex.h"
#include "server/models/errors.h"
#include "server/models/identity.h"

namespace chainrule::server {
namespace {

using engine::MutexLock;

enum class Lifecycle : uint64_t { kCreate = 1, kUpdate = 2, kDelete = 3 };

}  // namespace

class Registry::Impl {
 public:
  Impl(const Limits& limits, WriterScheduler* scheduler)
      : limits_(limits),
        scheduler_(scheduler),
        window_(limits.request_id_count, limits.request_id_age) {}

  using Change = absl::FunctionRef<absl::StatusOr<ModelDescription>()>;
  // Runs `change`, unless `request` is a repeat of one that was OK.
  absl::StatusOr<Result> Once(Lifecycle kind, const Request& request, Change change);

  absl::StatusOr<ModelDescription> Create(const std::string& id,
                                          std::shared_ptr<const ModelSettings> settings,
                                          engine::Normalization normalization,
                                          std::map<std::string, std::string> labels);
  absl::Status CheckRoom(const std::string& id) const;
  absl::StatusOr<ModelDescription> Delete(const std::string& id, const std::string& etag);
  absl::StatusOr<std::shared_ptr<Model>> Find(absl::string_view id) const;
  std::vector<std::shared_ptr<Model>> After(const std::string& id, size_t count) const;
  int64_t size() const;
  void SetListener(std::function<void(const std::string&, bool)> listener);
  void Stop();

 private:
  // The outcome that is remembered; or none, and the id is this call's until Leave.
  absl::StatusOr<ModelDescription*> Enter(const Request& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(requests_mutex_);
  void Leave(const Request& request, const absl::StatusOr<ModelDescription>& outcome);
  absl::Status Add(std::shared_ptr<Model> model);
  absl::Status CheckRoomLocked(const std::string& id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Tell(const std::string& id, bool exists) ABSL_EXCLUSIVE_LOCKS_REQUIRED(changes_mutex_);

  const Limits limits_;
  WriterScheduler* const scheduler_;

  engine::Mutex requests_mutex_;
  engine::CondVar left_;
  RequestWindow<ModelDescription> window_ ABSL_GUARDED_BY(requests_mutex_);
  std::set<std::string> under_way_ ABSL_GUARDED_BY(requests_mutex_);

  // Keeps changes, and what the listener hears of them, in one order. Before mutex_.
  engine::Mutex changes_mutex_;
  std::function<void(const std::string&, bool)> listener_ ABSL_GUARDED_BY(changes_mutex_);

  mutable engine::Mutex mutex_;
  std::map<std::string, std::shared_ptr<Model>, std::less<>> models_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

absl::StatusOr<Registry::Result> Registry::Impl::Once(Lifecycle kind, const Request& request,
                                                      Change change) {
  Request salted = request;
  salted.digest[0] ^= static_cast<uint64_t>(kind);  // an id is of one kind of call
  if (!request.id.empty()) {
    MutexLock lock(&requests_mutex_);
    const absl::StatusOr<ModelDescription*> seen = Enter(salted);
    if (!seen.ok()) return seen.status();
    if (*seen != nullptr) return Result{**seen, true};
  }
  absl::StatusOr<ModelDescription> outcome = change();
  if (!request.id.empty()) Leave(salted, outcome);
  if (!outcome.ok()) return outcome.status();
  return Result{*std::move(outcome), false};
}

absl::StatusOr<ModelDescription*> Registry::Impl::Enter(const Request& request) {
  while (under_way_.contains(request.id)) left_.Wait(&requests_mutex_);
  auto seen = window_.Find(request.id, request.digest, absl::Now());
  if (seen.ok() && *seen == nullptr) under_way_.insert(request.id);
  return seen;
}

void Registry::Impl::Leave(const Request& request,
                           const absl::StatusOr<ModelDescription>& outcome) {
  MutexLock lock(&requests_mutex_);
  under_way_.erase(request.id);
  if (outcome.ok()) window_.Store(request.id, request.digest, *outcome, absl::Now());
  left_.NotifyAll();
}

absl::StatusOr<ModelDescription> Registry::Impl::Create(
    const std::string& id, std::shared_ptr<const ModelSettings> settings,
    engine::Normalization normalization, std::map<std::string, std::string> labels) {
  // Judged before the weights are drawn, and again when they are.
  if (absl::Status status = CheckRoom(id); !status.ok()) return status;
  const engine::Network network(settings->network);
  auto model = std::make_shared<Model>(id, std::move(settings), std::move(labels),
                                       engine::InitialState(network, std::move(normalization)),
                                       limits_, scheduler_);
  if (absl::Status status = Add(model); !status.ok()) return status;
  return model->Describe();
}

absl::Status Registry::Impl::Add(std::shared_ptr<Model> model) {
  const std::string& id = model->id();
  MutexLock order(&changes_mutex_);
  {
    MutexLock lock(&mutex_);
    if (absl::Status status = CheckRoomLocked(id); !status.ok()) return status;
    models_.emplace(id, std::move(model));
  }
  Tell(id, true);
  return absl::OkStatus();
}

absl::Status Registry::Impl::CheckRoom(const std::string& id) const {
  MutexLock lock(&mutex_);
  return CheckRoomLocked(id);
}

absl::Status Registry::Impl::CheckRoomLocked(const std::string& id) const {
  if (stopping_) return Stopping();
  if (models_.contains(id)) return ModelExists(id);
  const auto count = static_cast<int64_t>(models_.size());
  if (count < limits_.max_models) return absl::OkStatus();
  return engine::LimitExceeded("model_id", "max_models", count + 1, limits_.max_models);
}

absl::StatusOr<ModelDescription> Registry::Impl::Delete(const std::string& id,
                                                        const std::string& etag) {
  MutexLock order(&changes_mutex_);
  absl::StatusOr<std::shared_ptr<Model>> model = Find(id);
  if (!model.ok()) return model.status();
  ModelDescription last = (*model)->Describe();
  if (absl::Status status = (*model)->Delete(etag); !status.ok()) return status;
  {
    MutexLock lock(&mutex_);
    models_.erase(id);
  }
  Tell(id, false);
  return last;
}

absl::StatusOr<std::shared_ptr<Model>> Registry::Impl::Find(absl::string_view id) const {
  MutexLock lock(&mutex_);
  const auto found = models_.find(id);
  if (found == models_.end()) return ModelNotFound(id);
  return found->second;
}

std::vector<std::shared_ptr<Model>> Registry::Impl::After(const std::string& id,
                                                          size_t count) const {
  std::vector<std::shared_ptr<Model>> models;
  MutexLock lock(&mutex_);
  for (auto next = models_.upper_bound(id); next != models_.end() && models.size() < count;
       ++next) {
    models.push_back(next->second);
  }
  return models;
}

int64_t Registry::Impl::size() const {
  MutexLock lock(&mutex_);
  return static_cast<int64_t>(models_.size());
}

void Registry::Impl::Tell(const std::string& id, bool exists) {
  if (listener_) listener_(id, exists);
}

void Registry::Impl::SetListener(std::function<void(const std::string&, bool)> listener) {
  MutexLock order(&changes_mutex_);
  listener_ = std::move(listener);
}

void Registry::Impl::Stop() {
  MutexLock lock(&mutex_);
  stopping_ = true;
  for (const auto& [id, model] : models_) model->Stop();
}

Registry::Registry(const Limits& limits, WriterScheduler* scheduler)
    : impl_(std::make_unique<Impl>(limits, scheduler)) {}

Registry::~Registry() = default;

absl::StatusOr<Registry::Result> Registry::Create(const std::string& id,
                                                  std::shared_ptr<const ModelSettings> settings,
                                                  engine::Normalization normalization,
                                                  std::map<std::string, std::string> labels,
                                                  const Request& request) {
  return impl_->Once(Lifecycle::kCreate, request, [&] {
    return impl_->Create(id, std::move(settings), std::move(normalization), std::move(labels));
  });
}

absl::StatusOr<ModelDescription> Registry::Validate(
    const std::string& id, std::shared_ptr<const ModelSettings> settings,
    engine::Normalization normalization, std::map<std::string, std::string> labels) const {
  if (absl::Status status = impl_->CheckRoom(id); !status.ok()) return status;
  const engine::Network network(settings->network);
  ModelDescription description;
  description.id = id;
  description.settings = std::move(settings);
  description.normalization = std::make_shared<engine::Normalization>(std::move(normalization));
  description.parameter_count = network.parameter_count();
  description.memory_bytes = IdleMemoryBytes(network);
  description.labels = std::move(labels);
  description.incarnation = ProcessIncarnation();
  return description;
}

absl::StatusOr<std::shared_ptr<Model>> Registry::Find(absl::string_view id) const {
  return impl_->Find(id);
}

Registry::Page Registry::List(const std::string& after, int64_t page_size) const {
  // One more than the page tells whether there is another one.
  auto models = impl_->After(after, static_cast<size_t>(page_size) + 1);
  Page page;
  if (models.size() > static_cast<size_t>(page_size)) {
    models.pop_back();
    page.next_after = models.back()->id();
  }
  for (const std::shared_ptr<Model>& model : models) page.models.push_back(model->Describe());
  return page;
}

absl::StatusOr<Registry::Result> Registry::UpdateModel(const std::string& id,
                                                       const std::string& etag, Update update,
                                                       const Request& request) {
  return impl_->Once(Lifecycle::kUpdate, request, [&]() -> absl::StatusOr<ModelDescription> {
    absl::StatusOr<std::shared_ptr<Model>> model = impl_->Find(id);
    if (!model.ok()) return model.status();
    return (*model)->Update(etag, std::move(update));
  });
}

absl::StatusOr<bool> Registry::Delete(const std::string& id, const std::string& etag,
                                      const Request& request) {
  const absl::StatusOr<Result> result =
      impl_->Once(Lifecycle::kDelete, request, [&] { return impl_->Delete(id, etag); });
  if (!result.ok()) return result.status();
  return result->replayed;
}

int64_t Registry::size() const { return impl_->size(); }

void Registry::SetListener(std::function<void(const std::string& id, bool exists)> listener) {
  impl_->SetListener(std::move(listener));
}

void Registry::Stop() { impl_->Stop(); }

}  // namespace chainrule::server
