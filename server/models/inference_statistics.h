// InferenceStatistics: what was asked of one model since the server began: how often, and
// where the time went; of its live weights and of each version apart.
// Thread-safe: one lock a model, taken once a batch.
#ifndef CHAINRULE_SERVER_MODELS_INFERENCE_STATISTICS_H_
#define CHAINRULE_SERVER_MODELS_INFERENCE_STATISTICS_H_

#include <bit>
#include <cstdint>
#include <map>

#include "absl/time/time.h"
#include "engine/core/mutex.h"

namespace chainrule::server {

class InferenceStatistics {
 public:
  // How often, and how long in all.
  struct Duration {
    int64_t count = 0;
    int64_t ns = 0;

    void Add(int64_t more, int64_t more_ns) {
      count += more;
      ns += more_ns;
    }
  };
  // By calls. A call's share of its batch's time is all of it.
  struct Totals {
    absl::Time last = absl::InfinitePast();  // when the last batch ended
    int64_t rows = 0;
    int64_t batches = 0;
    Duration success;  // from the call's arrival to its answer
    Duration fail;
    Duration queue;    // until the batch was formed
    Duration input;    // gathering and converting rows
    Duration compute;  // the forward pass
    Duration output;   // copying to the answers

    void Add(const Totals& more) {
      last = more.last > last ? more.last : last;
      rows += more.rows;
      batches += more.batches;
      success.Add(more.success.count, more.success.ns);
      fail.Add(more.fail.count, more.fail.ns);
      queue.Add(more.queue.count, more.queue.ns);
      input.Add(more.input.count, more.input.ns);
      compute.Add(more.compute.count, more.compute.ns);
      output.Add(more.output.count, more.output.ns);
    }
  };

  // Nanoseconds of one batch, shared by its calls.
  struct Times {
    int64_t input = 0;
    int64_t compute = 0;
    int64_t output = 0;
  };
  // By batches.
  struct BatchTotals {
    Duration input;
    Duration compute;
    Duration output;
  };
  struct Sums {
    Totals totals;
    // By the rows of a batch, rounded up to a power of two.
    std::map<int64_t, BatchTotals> by_size;
  };

  // One batch that was answered. `version`: 0 is the live weights.
  void AddBatch(int64_t version, const Totals& batch, const Times& times) {
    const auto rows = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(batch.rows)));
    engine::MutexLock lock(&mutex_);
    Sums& sums = sums_[version];
    sums.totals.Add(batch);
    BatchTotals& same_size = sums.by_size[rows];
    same_size.input.Add(1, times.input);
    same_size.compute.Add(1, times.compute);
    same_size.output.Add(1, times.output);
  }
  // One call that failed, so many nanoseconds after it came.
  void AddFailed(int64_t version, int64_t ns) {
    engine::MutexLock lock(&mutex_);
    sums_[version].totals.fail.Add(1, ns);
  }
  // Forgets a version that was deleted. What is asked of it ends later adds to it anew.
  void Erase(int64_t version) {
    engine::MutexLock lock(&mutex_);
    sums_.erase(version);
  }
  // By version; those that nothing was asked of are not there.
  std::map<int64_t, Sums> Get() const {
    engine::MutexLock lock(&mutex_);
    return sums_;
  }

 private:
  mutable engine::Mutex mutex_;
  std::map<int64_t, Sums> sums_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_INFERENCE_STATISTICS_H_
