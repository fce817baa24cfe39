// Turn: who may touch a model's numbers. A lock that a training lane takes for a slice,
// and that visitors (a loader, a checkpoint, a change of settings) get before the next
// slice, however soon the lane comes back.
// Thread-safe.
#ifndef CHAINRULE_SERVER_MODELS_TURN_H_
#define CHAINRULE_SERVER_MODELS_TURN_H_

#include "absl/base/thread_annotations.h"
#include "engine/core/mutex.h"

namespace chainrule::server {

class ABSL_LOCKABLE Turn {
 public:
  void LockForSlice() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    engine::MutexLock lock(&mutex_);
    while (held_ || visitors_ > 0) changed_.Wait(&mutex_);
    held_ = true;
  }
  void LockForVisit() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    engine::MutexLock lock(&mutex_);
    ++visitors_;
    while (held_) changed_.Wait(&mutex_);
    --visitors_;
    held_ = true;
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    {
      engine::MutexLock lock(&mutex_);
      held_ = false;
    }
    changed_.NotifyAll();
  }

 private:
  engine::Mutex mutex_;
  engine::CondVar changed_;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  int visitors_ ABSL_GUARDED_BY(mutex_) = 0;
};

class ABSL_SCOPED_LOCKABLE SliceTurn {
 public:
  explicit SliceTurn(Turn* turn) ABSL_EXCLUSIVE_LOCK_FUNCTION(turn) : turn_(*turn) {
    turn_.LockForSlice();
  }
  ~SliceTurn() ABSL_UNLOCK_FUNCTION() { turn_.Unlock(); }
  SliceTurn(const SliceTurn&) = delete;
  SliceTurn& operator=(const SliceTurn&) = delete;

 private:
  Turn& turn_;
};

class ABSL_SCOPED_LOCKABLE VisitTurn {
 public:
  explicit VisitTurn(Turn* turn) ABSL_EXCLUSIVE_LOCK_FUNCTION(turn) : turn_(*turn) {
    turn_.LockForVisit();
  }
  ~VisitTurn() ABSL_UNLOCK_FUNCTION() { turn_.Unlock(); }
  VisitTurn(const VisitTurn&) = delete;
  VisitTurn& operator=(const VisitTurn&) = delete;

 private:
  Turn& turn_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_TURN_H_
