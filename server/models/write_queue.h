// WriteQueue: the changes of one model that wait for its turn, in the order they came,
// and why no more are taken, if they are not.
// Thread-safe.
#ifndef CHAINRULE_SERVER_MODELS_WRITE_QUEUE_H_
#define CHAINRULE_SERVER_MODELS_WRITE_QUEUE_H_

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/core/cancellation.h"
#include "engine/core/mutex.h"
#include "server/models/write.h"

namespace chainrule::server {

class WriteQueue {
 public:
  explicit WriteQueue(std::string id) : id_(std::move(id)) {}

  // Takes `*write`, and returns whether the model needs to be scheduled. Refused, with
  // `*write` left: MODEL_DELETED or STOPPING.
  absl::StatusOr<bool> Push(std::unique_ptr<Write>* write);
  // The next one, which runs from now on; null: none waits.
  std::unique_ptr<Write> TakeNext();
  // Those that gave up while they wait behind others.
  std::vector<std::unique_ptr<Write>> TakeCancelled();
  std::vector<std::unique_ptr<Write>> TakeAll();
  // After a turn; `running`: a change goes on. Returns whether there is more to do.
  bool NeedsTurn(bool running);
  // Nothing runs or waits.
  bool idle() const;

  // Cancels what runs and waits, and refuses what comes: kAborted, the model was deleted;
  // kUnavailable, the server stops.
  void End(absl::StatusCode reason);
  absl::StatusCode ended() const;
  absl::Status Refusal() const;

 private:
  absl::Status RefusalLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string id_;
  mutable engine::Mutex mutex_;
  std::deque<std::unique_ptr<Write>> queue_ ABSL_GUARDED_BY(mutex_);
  bool scheduled_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<engine::Cancellation> current_ ABSL_GUARDED_BY(mutex_);  // of what runs
  absl::StatusCode ended_ ABSL_GUARDED_BY(mutex_) = absl::StatusCode::kOk;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_WRITE_QUEUE_H_
