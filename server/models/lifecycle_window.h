// LifecycleWindow: the request ids of calls that make, change and delete models, and what
// was answered. A call with an id happens once: its answer is stored in the same change
// as what it did.
// Thread-safe. A repeat while the first is under way waits for it.
#ifndef CHAINRULE_SERVER_MODELS_LIFECYCLE_WINDOW_H_
#define CHAINRULE_SERVER_MODELS_LIFECYCLE_WINDOW_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/core/mutex.h"
#include "server/models/limits.h"
#include "server/models/request_window.h"
#include "server/models/settings.h"
#include "server/store/store.h"

namespace chainrule::server {

// A lifecycle call's request id and what it brought.
struct LifecycleRequest {
  std::string id;  // empty: none
  ContentDigest digest{};
};

enum class Lifecycle : uint64_t {
  kCreate = 1,
  kUpdate = 2,
  kDelete = 3,
  kCopy = 4,
  kPublish = 5,
  kDeleteVersion = 6,
  kSetAlias = 7,
  kDeleteAlias = 8,
};

class LifecycleWindow {
 public:
  explicit LifecycleWindow(const Limits& limits);

  // What was stored in an earlier life. DATA_LOSS: it cannot be read.
  absl::Status Restore(const StoredRequests& stored);

  struct Result {
    LifecycleOutcome outcome;
    bool replayed = false;
  };
  using Change = absl::FunctionRef<absl::StatusOr<LifecycleOutcome>(Stamp stamp)>;
  // Runs `change`, unless `request` is a repeat of one that was OK.
  absl::StatusOr<Result> Once(Lifecycle kind, LifecycleRequest request, Change change);

 private:
  // The outcome that is remembered; or none, and the id is this call's until Leave.
  absl::StatusOr<LifecycleOutcome*> Enter(const LifecycleRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Leave(const LifecycleRequest& request, absl::Time time,
             const absl::StatusOr<LifecycleOutcome>& outcome);
  void Put(const LifecycleRequest& request, absl::Time time, const LifecycleOutcome& outcome,
           StoreChange* change);

  const Limits limits_;
  engine::Mutex mutex_;
  engine::CondVar left_;
  RequestWindow<LifecycleOutcome> window_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> under_way_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> forgotten_ ABSL_GUARDED_BY(mutex_);  // which the store still has
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_LIFECYCLE_WINDOW_H_
