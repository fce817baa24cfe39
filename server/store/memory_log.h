// MemoryLog: a Log on records in memory, with a thread of its own that calls `done`, as
// a log on a disk has.
// Thread-safe.
#ifndef CHAINRULE_SERVER_STORE_MEMORY_LOG_H_
#define CHAINRULE_SERVER_STORE_MEMORY_LOG_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/core/mutex.h"
#include "server/store/log.h"

namespace chainrule::server {

// What the logs of one store write to, one after another. Thread-safe by its mutex.
struct MemoryRecords {
  struct Record {
    uint64_t sequence = 0;
    RecordKey key;
    std::string payload;
    std::optional<LogDamage> damage = std::nullopt;  // instead of the payload
  };
  engine::Mutex mutex;
  engine::CondVar changed;
  std::deque<Record> records ABSL_GUARDED_BY(mutex);
  std::deque<uint64_t> segments ABSL_GUARDED_BY(mutex) = {1};  // their first sequences
  uint64_t last ABSL_GUARDED_BY(mutex) = 0;
  uint64_t synced ABSL_GUARDED_BY(mutex) = 0;
  uint64_t life ABSL_GUARDED_BY(mutex) = 0;   // of the log that may write
  absl::Status fault ABSL_GUARDED_BY(mutex);  // of all that is written
  bool keep_refused ABSL_GUARDED_BY(mutex) = false;
  bool held ABSL_GUARDED_BY(mutex) = false;
};

class MemoryLog : public Log {
 public:
  // Closes the log that was opened on `records` before. Without `sync` a record is
  // synced by Flush and Rotate only.
  MemoryLog(std::shared_ptr<MemoryRecords> records, bool sync);
  ~MemoryLog() override;

  uint64_t Append(RecordKey key, std::string payload, Done done) override;
  absl::Status Flush() override;
  absl::StatusOr<uint64_t> Rotate() override;
  absl::Status RemoveBefore(uint64_t sequence, const std::vector<SequenceRange>& kept) override;
  int64_t bytes() const override;
  uint64_t synced() const override;
  absl::Status status() const override;

 private:
  struct Waiting {
    uint64_t sequence = 0;
    RecordKey key;
    std::string payload;
    Done done;
  };
  void Loop();
  void Commit(Waiting waiting);
  absl::Status Fault() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(records_->mutex);
  absl::Status FlushLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(records_->mutex);

  const std::shared_ptr<MemoryRecords> records_;
  const bool sync_;
  uint64_t life_ = 0;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(records_->mutex);
  uint64_t appended_ ABSL_GUARDED_BY(records_->mutex) = 0;
  uint64_t answered_ ABSL_GUARDED_BY(records_->mutex) = 0;
  absl::Status status_ ABSL_GUARDED_BY(records_->mutex);
  bool stopping_ ABSL_GUARDED_BY(records_->mutex) = false;
  std::thread thread_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_MEMORY_LOG_H_
