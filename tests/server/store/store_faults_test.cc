// A disk that fails at each operation of a checkpoint, or of the log, and then loses what
// was not synced: what is found afterwards was acknowledged, or is later.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/store/stores.h"
#include "tests/support/memory_file_system.h"

namespace chainrule::server {
namespace {

// One life of the only model: checkpoints one after another, each with what the log holds
// by then, and the log emptied behind it.
class Life {
 public:
  explicit Life(Store* store) : store_(store) {}

  // Both say whether all went well.
  bool Begin() {
    const auto visit = [&](const LogRecord& record) {
      EXPECT_EQ(record.payload, absl::StrCat("record ", record.sequence));
      EXPECT_TRUE(last_visited_ == 0 || record.sequence == last_visited_ + 1);
      last_visited_ = record.sequence;
      return absl::OkStatus();
    };
    LogFindings found;
    absl::StatusOr<std::unique_ptr<Log>> log = store_->OpenLog(visit, &found);
    EXPECT_TRUE(found.damage.empty()) << found.damage[0].what;
    if (!log.ok()) return false;
    log_ = *std::move(log);
    return true;
  }

  bool Append() {
    const uint64_t sequence = std::max(last_, last_visited_) + 1;
    log_->Append({"uid", sequence, 0}, absl::StrCat("record ", sequence),
                 [](absl::Status, uint64_t) {});
    if (!log_->Flush().ok()) return false;
    last_ = sequence;
    return true;
  }

  // A checkpoint whose numbers tell the sequence that it covers.
  bool PutCheckpoint() {
    const std::optional<WeightsFile> old = file_;
    const absl::StatusOr<WeightsFile> file = store_->WriteWeights(
        "uid", "checkpoint", network_, TestCheckpoint(network_, static_cast<float>(last_)));
    if (!file.ok()) return false;
    StoreChange change;
    if (!old.has_value()) change.put_model = NamedModel("uid", "iris");
    change.put_checkpoint = {"uid", {static_cast<int64_t>(last_), last_, *file}};
    if (!store_->Apply(change).ok()) return false;
    file_ = *file;
    covered_ = last_;
    if (old.has_value()) store_->RemoveWeights(*old);
    const absl::StatusOr<uint64_t> first = log_->Rotate();
    return first.ok() && log_->RemoveBefore(last_ + 1, {}).ok();
  }

  // The whole life; stops at the first thing that fails.
  void Live() {
    if (!Begin() || !PutCheckpoint()) return;
    for (int round = 0; round < 2; ++round) {
      if (!Append() || !Append() || !PutCheckpoint() || !Append()) return;
    }
  }

  uint64_t acknowledged() const { return last_; }
  uint64_t covered() const { return covered_; }
  uint64_t last_visited() const { return last_visited_; }
  void End() { log_.reset(); }

 private:
  Store* const store_;
  const engine::Network network_ = TestNetwork();
  std::unique_ptr<Log> log_;
  std::optional<WeightsFile> file_;
  uint64_t last_ = 0;  // acknowledged
  uint64_t covered_ = 0;
  uint64_t last_visited_ = 0;
};

// What is found is what `life` was told, or later.
void ExpectRecovers(FolderKind* kind, const Life& life, const std::string& where) {
  const absl::StatusOr<FolderStore*> store = kind->TryOpen();
  ASSERT_TRUE(store.ok()) << store.status() << where;
  Life next(*store);
  ASSERT_TRUE(next.Begin()) << where;
  const std::vector<StoredModel> models = *(*store)->Models();
  const engine::Network network = TestNetwork();
  uint64_t covered = 0;
  if (!models.empty()) {
    covered = models[0].checkpoint.sequence;
    const absl::StatusOr<Checkpoint> read =
        (*store)->ReadWeights(models[0].checkpoint.weights, network);
    ASSERT_TRUE(read.ok()) << read.status() << where;
    ExpectSameState(read->state, TestState(network, static_cast<float>(covered)));
  }
  EXPECT_GE(covered, life.covered()) << where;
  EXPECT_GE(std::max(covered, next.last_visited()), life.acknowledged()) << where;
  next.End();
}

enum class Ending { kKill, kCrash, kCrashWithHole };

// Of the process, or of the machine, which is then started anew.
void End(Ending ending, MemoryFileSystem* files, FolderKind* kind) {
  if (ending == Ending::kKill) return files->FailFrom(0);
  kind->options().boot_id = "boot-2";
  ending == Ending::kCrash ? files->Crash(7) : files->CrashWithHole();
}

TEST(StoreFaultsTest, AFailureAtAnyOperationRecoversToWhatWasAcknowledgedOrLater) {
  int64_t operations = 0;
  for (int64_t operation = 0; operation <= operations; ++operation) {
    for (const Ending ending : {Ending::kKill, Ending::kCrash, Ending::kCrashWithHole}) {
      MemoryFileSystem files;
      FolderKind kind(&files);
      const absl::StatusCode code = ending == Ending::kCrashWithHole
                                        ? absl::StatusCode::kResourceExhausted
                                        : absl::StatusCode::kUnavailable;
      absl::StatusOr<FolderStore*> store = kind.TryOpen();
      ASSERT_TRUE(store.ok()) << store.status();
      const int64_t before = files.operations();
      if (operation > 0) files.FailFrom(before + operation, code);
      Life life(*store);
      life.Live();
      if (operation == 0) operations = files.operations() - before;
      life.End();
      kind.End();
      End(ending, &files, &kind);
      ExpectRecovers(&kind, life, absl::StrCat(" after operation ", operation));
    }
  }
  EXPECT_GT(operations, 30);
}

TEST(StoreFaultsTest, WhenTheDiskIsBackTheLogGoesOnInTheSameLife) {
  for (int64_t operation = 1; operation <= 12; ++operation) {
    MemoryFileSystem files;
    FolderKind kind(&files);
    FolderStore* const store = *kind.TryOpen();
    Life first(store);
    ASSERT_TRUE(first.Begin() && first.Append());
    files.FailFrom(files.operations() + operation);
    while (first.Append()) continue;
    first.End();
    Life refused(store);
    EXPECT_FALSE(refused.Begin());
    files.FailFrom(0);
    Life second(store);
    ASSERT_TRUE(second.Begin());
    EXPECT_GE(second.last_visited(), first.acknowledged());
    const uint64_t visited = second.last_visited();
    second.End();
    kind.End();
    files.Crash();
    kind.options().boot_id = "boot-2";
    Life third(*kind.TryOpen());
    ASSERT_TRUE(third.Begin());
    EXPECT_EQ(third.last_visited(), visited) << "after operation " << operation;
    third.End();
  }
}

// A write-ahead log of which a kill leaves nothing but the beginning of a frame, also of a
// transaction that SQLite's cache does not hold, and when the log is so long that it is cut.
TEST(StoreFaultsTest, TheFactsWriteAheadLogIsNeverWrittenOver) {
  MemoryFileSystem files;
  FolderKind kind(&files);
  Store& store = kind.Open();
  StoreChange change;
  change.put_model = NamedModel("uid", "iris");
  for (int i = 0; i < 4'000; ++i) {
    change.put_model->labels[absl::StrCat(i * 7'919 % 4'000)] = std::string(1'000, 'x');
  }
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(store.Apply(change).ok());
    EXPECT_EQ(files.written_over(kind.path() + "/facts.sqlite-wal"), 0);
    EXPECT_GT(*files.Size(kind.path() + "/facts.sqlite-wal"), 4'000'000);
    EXPECT_LT(*files.Size(kind.path() + "/facts.sqlite-wal"), 30'000'000);
  }
}

TEST(StoreFaultsTest, AFolderThatIsHalfMadeIsMadeWhole) {
  int64_t operations = 0;
  int64_t refused = 0;
  for (int64_t operation = 0; operation <= operations; ++operation) {
    MemoryFileSystem files;
    FolderKind kind(&files);
    files.FailFrom(operation);
    const bool opened = kind.TryOpen().ok();
    if (!opened) ++refused;
    EXPECT_TRUE(opened || operation > 0);
    if (operation == 0) operations = files.operations();
    files.Crash();
    EXPECT_TRUE(kind.TryOpen().ok()) << operation;
  }
  EXPECT_GT(refused, 20) << "beyond them RUNNING is written, which can wait";
}

}  // namespace
}  // namespace chainrule::server
