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

  // Opens the log and starts the thread. DATA_LOSS: the log is damaged, and where.
  absl::Status Start();
  // Ends the thread. What was not replayed is left to who loads the model.
  void Stop();
  void SetStorageListener(std::function<void(bool works)> listener);
  void WaitUntilIdle();

 private:
  using Tails = std::map<std::string, std::vector<TailRecord>>;  // by uid
  absl::StatusOr<Tails> OpenLog();
  void Loop();
  bool WaitForWork();
  void Pause();
  bool failed();
  bool Reopen();
  bool ReplayTails();
  void TellStorage(bool works);

  Keeper* const keeper_;
  ModelMap* const models_;
  const absl::Duration retry_interval_;

  engine::Mutex mutex_;
  engine::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool work_ ABSL_GUARDED_BY(mutex_) = false;  // there are tails, or a log that failed
  bool failed_ ABSL_GUARDED_BY(mutex_) = false;
  std::function<void(bool)> storage_listener_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_RECOVERER_H_
