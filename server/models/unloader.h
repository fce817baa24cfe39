// Unloader: keeps what models take of memory within a budget. When it is exceeded, what
// was used longest ago leaves memory, of what nobody uses: versions that were read, and
// live numbers, once their checkpoint has them. They come back when they are called.
// What was used last stays, so a model that does not fit alone works as any other. While
// numbers come and others leave the budget is exceeded for a moment.
// Thread-safe; a thread of its own.
#ifndef CHAINRULE_SERVER_MODELS_UNLOADER_H_
#define CHAINRULE_SERVER_MODELS_UNLOADER_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "engine/core/mutex.h"
#include "server/models/model_map.h"

namespace chainrule::server {

class Unloader {
 public:
  struct Options {
    int64_t budget_bytes = std::numeric_limits<int64_t>::max();
    // How often it looks, beside when numbers have come to memory: models grow when they
    // are trained, and when they first predict.
    absl::Duration look = absl::Seconds(1);
  };

  // `models` outlives this.
  Unloader(ModelMap* models, Options options);
  ~Unloader();

  void Start();
  void Stop();
  // Numbers have come to memory. Does not wait.
  void Wake();
  // So many bytes of a model that was deleted are free, or will be soon. Does not wait.
  void Freed(int64_t bytes);

  // Unloads until the budget is kept, or nothing more can leave. Waits for the disk.
  void KeepBudget();

  // What models have in memory that could leave it.
  struct Usage {
    int64_t bytes = 0;
    int64_t models = 0;  // whose live numbers are there
  };
  Usage usage() const;

 private:
  struct Candidate {
    std::shared_ptr<Model> model;
    Model::Resident resident;
  };
  void Loop();
  bool Wait();   // returns false when the thread should end
  bool Pause();  // the same
  std::vector<Candidate> Candidates() const;
  void GiveBack();

  ModelMap* const models_;
  const Options options_;
  engine::Mutex unloads_mutex_;  // one at a time

  engine::Mutex mutex_;
  engine::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t freed_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // and maybe not given back
  std::thread thread_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_UNLOADER_H_
