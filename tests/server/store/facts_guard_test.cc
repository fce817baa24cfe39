// What a server that was killed leaves of its facts, and what became of that.
#include "server/store/facts_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "server/store/check_folder.h"
#include "server/store/wal_scan.h"
#include "tests/server/store/stores.h"

namespace chainrule::server {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kBoot[] = "boot-1";  // FolderKind's

std::string ReadText(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void WriteText(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// A folder with models "a" and "b", as it is on the disk while its server runs; a copy of it
// is what a kill leaves.
class FactsGuardTest : public ::testing::Test {
 protected:
  FactsGuardTest() {
    Store& store = kind_.Open();
    for (const std::string id : {"a", "b"}) {
      StoreChange change;
      change.put_model = NamedModel("uid-" + id, id);
      change.put_checkpoint = {"uid-" + id,
                               {41, 0,
                                *store.WriteWeights("uid-" + id, "checkpoint", TestNetwork(),
                                                    TestCheckpoint(TestNetwork()))}};
      EXPECT_TRUE(store.Apply(change).ok());
    }
    CopyAgain();
  }
  ~FactsGuardTest() override { fs::remove_all(copy_); }

  void CopyAgain() {
    fs::remove_all(copy_);
    fs::copy(kind_.path(), copy_, fs::copy_options::recursive);
  }
  // How many models the copy has.
  absl::StatusOr<size_t> Open(const std::string& boot_id = kBoot) {
    FolderStore::Options options;
    options.folder = copy_;
    options.boot_id = boot_id;
    const auto store = FolderStore::Open(options, &PosixFileSystem());
    if (!store.ok()) return store.status();
    return (*store)->Models()->size();
  }
  std::vector<std::string> Findings() {
    return CheckFolder(copy_, &PosixFileSystem(), kBoot)->findings;
  }
  size_t FilesOf(const std::string& folder) {
    const auto names = PosixFileSystem().List(copy_ + "/" + folder);
    return names.ok() ? names->size() : 0;
  }
  // Behind it frames of the log before this one may stand.
  size_t WalEnd() {
    const auto end = static_cast<size_t>(ScanWal(&PosixFileSystem(), wal_)->broken_at);
    return end > 0 ? end : fs::file_size(wal_);
  }
  void ExpectRefused(const std::string& what) {
    EXPECT_THAT(Findings(), ::testing::Contains(HasSubstr(what)));
    const absl::Status status = Open().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
    EXPECT_EQ(FilesOf("weights"), 2U);
  }

  FolderKind kind_;
  const std::string copy_ = kind_.path() + "-copy";
  const std::string wal_ = copy_ + "/facts.sqlite-wal";
};

TEST_F(FactsGuardTest, WhatAKillLeavesIsOpenedWhole) {
  EXPECT_THAT(Findings(), IsEmpty());
  EXPECT_EQ(Open().value(), 2U);
  EXPECT_FALSE(fs::exists(copy_ + "/RUNNING"));
  EXPECT_EQ(Open().value(), 2U);
}

TEST_F(FactsGuardTest, FactsThatAreGoneAreNotBegunAnew) {
  for (const char* suffix : {"", "-wal"}) fs::remove(copy_ + "/facts.sqlite" + suffix);
  ExpectRefused("gone");
}

TEST_F(FactsGuardTest, AWriteAheadLogThatIsGoneIsMissed) {
  fs::remove(wal_);
  ExpectRefused("facts.sqlite-wal: is gone or empty");
  fs::remove(copy_ + "/RUNNING");  // as it says
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(FilesOf("weights") + FilesOf("lost"), 2U);
}

TEST_F(FactsGuardTest, AnyBitOfTheWriteAheadLogThatTurnedOverIsFound) {
  const std::string sound = ReadText(wal_);
  ASSERT_GT(WalEnd(), 4'096U);
  for (size_t place = 0, end = WalEnd(); place < end; place += 97) {
    std::string broken = sound;
    broken[place] ^= 4;
    WriteText(wal_, broken);
    SCOPED_TRACE(place);
    ExpectRefused("damaged");
  }
}

TEST_F(FactsGuardTest, WhatAKillLeavesOfAFrameIsNoDamage) {
  const std::string sound = ReadText(wal_);
  for (const size_t missing : {1, 100, 4'000}) {
    CopyAgain();
    WriteText(wal_, sound.substr(0, WalEnd() - missing));
    EXPECT_THAT(Open(), ::testing::Truly([](const auto& models) { return models.ok(); }));
  }
}

// It is cut before it begins anew, and not written over: a kill leaves the beginning of a frame.
TEST_F(FactsGuardTest, TheWriteAheadLogIsCutWhenItIsLong) {
  const std::string wal = kind_.path() + "/facts.sqlite-wal";
  StoreChange change;
  change.put_model = NamedModel("uid-a", "a");
  uintmax_t longest = 0;
  for (int i = 0; i < 6; ++i) {
    longest = std::max(longest, fs::file_size(wal));
    change.put_model->labels["text"] = std::string(1'000'000, static_cast<char>('a' + i));
    ASSERT_TRUE(kind_.store().Apply(change).ok());
  }
  EXPECT_GT(longest, 4'000'000U);
  EXPECT_LT(fs::file_size(wal), 2'000'000U);
  CopyAgain();
  EXPECT_EQ(Open().value(), 2U);
}

TEST_F(FactsGuardTest, AfterTheMachinesFallTheLastTransactionMayBeInParts) {
  std::string broken = ReadText(wal_);
  broken[WalEnd() - 10] ^= 4;
  WriteText(wal_, broken);
  EXPECT_TRUE(Open("another boot").ok());
  EXPECT_EQ(FilesOf("weights") + FilesOf("lost"), 2U);
}

// The last transaction's only commit is that of its last frame.
TEST_F(FactsGuardTest, AfterTheMachinesFallOlderTransactionsAreWhole) {
  const std::string sound = ReadText(wal_);
  const size_t frame = 24 + 4'096;
  const size_t frames = (WalEnd() - 32) / frame;
  size_t commits = 0;
  for (size_t i = frames; i-- > 0;) {
    const size_t head = 32 + i * frame;
    if (sound.substr(head + 4, 4) != std::string(4, '\0')) ++commits;
    std::string broken = sound;
    broken[head + 1'000] ^= 4;
    WriteText(wal_, broken);
    SCOPED_TRACE(i);
    const absl::StatusCode code = commits > 1 ? absl::StatusCode::kDataLoss : absl::StatusCode::kOk;
    EXPECT_EQ(Open("another boot").status().code(), code);
    CopyAgain();
  }
  EXPECT_GT(commits, 2U);
}

TEST_F(FactsGuardTest, AHeadOfTheLogThatIsDamagedIsFoundInAnyBoot) {
  const std::string sound = ReadText(wal_);
  for (size_t place = 0; place < 32; place += 5) {
    std::string broken = sound;
    broken[place] ^= 1;
    WriteText(wal_, broken);
    EXPECT_EQ(Open("another boot").status().code(), absl::StatusCode::kDataLoss) << place;
  }
  WriteText(wal_, sound.substr(0, 20));  // nothing was written behind it
  EXPECT_TRUE(Open("another boot").ok());
}

TEST_F(FactsGuardTest, OnlyTheNewestOfWhatNoFactKnowsIsKept) {
  for (int i = 0; i < 12; ++i) {
    WriteText(copy_ + "/weights/gone-checkpoint-" + std::to_string(100 + i) + ".safetensors", "x");
  }
  EXPECT_EQ(Open().value(), 2U);
  EXPECT_EQ(FilesOf("weights"), 2U);
  EXPECT_EQ(FilesOf("lost"), 8U);
  EXPECT_TRUE(fs::exists(copy_ + "/lost/gone-checkpoint-111.safetensors"));
}

}  // namespace
}  // namespace chainrule::server
