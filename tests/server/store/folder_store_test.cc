// What a data folder does beside being a store.
#include "server/store/folder_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "engine/core/error.h"
#include "server/store/check_folder.h"
#include "tests/server/store/stores.h"
#include "tests/support/faulty_file_system.h"

namespace chainrule::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;

void WriteText(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

std::string ReadText(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

void FlipByte(const std::string& path, size_t place) {
  std::string bytes = ReadText(path);
  bytes.at(place) ^= 1;
  WriteText(path, bytes);
}

std::vector<std::string> Names(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    names.push_back(entry.path().string());
  }
  return names;
}

// Opens the log, appends these records of model "uid", behind `before` others, and closes it.
void Log(Store& store, const std::vector<std::string>& records, uint64_t before = 0) {
  const auto ignore = [](const LogRecord&) { return absl::OkStatus(); };
  const absl::StatusOr<std::unique_ptr<class Log>> log = store.OpenLog(ignore, nullptr);
  ASSERT_TRUE(log.ok()) << log.status();
  RecordKey key = {"uid", before, 0};
  for (const std::string& record : records) {
    ++key.number;
    (*log)->Append(key, record, [](absl::Status, uint64_t) {});
  }
}

// A model with a version and two log records.
WeightsFile Fill(Store& store) {
  const engine::Network network = TestNetwork();
  const auto write = [&](const char* label, float salt) {
    return *store.WriteWeights("uid", label, network, TestCheckpoint(network, salt));
  };
  StoreChange change;
  change.put_model = NamedModel("uid", "iris");
  change.put_checkpoint = {"uid", {41, 0, write("checkpoint", 0)}};
  change.put_version = {"uid", {1, 41, {}, absl::UnixEpoch(), write("version", 1)}};
  EXPECT_TRUE(store.Apply(change).ok());
  Log(store, {"one", "two"});
  return change.put_checkpoint->checkpoint.weights;
}

TEST(FolderStoreTest, RefusesANewerServersFolderAndTouchesNothing) {
  FolderKind kind;
  WriteText(kind.path() + "/FORMAT", "chainrule data 4\n");
  const absl::Status status = kind.TryOpen().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("newer server"));
  EXPECT_THAT(Names(kind.path()), ElementsAre(kind.path() + "/FORMAT"));
}

// So that the servers before it refuse what it writes there.
TEST(FolderStoreTest, HasAnOlderServersFolderSayThatItIsItsOwn) {
  FolderKind kind;
  ASSERT_TRUE(kind.TryOpen().ok());
  EXPECT_EQ(ReadText(kind.path() + "/FORMAT"), "chainrule data 3\n");
  WriteText(kind.path() + "/FORMAT", "chainrule data 1\n");
  ASSERT_TRUE(kind.TryOpen().ok());
  EXPECT_EQ(ReadText(kind.path() + "/FORMAT"), "chainrule data 3\n");
}

TEST(FolderStoreTest, RefusesAFolderOfSomethingElseAndTouchesNothing) {
  for (const char* name : {"facts.sqlite", "notes.txt", "spool/letter", ".hidden/", "weights/"}) {
    FolderKind kind;
    const std::filesystem::path path = kind.path() + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    if (path.has_filename()) WriteText(path, "mine");
    const std::vector<std::string> before = Names(kind.path());
    const absl::Status status = kind.TryOpen().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("not empty")) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr(kind.path())) << name;
    EXPECT_EQ(Names(kind.path()), before);
    EXPECT_EQ(path.has_filename() ? ReadText(path) : "mine", "mine");
  }
}

TEST(FolderStoreTest, MakesADataFolderOfAnEmptyFileSystem) {
  FolderKind kind;
  std::filesystem::create_directories(kind.path() + "/lost+found");
  EXPECT_TRUE(kind.TryOpen().ok());
}

// Notes the folders that are synced.
class SyncsNoted : public FaultyFileSystem {
 public:
  absl::Status SyncFolder(const std::string& folder) override {
    folders.insert(folder);
    return FaultyFileSystem::SyncFolder(folder);
  }
  std::set<std::string> folders;
};

TEST(FolderStoreTest, TheNamesOfTheFoldersThatItMakesSurvive) {
  for (const char* slash : {"", "/", "//"}) {
    SyncsNoted files;
    FolderKind kind(&files);
    const std::string top = kind.path();
    kind.options().folder = absl::StrCat(top, "/parent/data", slash);
    ASSERT_TRUE(kind.TryOpen().ok());
    EXPECT_THAT(files.folders, IsSupersetOf({top, top + "/parent", top + "/parent/data"}));
    EXPECT_FALSE(files.folders.contains(FolderOf(top))) << "it was there";
    kind.End();
    std::filesystem::remove_all(top);
  }
}

TEST(FolderStoreTest, RefusesASecondServer) {
  FolderKind kind;
  kind.Open();
  const absl::Status status = FolderStore::Open(kind.options(), &PosixFileSystem()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("is in use"));
  kind.Open();
}

TEST(FolderStoreTest, RemovesWhatACrashLeftBehind) {
  FolderKind kind;
  const WeightsFile kept = Fill(kind.Open());
  const WeightsFile stray =
      *kind.Open().WriteWeights("uid", "checkpoint", TestNetwork(), TestCheckpoint(TestNetwork()));
  WriteText(kind.path() + "/spool/rows", "rows");
  WriteText(kind.path() + "/weights/half.safetensors.part", "half");
  Store& store = kind.Open();
  EXPECT_FALSE(std::filesystem::exists(kind.path() + "/weights/" + stray.name));
  EXPECT_TRUE(std::filesystem::exists(kind.path() + "/weights/" + kept.name));
  EXPECT_FALSE(std::filesystem::exists(kind.path() + "/weights/half.safetensors.part"));
  EXPECT_TRUE(std::filesystem::is_empty(kind.path() + "/spool"));
  EXPECT_TRUE(store.ReadWeights(kept, TestNetwork()).ok());
}

TEST(FolderStoreTest, ADamagedByteOfWeightsIsSaid) {
  FolderKind kind;
  const WeightsFile file = Fill(kind.Open());
  const std::string path = kind.path() + "/weights/" + file.name;
  for (const size_t place :
       {size_t{0}, size_t{9}, size_t{200}, static_cast<size_t>(file.bytes) - 1}) {
    FlipByte(path, place);
    const absl::Status status = kind.Open().ReadWeights(file, TestNetwork()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << place;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
    EXPECT_THAT(std::string(status.message()), HasSubstr("digest")) << place;
    FlipByte(path, place);
  }
  std::filesystem::resize_file(path, static_cast<uintmax_t>(file.bytes) - 4);
  const absl::Status status = kind.Open().ReadWeights(file, TestNetwork()).status();
  EXPECT_EQ(engine::GetErrorDetail(status).reason, "MODEL_DAMAGED");
}

TEST(FolderStoreTest, IncarnationChangesOnlyIfAcknowledgedStepsMayBeLost) {
  struct Life {
    bool sync;
    bool in_order;
    bool restart;
    bool changes;
  };
  for (const Life& life : {Life{true, false, true, false}, Life{false, true, true, false},
                           Life{false, false, false, false}, Life{false, false, true, true}}) {
    FolderKind kind;
    kind.options().sync = life.sync;
    Store& store = kind.Open();
    const std::string before = store.incarnation();
    const absl::Status closed = life.in_order ? store.Close() : absl::OkStatus();
    EXPECT_TRUE(closed.ok());
    if (life.restart) kind.options().boot_id = "boot-2";
    EXPECT_EQ(kind.Open().incarnation() != before, life.changes)
        << life.sync << life.in_order << life.restart;
  }
}

// Opens the log, and closes it; returns what was found.
LogFindings FindingsOf(Store& store) {
  LogFindings findings;
  const auto ignore = [](const LogRecord&) { return absl::OkStatus(); };
  EXPECT_TRUE(store.OpenLog(ignore, &findings).ok());
  return findings;
}

// Two records, "one" and "two", of which the second was damaged when the process ended.
void FillAndDamageTheLast(FolderKind* kind) {
  Fill(kind->Open());
  kind->End();
  const std::string path = kind->path() + "/log/00000000000000000001.log";
  FlipByte(path, ReadText(path).size() - 1);
}

TEST(FolderStoreTest, InTheSameBootADamagedLastRecordIsDamage) {
  FolderKind kind;
  FillAndDamageTheLast(&kind);
  for (int life = 0; life < 3; ++life) {
    if (life == 2) kind.options().boot_id = "boot-2";
    const LogFindings found = FindingsOf(kind.Open());
    ASSERT_EQ(found.damage.size(), 1U);
    EXPECT_THAT(found.damage[0].what, HasSubstr("1.log: a damaged record at byte "));
    EXPECT_EQ(found.damage[0].first, 2U);
    EXPECT_EQ(found.torn_tail, "");
  }
}

TEST(FolderStoreTest, InAnotherBootADamagedLastRecordIsCutAndTold) {
  FolderKind kind;
  FillAndDamageTheLast(&kind);
  kind.options().boot_id = "boot-2";
  kind.Open();  // ends before it has read its log, which is the other boot's still
  const LogFindings found = FindingsOf(kind.Open());
  EXPECT_THAT(found.damage, IsEmpty());
  EXPECT_THAT(found.torn_tail, HasSubstr("1.log: a torn tail of "));
  EXPECT_EQ(FindingsOf(kind.Open()).torn_tail, "");
}

TEST(FolderStoreTest, WhereTheBootIsUnknownADamagedLastRecordIsCut) {
  FolderKind kind;
  kind.options().boot_id = "unknown";
  FillAndDamageTheLast(&kind);
  EXPECT_THAT(FindingsOf(kind.Open()).torn_tail, HasSubstr("1.log: a torn tail of "));
}

TEST(FolderStoreTest, ALogThatLostWhatACheckpointHoldsGoesOnBehindIt) {
  FolderKind kind;
  Fill(kind.Open());
  StoreChange change;
  change.put_checkpoint = {"uid", kind.Open().Models()->at(0).checkpoint};
  change.put_checkpoint->checkpoint.sequence = 9;
  ASSERT_TRUE(kind.Open().Apply(change).ok());
  const auto ignore = [](const LogRecord&) { return absl::OkStatus(); };
  std::unique_ptr<class Log> log = *kind.Open().OpenLog(ignore, nullptr);
  EXPECT_EQ(log->Append({}, "ten", [](absl::Status, uint64_t) {}), 10U);
}

// No file of this process grows beyond `bytes` while it lives.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_;
};

TEST(FolderStoreTest, AFullDiskIsSaidAndPasses) {
  FolderKind kind;
  Store& store = kind.Open();
  const WeightsFile file = Fill(store);
  StoreChange change;
  change.put_request = StoredRequest{"id", {1, 2}, absl::UnixEpoch(), std::string(1 << 20, 'x')};
  const engine::Network network = TestNetwork(500);
  {
    const FullDisk full(4096);
    const absl::Status applied = store.Apply(change);
    EXPECT_EQ(engine::GetErrorDetail(applied).reason, "STORAGE_FAILED") << applied;
    const absl::Status written =
        store.WriteWeights("uid", "checkpoint", network, TestCheckpoint(network)).status();
    EXPECT_EQ(engine::GetErrorDetail(written).reason, "STORAGE_FAILED") << written;
    EXPECT_TRUE(store.ReadWeights(file, TestNetwork()).ok()) << "reading goes on";
    EXPECT_THAT(store.Requests()->requests, IsEmpty());
  }
  EXPECT_TRUE(store.Apply(change).ok());
  EXPECT_EQ(store.Requests()->requests.size(), 1U);
  EXPECT_TRUE(store.WriteWeights("uid", "checkpoint", network, TestCheckpoint(network)).ok());
}

TEST(CheckFolderTest, FindsNothingInASoundFolderAndChangesNothing) {
  FolderKind kind;
  Fill(kind.Open());
  kind.End();
  const auto folder = [&] {
    std::string all;
    for (const std::string& name : Names(kind.path())) all += name + ReadText(name) + "\n";
    return all;
  };
  const std::string before = folder();
  const absl::StatusOr<FolderReport> report = CheckFolder(kind.path(), &PosixFileSystem());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->findings, IsEmpty());
  EXPECT_EQ(report->models, 1);
  EXPECT_EQ(report->files, 2);
  EXPECT_EQ(report->log_records, 2);
  EXPECT_TRUE(folder() == before);
}

TEST(CheckFolderTest, NamesEachThingThatIsDamaged) {
  FolderKind kind;
  const WeightsFile file = Fill(kind.Open());
  Log(kind.Open(), {"three"}, 2);
  kind.End();
  FlipByte(kind.path() + "/weights/" + file.name, 300);
  FlipByte(kind.path() + "/log/00000000000000000001.log", 188);  // of "one"
  const absl::StatusOr<FolderReport> report = CheckFolder(kind.path(), &PosixFileSystem());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->findings,
              ElementsAre(testing::AllOf(HasSubstr("models/iris: "), HasSubstr(file.name)),
                          HasSubstr("1.log: a damaged record at byte 128"),
                          testing::AllOf(HasSubstr("models/iris: lost records: "),
                                         HasSubstr("1.log: a damaged record at byte 128"))));
  for (size_t place = 0; place < 4096 * 4; place += 512)
    FlipByte(kind.path() + "/facts.sqlite", place);
  EXPECT_FALSE(CheckFolder(kind.path(), &PosixFileSystem())->sound());
}

TEST(CheckFolderTest, ADamagedLastRecordIsDamageInTheSameBootAndElseATornTail) {
  FolderKind kind;
  FillAndDamageTheLast(&kind);
  const FolderReport same = *CheckFolder(kind.path(), &PosixFileSystem(), "boot-1");
  EXPECT_THAT(same.findings,
              ElementsAre(HasSubstr("1.log: a damaged record at byte "),
                          testing::AllOf(HasSubstr("models/iris: lost records: "),
                                         HasSubstr("1.log: a damaged record at byte "))));
  EXPECT_EQ(same.torn_tail, "");
  const FolderReport other = *CheckFolder(kind.path(), &PosixFileSystem(), "boot-2");
  EXPECT_TRUE(other.sound());
  EXPECT_EQ(other.log_records, 1);
  EXPECT_THAT(other.torn_tail, HasSubstr("1.log: a torn tail of "));
}

TEST(CheckFolderTest, RefusesWhereAServerRunsOrNothingIs) {
  FolderKind kind;
  EXPECT_EQ(CheckFolder(kind.path(), &PosixFileSystem()).status().code(),
            absl::StatusCode::kFailedPrecondition);
  kind.Open();
  const absl::Status status = CheckFolder(kind.path(), &PosixFileSystem()).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("is in use"));
}

}  // namespace
}  // namespace chainrule::server
