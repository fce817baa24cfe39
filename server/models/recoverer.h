// Recoverer: reads the log, gives each model what it has of it, and replays that in the
// background, one model after another. When the log fails it does so again, as soon as
// the disk lets it: changes are refused until then.
// Thread-safe; a thread of its own.
#ifndef CHAINRULE_SERVER_MODELS_RECOVERER_H_
#define CHAINRULE_SERVER_MODELS_RECOVERER_H_

#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/core/mutex.h"
#include "server/models/keeper.h"
#include "server/models/model_map.h"

namespace chainrule::server {

class Recoverer {
 public:
  // Both outlive this.
  Recoverer(Keeper* keeper, ModelMap* models, absl::Duration retry_interval);
  ~Recoverer();

  // Opens the log and starts the thread. Models that damage of the log may have taken a
  // record from are FAILED. A log that can be read and not be opened, as on a full disk, has
  // failed: models whose checkpoint is all there is of them are there all the same.
  absl::Status Start();
  // Ends the thread. What was not replayed is left to who loads the model.
  void Stop();
  // Hears why something could not be kept, and OK when all works again.
  void SetStorageListener(std::function<void(const absl::Status& storage)> listener);
  // The store could not keep something beside the log.
  void StoreFailed(const absl::Status& why);
  void WaitUntilIdle();

 private:
  struct Contents {
    std::map<std::string, std::vector<TailRecord>> tails;  // by uid
    LogFindings found;
  };
  absl::Status OpenLog(Contents* contents);
  void TellFound(const LogFindings& found);
  void Loop();
  bool WaitForWork();
  void Pause();
  bool failed();
  bool Reopen();
  bool ReplayTails();
  bool ProbeStore();
  // Tells the listener, if it is not what it was told last.
  void TellStorage();

  Keeper* const keeper_;
  ModelMap* const models_;
  const absl::Duration retry_interval_;

  engine::Mutex mutex_;
  engine::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool work_ ABSL_GUARDED_BY(mutex_) = false;  // there are tails, or a log that failed
  bool failed_ ABSL_GUARDED_BY(mutex_) = false;
  // Why the log, or the store beside it, does not work, until it does.
  absl::Status log_fault_ ABSL_GUARDED_BY(mutex_);
  absl::Status store_fault_ ABSL_GUARDED_BY(mutex_);
  engine::Mutex tell_mutex_;  // keeps what the listener hears in order; before mutex_
  bool told_works_ ABSL_GUARDED_BY(tell_mutex_) = true;
  std::function<void(const absl::Status&)> storage_listener_ ABSL_GUARDED_BY(tell_mutex_);
  std::thread thread_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_RECOVERER_H_
