// FolderStore: the Store in a data folder (data_folder.h).
//
// What a crash left behind goes when the folder is opened: files of weights that no fact
// names, parts of files, the spool.
// Thread-safe.
#ifndef CHAINRULE_SERVER_STORE_FOLDER_STORE_H_
#define CHAINRULE_SERVER_STORE_FOLDER_STORE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/core/mutex.h"
#include "server/store/data_folder.h"
#include "server/store/facts.h"
#include "server/store/file_system.h"
#include "server/store/log_reader.h"
#include "server/store/store.h"

namespace chainrule::server {

class FolderStore : public Store {
 public:
  struct Options {
    std::string folder;
    // Behaviour, as TrainLog's.
    bool sync = true;
    absl::Duration sync_interval = absl::Seconds(1);
    // Performance. Longer segments are rarer checkpoints, and more to replay.
    int64_t segment_bytes = int64_t{64} << 20;
    // What tells one start of the machine from another; empty: the kernel's boot id.
    std::string boot_id;
  };

  // Errors: DataFolder::Open's, Facts::Open's. `files` outlives the store; the lock
  // does not go through it.
  static absl::StatusOr<std::unique_ptr<FolderStore>> Open(const Options& options,
                                                           FileSystem* files);
  FolderStore(const FolderStore&) = delete;
  FolderStore& operator=(const FolderStore&) = delete;

  absl::StatusOr<std::vector<StoredModel>> Models() override { return facts_->Models(); }
  absl::StatusOr<StoredRequests> Requests() override { return facts_->Requests(); }
  std::string incarnation() const override;
  absl::Status Apply(const StoreChange& change) override;
  absl::StatusOr<WeightsFile> WriteWeights(const std::string& uid, const std::string& label,
                                           const engine::Network& network,
                                           const Checkpoint& checkpoint) override;
  absl::StatusOr<Checkpoint> ReadWeights(const WeightsFile& file,
                                         const engine::Network& network) override;
  void RemoveWeights(const WeightsFile& file) override;
  absl::StatusOr<std::unique_ptr<Log>> OpenLog(const LogVisitor& visit,
                                               LogFindings* findings) override;
  absl::StatusOr<std::string> ReadRecord(const RecordPlace& place) override;
  absl::Status Probe() override;
  absl::Status Close() override;

  // Where calls may put things aside.
  std::string spool() const { return folder_.spool(); }

 private:
  FolderStore(const Options& options, FileSystem* files, DataFolder folder,
              std::unique_ptr<Facts> facts);
  absl::Status ReadLife();
  absl::Status BeginLife();
  absl::Status FindStrays();
  void ClearStray(const std::string& name, bool is_needless);
  absl::Status MoveToLost(const std::string& name);
  absl::StatusOr<LogEnd> ReadAllOfLog(LogRepair repair, const LogVisitor& visit,
                                      LogFindings* findings);
  absl::Status RenewIncarnation();

  const Options options_;
  FileSystem* const files_;
  const DataFolder folder_;
  const std::unique_ptr<Facts> facts_;
  // Of the last record that any log of this life said was done.
  const std::shared_ptr<std::atomic<uint64_t>> acknowledged_ =
      std::make_shared<std::atomic<uint64_t>>(0);
  std::atomic<int64_t> last_file_ = 0;      // number of the newest file of weights
  std::atomic<bool> log_is_sound_ = false;  // all that can be read of it is on the disk
  std::atomic<LogTail> tail_ = LogTail::kAny;
  std::string boot_id_;  // constant once opened
  std::atomic<bool> life_begun_ = false;
  mutable engine::Mutex mutex_;
  std::string incarnation_ ABSL_GUARDED_BY(mutex_);
  // The last change failed, but may be there after a crash; and the files that were to be
  // removed since then.
  bool is_in_doubt_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::string> removed_in_doubt_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_FOLDER_STORE_H_
