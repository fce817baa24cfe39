// TrainLog: the Log in segments, files of a folder.  One thread commits what waits as one
// group: one write, one sync, then every record's `done`, in order.
// Thread-safe.
#ifndef CHAINRULE_SERVER_STORE_TRAIN_LOG_H_
#define CHAINRULE_SERVER_STORE_TRAIN_LOG_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/core/mutex.h"
#include "server/store/file_system.h"
#include "server/store/log.h"
#include "server/store/log_indexer.h"
#include "server/store/log_reader.h"

namespace chainrule::server {

class TrainLog : public Log {
 public:
  struct Options {
    std::string folder;
    // Behaviour. Without sync a record is done once it is written, and synced within
    // sync_interval.
    bool sync = true;
    absl::Duration sync_interval = absl::Seconds(1);
    // Performance. A segment that is longer is followed by a new one.
    int64_t segment_bytes = int64_t{64} << 20;
  };

  // Begins a new segment after `end`, which reading the folder gave. Sequences go on after
  // `used`, if that is more. `acknowledged`, if any, becomes the sequence of the last
  // record that was done. `files` outlives it.
  static absl::StatusOr<std::unique_ptr<TrainLog>> Open(
      const Options& options, FileSystem* files, const LogEnd& end, uint64_t used = 0,
      std::shared_ptr<std::atomic<uint64_t>> acknowledged = nullptr);
  ~TrainLog() override;

  uint64_t Append(RecordKey key, std::string payload, Done done) override;
  absl::Status Flush() override;
  absl::StatusOr<uint64_t> Rotate() override;
  absl::Status RemoveBefore(uint64_t sequence, const std::vector<SequenceRange>& kept) override;
  int64_t bytes() const override;
  uint64_t synced() const override;
  absl::Status status() const override;

 private:
  struct Waiting {
    uint64_t sequence;
    RecordKey key;
    std::string payload;
    Done done;
  };
  TrainLog(const Options& options, FileSystem* files, const LogEnd& end, uint64_t last_sequence,
           std::shared_ptr<std::atomic<uint64_t>> acknowledged);
  void Loop();
  bool SyncIsDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WaitForWork() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Commit(std::vector<Waiting> group, bool sync, bool rotate);
  absl::Status Write(const std::vector<Waiting>& group, bool sync);
  absl::Status AppendFrames(const std::vector<Waiting>& group);
  // What is left of the segments when some go, and what is to be done on the disk for it.
  struct Removal {
    std::vector<LogSegment> stubs;  // to be written
    std::vector<uint64_t> gone;
  };
  Removal Remove(uint64_t sequence, const std::vector<SequenceRange>& kept)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status BeginSegment(uint64_t number, uint64_t first_sequence, uint64_t before);
  uint64_t CommittedSequence() const;
  uint64_t LastSegment() const;

  const Options options_;
  FileSystem* const files_;
  const std::shared_ptr<std::atomic<uint64_t>> acknowledged_;
  // The log's thread's.
  std::unique_ptr<WritableFile> file_;
  uint64_t seed_ = 0;  // of its checksums
  LogIndexer indexer_;

  mutable engine::Mutex mutex_;
  engine::CondVar changed_;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_sequence_ ABSL_GUARDED_BY(mutex_);  // appended
  uint64_t committed_ ABSL_GUARDED_BY(mutex_);      // written
  uint64_t synced_ ABSL_GUARDED_BY(mutex_);
  absl::Time last_sync_ ABSL_GUARDED_BY(mutex_);
  std::vector<LogSegment> segments_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  int flushes_ ABSL_GUARDED_BY(mutex_) = 0;  // that wait
  bool rotate_wanted_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_TRAIN_LOG_H_
