// Trimmer: gives memory back that calls left in the heap's gaps, once the server is at
// rest. malloc keeps it for the next ones, and by itself returns only what lies at a
// heap's end.
// Thread-safe; a thread of its own.
#ifndef CHAINRULE_SERVER_APP_TRIMMER_H_
#define CHAINRULE_SERVER_APP_TRIMMER_H_

#include <cstdint>
#include <functional>
#include <thread>

#include "absl/time/time.h"
#include "engine/core/mutex.h"

namespace chainrule::server {

class Trimmer {
 public:
  struct Options {
    // How often it looks.
    absl::Duration look = absl::Milliseconds(500);
    // The process must have grown by this since the last time.
    int64_t growth_bytes = int64_t{1} << 20;
  };
  // What it asks and does.
  struct Process {
    std::function<bool()> is_at_rest;
    std::function<int64_t()> resident_bytes;
    std::function<void()> trim;
    std::function<void()> age;  // each time it looks: what lies there unused may go
  };

  Trimmer(const Options& options, Process process);
  ~Trimmer();

 private:
  void Loop();
  bool Wait();  // returns false when the thread should end

  const Options options_;
  const Process process_;
  engine::Mutex mutex_;
  engine::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_APP_TRIMMER_H_
