#include "server/store/train_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/core/error.h"
#include "engine/core/mutex.h"
#include "server/store/log_format.h"
#include "tests/support/memory_file_system.h"

namespace chainrule::server {
namespace {

using testing::HasSubstr;

constexpr char kFolder[] = "log";

// What was said of each record, by its sequence.
class Answers {
 public:
  TrainLog::Done Of(uint64_t expected) {
    return [this, expected](absl::Status status, uint64_t synced) {
      engine::MutexLock lock(&mutex_);
      EXPECT_EQ(expected, ++last_) << "answers come in order";
      if (status.ok()) acknowledged_ = expected;
      EXPECT_TRUE(!status.ok() || synced <= expected);
    };
  }
  uint64_t acknowledged() const {
    engine::MutexLock lock(&mutex_);
    return acknowledged_;
  }

 private:
  mutable engine::Mutex mutex_;
  uint64_t last_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t acknowledged_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Some so long that they are written by themselves.
std::string PayloadOf(uint64_t sequence) {
  const size_t length = sequence % 5 == 0 ? size_t{70'000} : 0;
  return absl::StrCat("record ", sequence, "!", std::string(length, 'r'));
}

TrainLog::Options OptionsOf(bool sync) {
  TrainLog::Options options;
  options.folder = kFolder;
  options.sync = sync;
  options.sync_interval = absl::Hours(24);  // only a trigger under test may sync
  options.segment_bytes = 500;
  return options;
}

// Appends `count` records, one group each if `flush`, and returns the last acknowledged.
uint64_t Write(MemoryFileSystem* files, int count, bool sync, bool flush) {
  Answers answers;
  {
    absl::StatusOr<LogEnd> end =
        ReadLog(files, kFolder, LogRepair::kCut, [](const LogRecord&) { return absl::OkStatus(); });
    if (!end.ok()) return 0;
    absl::StatusOr<std::unique_ptr<TrainLog>> log = TrainLog::Open(OptionsOf(sync), files, *end);
    if (!log.ok()) return 0;
    for (int i = 1; i <= count; ++i) {
      const uint64_t sequence = static_cast<uint64_t>(i);
      EXPECT_EQ((*log)->Append({}, PayloadOf(sequence), answers.Of(sequence)), sequence);
      if (flush) (*log)->Flush().IgnoreError();
    }
  }
  return answers.acknowledged();
}

// Reads the log and returns the last record, having seen that they are what was written.
absl::StatusOr<uint64_t> ReadBack(MemoryFileSystem* files, LogRepair repair = LogRepair::kCut,
                                  LogTail tail = LogTail::kAny) {
  uint64_t next = 1;
  const auto visit = [&](const LogRecord& record) {
    EXPECT_EQ(record.sequence, next);
    EXPECT_EQ(record.payload, PayloadOf(next));
    EXPECT_EQ(*ReadPayload(files, kFolder, record.place), record.payload);
    ++next;
    return absl::OkStatus();
  };
  absl::StatusOr<LogEnd> end = ReadLog(files, kFolder, repair, visit, tail);
  if (!end.ok()) return end.status();
  EXPECT_TRUE(end->damage.empty()) << end->damage[0].what;
  EXPECT_EQ(end->last_sequence, next - 1);
  return next - 1;
}

TEST(TrainLogTest, ReadsBackWhatItWroteOverSeveralSegments) {
  MemoryFileSystem files;
  EXPECT_EQ(Write(&files, 40, true, true), 40U);
  EXPECT_GT(files.List(kFolder)->size(), 3U);
  EXPECT_EQ(*ReadBack(&files), 40U);
}

TEST(TrainLogTest, WhatWasAcknowledgedUnderSyncSurvivesACrashAtAnyOperation) {
  MemoryFileSystem whole;
  Write(&whole, 12, true, true);
  for (int64_t operation = 1; operation <= whole.operations(); ++operation) {
    for (const int64_t torn : {0, 1, 19, 23}) {
      MemoryFileSystem files;
      files.FailFrom(operation);
      const uint64_t acknowledged = Write(&files, 12, true, true);
      files.Crash(torn);
      const absl::StatusOr<uint64_t> last = ReadBack(&files);
      ASSERT_TRUE(last.ok()) << last.status() << " after operation " << operation;
      EXPECT_GE(*last, acknowledged) << "after operation " << operation;
      EXPECT_EQ(*ReadBack(&files), *last) << "reading twice gives the same";
    }
  }
}

// A write that ends in the middle leaves the first part of what it was given.
TEST(TrainLogTest, WhatWasAcknowledgedSurvivesTheEndOfTheProcessAtAnyOperation) {
  for (const bool sync : {false, true}) {
    MemoryFileSystem whole;
    Write(&whole, 12, sync, true);
    for (int64_t operation = 1; operation <= whole.operations(); ++operation) {
      MemoryFileSystem files;
      files.FailFrom(operation);
      const uint64_t acknowledged = Write(&files, 12, sync, true);
      files.FailFrom(0);
      const absl::StatusOr<uint64_t> last = ReadBack(&files, LogRepair::kCut, LogTail::kPrefix);
      ASSERT_TRUE(last.ok()) << last.status() << " after operation " << operation;
      EXPECT_GE(*last, acknowledged) << "after operation " << operation;
      EXPECT_EQ(*ReadBack(&files, LogRepair::kCut, LogTail::kPrefix), *last);
    }
  }
}

TEST(TrainLogTest, AHoleInWhatWasNotSyncedIsATornTail) {
  MemoryFileSystem files;
  std::unique_ptr<TrainLog> log = *TrainLog::Open(OptionsOf(false), &files, {});
  for (uint64_t i = 1; i <= 2; ++i) log->Append({}, PayloadOf(i), [](absl::Status, uint64_t) {});
  ASSERT_TRUE(log->Flush().ok());
  files.FailFrom(files.operations() + 2);  // their writing goes well, their sync does not
  for (uint64_t i = 3; i <= 4; ++i) log->Append({}, PayloadOf(i), [](absl::Status, uint64_t) {});
  log->Flush().IgnoreError();
  log.reset();
  files.CrashWithHole();
  EXPECT_EQ(*ReadBack(&files, LogRepair::kRewrite), 2U);
}

TEST(TrainLogTest, WhatWasReadAfterAFailedSyncIsOnTheDiskOnceRewritten) {
  MemoryFileSystem whole;
  Write(&whole, 12, true, true);
  for (int64_t operation = 1; operation <= whole.operations(); ++operation) {
    MemoryFileSystem files;
    files.FailFrom(operation);
    const uint64_t acknowledged = Write(&files, 12, true, true);
    files.FailFrom(0);
    const absl::StatusOr<uint64_t> visited = ReadBack(&files, LogRepair::kRewrite);
    ASSERT_TRUE(visited.ok()) << visited.status() << " after operation " << operation;
    EXPECT_GE(*visited, acknowledged);
    files.Crash();
    const absl::StatusOr<uint64_t> last = ReadBack(&files);
    ASSERT_TRUE(last.ok()) << last.status() << " after operation " << operation;
    EXPECT_EQ(*last, *visited) << "after operation " << operation;
  }
}

TEST(TrainLogTest, SequencesGoOnAfterThoseThatAreUsed) {
  MemoryFileSystem files;
  Write(&files, 2, true, true);
  const auto ignore = [](const LogRecord&) { return absl::OkStatus(); };
  const LogEnd end = *ReadLog(&files, kFolder, LogRepair::kCut, ignore);
  {
    std::unique_ptr<TrainLog> log = *TrainLog::Open(OptionsOf(true), &files, end, 7);
    EXPECT_EQ(log->Append({}, "eight", [](absl::Status, uint64_t) {}), 8U);
  }
  std::vector<uint64_t> sequences;
  ASSERT_TRUE(ReadLog(&files, kFolder, LogRepair::kNone, [&](const LogRecord& record) {
                sequences.push_back(record.sequence);
                return absl::OkStatus();
              }).ok());
  EXPECT_THAT(sequences, testing::ElementsAre(1, 2, 8));
}

TEST(TrainLogTest, GoesOnAfterACutTail) {
  MemoryFileSystem files;
  Write(&files, 5, true, true);
  files.Crash();
  const LogEnd end =
      *ReadLog(&files, kFolder, LogRepair::kCut, [](const LogRecord&) { return absl::OkStatus(); });
  {
    std::unique_ptr<TrainLog> log = *TrainLog::Open(OptionsOf(true), &files, end);
    EXPECT_EQ(log->Append({}, PayloadOf(6),
                          [](const absl::Status& status, uint64_t) { EXPECT_TRUE(status.ok()); }),
              6U);
  }
  EXPECT_EQ(*ReadBack(&files), 6U);
}

TEST(TrainLogTest, RelaxedIsDoneBeforeItIsSynced) {
  MemoryFileSystem files;
  Answers answers;
  std::unique_ptr<TrainLog> log = *TrainLog::Open(OptionsOf(false), &files, {});
  engine::Mutex mutex;
  engine::CondVar changed;
  uint64_t synced = 99;
  log->Append({}, PayloadOf(1), [&](const absl::Status&, uint64_t now_synced) {
    engine::MutexLock lock(&mutex);
    synced = now_synced;
    changed.NotifyAll();
  });
  {
    engine::MutexLock lock(&mutex);
    while (synced == 99) changed.Wait(&mutex);
    EXPECT_EQ(synced, 0U);
  }
  EXPECT_TRUE(log->Flush().ok());
  files.Crash();
  EXPECT_EQ(*ReadBack(&files, LogRepair::kNone), 1U);
}

TEST(TrainLogTest, AFailureClosesItForGood) {
  MemoryFileSystem files;
  std::unique_ptr<TrainLog> log = *TrainLog::Open(OptionsOf(true), &files, {});
  files.FailFrom(files.operations() + 1, absl::StatusCode::kResourceExhausted);
  log->Append({}, PayloadOf(1), [](const absl::Status& status, uint64_t) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(engine::GetErrorDetail(status).reason, "STORAGE_FAILED");
    EXPECT_THAT(std::string(status.message()), HasSubstr("operation"));
  });
  EXPECT_FALSE(log->Flush().ok());
  files.FailFrom(0);
  log->Append({}, PayloadOf(2),
              [](const absl::Status& status, uint64_t) { EXPECT_FALSE(status.ok()); });
  EXPECT_FALSE(log->Flush().ok());
  EXPECT_FALSE(log->Rotate().ok());
}

TEST(TrainLogTest, RemovesSegmentsThatAreAllOld) {
  MemoryFileSystem files;
  std::unique_ptr<TrainLog> log = *TrainLog::Open(OptionsOf(true), &files, {});
  for (uint64_t i = 1; i <= 5; ++i) log->Append({}, PayloadOf(i), [](absl::Status, uint64_t) {});
  ASSERT_TRUE(log->Flush().ok());
  const uint64_t first = *log->Rotate();
  EXPECT_EQ(first, 6U);
  const int64_t before = log->bytes();
  ASSERT_TRUE(log->RemoveBefore(first, {}).ok());
  EXPECT_LT(log->bytes(), before);
  EXPECT_EQ(files.List(kFolder)->size(), 1U);
}

TEST(PosixFileSystemTest, WritesAtomicallyAndReadsBack) {
  FileSystem& files = PosixFileSystem();
  const std::string folder = testing::TempDir() + "/posix_file_system_test";
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(files.MakeFolder(folder).ok());
  const std::string path = folder + "/facts";
  ASSERT_TRUE(WriteFileAtomically(files, path, {"one ", "two"}).ok());
  ASSERT_TRUE(WriteFileAtomically(files, path, {"three four"}).ok());
  EXPECT_EQ(*files.Read(path, 6, 100), "four");
  EXPECT_EQ(*files.Size(path), 10);
  ASSERT_TRUE(files.Truncate(path, 5).ok());
  EXPECT_EQ(*files.Read(path, 0, 100), "three");
  EXPECT_THAT(*files.List(folder), testing::ElementsAre("facts"));
  ASSERT_TRUE(files.Remove(path).ok());
  EXPECT_EQ(files.Size(path).status().code(), absl::StatusCode::kNotFound);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace chainrule::server
