// MemoryStore: a Store that lives as long as the object. What is applied, written and
// logged is there for whoever opens the log next, so a second registry on it is what a
// second process on a data folder would be. It fails when told to.
// Thread-safe.
#ifndef CHAINRULE_SERVER_STORE_MEMORY_STORE_H_
#define CHAINRULE_SERVER_STORE_MEMORY_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/core/mutex.h"
#include "server/store/memory_log.h"
#include "server/store/store.h"

namespace chainrule::server {

class MemoryStore : public Store {
 public:
  struct Options {
    bool sync = true;  // false: records are synced by Flush and Rotate only
    std::string incarnation = "memory";
  };
  MemoryStore() : MemoryStore(Options()) {}
  explicit MemoryStore(Options options);

  absl::StatusOr<std::vector<StoredModel>> Models() override;
  absl::StatusOr<StoredRequests> Requests() override;
  std::string incarnation() const override { return options_.incarnation; }
  absl::Status Apply(const StoreChange& change) override;
  absl::StatusOr<WeightsFile> WriteWeights(const std::string& uid, const std::string& label,
                                           const engine::Network& network,
                                           const Checkpoint& checkpoint) override;
  absl::StatusOr<Checkpoint> ReadWeights(const WeightsFile& file,
                                         const engine::Network& network) override;
  void RemoveWeights(const WeightsFile& file) override;
  // Closes the log that was opened before, as the end of its process would: what waits
  // in it is refused.
  absl::StatusOr<std::unique_ptr<Log>> OpenLog(const LogVisitor& visit,
                                               LogFindings* findings) override;
  absl::StatusOr<std::string> ReadRecord(const RecordPlace& place) override;
  absl::Status Probe() override;
  absl::Status Close() override;

  // From now on Apply and WriteWeights, or OpenLog and all that the log commits, answer
  // STORAGE_FAILED with `why`, until Repair. `keep_refused`: the records that are refused
  // are nevertheless there when the log is read back.
  void FailWrites(absl::string_view why);
  void FailLog(absl::string_view why, bool keep_refused = false);
  void Repair();
  // Records that are appended wait, neither committed nor refused, until ReleaseLog; a log
  // that ends before it refuses them.
  void HoldLog();
  void ReleaseLog();
  // What a power loss does to records that were not synced. Before OpenLog.
  void LoseUnsynced();
  // Makes ReadWeights of this file answer MODEL_DAMAGED.
  void DamageWeights(const std::string& name);

  // Makes a record unreadable, for the next who opens the log. Whose it was is known, or
  // not.
  void DamageRecord(uint64_t sequence, bool owner_known = true);

  // Names of the files of weights that are there.
  std::vector<std::string> weights() const;
  bool closed() const;

 private:
  struct Weights {
    Checkpoint checkpoint;
    bool damaged = false;
  };
  void Erase(const std::string& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Check(const StoreChange& change) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ApplyToModels(const StoreChange& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ApplyToRequests(const StoreChange& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const std::shared_ptr<MemoryRecords> records_ = std::make_shared<MemoryRecords>();
  mutable engine::Mutex mutex_;
  std::map<std::string, StoredModel> models_ ABSL_GUARDED_BY(mutex_);  // by uid
  StoredRequests requests_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Weights> weights_ ABSL_GUARDED_BY(mutex_);
  int64_t files_written_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status fault_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_MEMORY_STORE_H_
