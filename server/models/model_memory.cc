// What a model takes of memory, and how its numbers leave it.
#include <algorithm>
#include <utility>

#include "engine/kernels/update.h"
#include "server/models/model_impl.h"

namespace chainrule::server {
namespace {

using engine::MutexLock;

// What a model takes beside its blocks: its own objects, the queue, the window and the
// spec, twice. Measured; memory_test holds it to the truth.
constexpr int64_t kModelBytes = 5'900;
constexpr int64_t kLayerBytes = 100;
// The same of what is known of its place in a store.
constexpr int64_t kStoredBytes = 700;
constexpr int64_t kStoredLayerBytes = 160;
// Beside the floats of packed weights.
constexpr int64_t kPackedBytes = 100;
constexpr int64_t kPackedLayerBytes = 160;

// A string's own, and those of its text if that is not within; and once more quoted among
// the settings as they are stored.
int64_t NameBytes(const ModelSettings& settings, bool stored) {
  constexpr size_t kWithin = 15;
  constexpr size_t kAllocation = 16;
  constexpr size_t kQuotes = 3;
  size_t bytes = 0;
  for (const auto* names :
       {&settings.feature_names, &settings.class_names, &settings.target_names}) {
    for (const std::string& name : *names) {
      bytes += sizeof(std::string) + (name.size() > kWithin ? name.size() + kAllocation : 0);
      if (stored) bytes += name.size() + kQuotes;
    }
  }
  return static_cast<int64_t>(bytes);
}

int64_t Bytes(const engine::AlignedBuffer& buffer) {
  return static_cast<int64_t>(buffer.size() * sizeof(float));
}

// Counts what several snapshots share once, for the first.
class MemoryCount {
 public:
  int64_t Of(const Snapshot& snapshot) {
    const engine::ModelState& state = snapshot.state();
    int64_t bytes = IsNew(&snapshot) ? PackedBytes(snapshot) : 0;
    if (IsNew(state.parameters.get())) bytes += Bytes(*state.parameters);
    if (IsNew(state.optimizer.get())) bytes += Bytes(*state.optimizer);
    return bytes;
  }

 private:
  static int64_t PackedBytes(const Snapshot& snapshot) {
    const int64_t floats = snapshot.memory_bytes();
    if (floats == 0) return 0;
    const auto layers = static_cast<int64_t>(snapshot.network().spec().layers.size());
    return floats + kPackedBytes + kPackedLayerBytes * layers;
  }
  bool IsNew(const void* object) {
    if (std::ranges::find(seen_, object) != seen_.end()) return false;
    seen_.push_back(object);
    return true;
  }
  std::vector<const void*> seen_;
};

}  // namespace

int64_t ObjectBytes(const ModelSettings& settings, bool stored) {
  const auto layers = static_cast<int64_t>(settings.network.layers.size());
  const int64_t bytes = kModelBytes + kLayerBytes * layers + NameBytes(settings, stored);
  return stored ? bytes + kStoredBytes + kStoredLayerBytes * layers : bytes;
}

int64_t IdleMemoryBytes(const ModelSettings& settings, bool stored) {
  const engine::OptimizerSpec& optimizer = settings.network.optimizer;
  const int arrays = engine::StateArrays(optimizer.kind, static_cast<float>(optimizer.momentum));
  const int64_t blocks = engine::Network(settings.network).block_size() * (1 + arrays);
  return ObjectBytes(settings, stored) + blocks * static_cast<int64_t>(sizeof(float));
}

std::vector<Model::Resident> Model::Impl::Residents() const {
  std::vector<Resident> residents;
  MemoryCount count;
  journal_->Visit([&](const std::shared_ptr<const Snapshot>& live) {
    if (live == nullptr) return;
    residents.push_back({0, count.Of(*live) + WriterBytes(), last_use_.load()});
  });
  const std::vector<std::shared_ptr<const Snapshot>> passed = journal_->Passed();
  MutexLock lock(&mutex_);
  for (const auto& [number, version] : versions_) {
    residents.push_back({number, count.Of(*version.snapshot), version.last_use});
  }
  int64_t bytes = 0;
  for (const std::shared_ptr<const Snapshot>& snapshot : passed) bytes += count.Of(*snapshot);
  if (bytes > 0) residents.push_back({Resident::kPassed, bytes});
  return residents;
}

bool Model::Impl::Unload(int64_t version) {
  if (version == Resident::kPassed) return false;
  // A disk that fails may not give back what leaves now.
  if (keeper_ == nullptr || !keeper_->status().ok()) return false;
  return version > 0 ? UnloadVersion(version) : UnloadLive();
}

bool Model::Impl::UnloadLive() {
  if (!queue_.idle() || IsRead() || !WriteCheckpoint().ok()) return false;
  VisitTurn turn(&turn_);
  if (!numbers_.loaded() || numbers_.first_uncovered().has_value() || running_ != nullptr ||
      !queue_.idle() || !journal_->idle() || journal_->failed() || IsRead()) {
    return false;
  }
  numbers_.Unload();
  journal_->Hide();
  return true;
}

// Whether somebody has the live snapshot but the journal, and versions that are the same.
bool Model::Impl::IsRead() const {
  int64_t known = 1;
  bool read = false;
  MutexLock lock(&mutex_);
  const auto look = [&](const std::shared_ptr<const Snapshot>& live)
                        ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
                          for (const auto& [number, version] : versions_)
                            known += version.snapshot == live ? 1 : 0;
                          read = live.use_count() > known;
                        };
  journal_->Visit(look);
  return read;
}

bool Model::Impl::UnloadVersion(int64_t number) {
  const std::shared_ptr<const Snapshot> live = journal_->snapshot();
  ReadVersion last;  // freed after the lock
  MutexLock lock(&mutex_);
  const auto found = versions_.find(number);
  if (found == versions_.end()) return false;
  const std::shared_ptr<const Snapshot>& snapshot = found->second.snapshot;
  if (snapshot.use_count() > (snapshot == live ? 3 : 1)) return false;
  last = std::move(found->second);
  versions_.erase(found);
  return true;
}

}  // namespace chainrule::server
