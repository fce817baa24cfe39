#include "server/store/file_spool.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <numeric>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/core/error.h"

namespace chainrule::server {
namespace {

using engine::ElementType;
using engine::ExampleChunk;
using engine::Examples;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kInputs = 3;
constexpr int64_t kOutputs = 2;

// A row of each kind has the number `value` everywhere; its class is 1, or its weight is
// value/2.
struct Kind {
  bool bytes = false;
  bool classes = false;
  bool weighted = false;
};

// Rows first, first + 1, … of one kind.
class Chunk {
 public:
  Chunk(Kind kind, int64_t first, int64_t rows) {
    for (int64_t row = first; row < first + rows; ++row) {
      const auto value = static_cast<float>(row % 200);
      inputs_.insert(inputs_.end(), kInputs, value);
      bytes_.insert(bytes_.end(), kInputs, static_cast<uint8_t>(value));
      targets_.insert(targets_.end(), kOutputs, value);
      weights_.push_back(value / 2);
      classes_.push_back(1);
    }
    chunk_.rows = rows;
    chunk_.inputs = kind.bytes
                        ? engine::ElementRows{ElementType::kUint8, bytes_.data(), kInputs}
                        : engine::ElementRows{ElementType::kFloat32, inputs_.data(), kInputs};
    if (kind.classes) {
      chunk_.class_ids = classes_;
    } else {
      chunk_.targets = {ElementType::kFloat32, targets_.data(), kOutputs};
    }
    if (kind.weighted) chunk_.sample_weights = {ElementType::kFloat64, weights_.data(), 1};
  }
  const ExampleChunk& get() const { return chunk_; }

 private:
  std::vector<float> inputs_;
  std::vector<uint8_t> bytes_;
  std::vector<float> targets_;
  std::vector<double> weights_;
  std::vector<int32_t> classes_;
  ExampleChunk chunk_;
};

void ExpectRow(const Examples& examples, int64_t place, int64_t row, Kind kind) {
  const auto value = static_cast<float>(row % 200);
  std::vector<float> inputs(kInputs);
  std::vector<float> targets(kOutputs);
  examples.CopyInputs(place, inputs);
  examples.CopyTargets(place, targets);
  ASSERT_THAT(inputs, ElementsAre(value, value, value)) << row;
  const std::vector<float> expected = {kind.classes ? 0 : value, kind.classes ? 1 : value};
  ASSERT_EQ(targets, expected) << row;
  ASSERT_EQ(examples.Weight(place), kind.weighted ? value / 2 : 1) << row;
}

class FileSpoolTest : public ::testing::Test {
 protected:
  FileSpoolTest() { std::filesystem::create_directories(folder_); }
  ~FileSpoolTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<engine::RowSpool> Make() const {
    auto spool = FileSpool::Create(folder_, kInputs, kOutputs);
    EXPECT_TRUE(spool.ok()) << spool.status();
    return *std::move(spool);
  }

  static Examples Read(engine::RowStage* stage, const std::vector<int64_t>& rows) {
    EXPECT_TRUE(stage->Start(rows).ok());
    EXPECT_TRUE(stage->Finish().ok());
    Examples examples(kInputs, kOutputs);
    for (const ExampleChunk& chunk : stage->chunks()) examples.Append(chunk);
    return examples;
  }

  // Cuts every nameless file of this process in the folder.
  void Truncate() const {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code none;
      const std::string target = std::filesystem::read_symlink(entry, none).string();
      if (target.rfind(folder_.string(), 0) != 0) continue;
      ASSERT_EQ(truncate(entry.path().c_str(), 0), 0);
    }
  }

  const std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) /
      ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(FileSpoolTest, GivesRowsOfAllKindsBackInAnyOrder) {
  std::vector<Kind> kinds;
  std::shared_ptr<const engine::SpooledRows> rows;
  {
    const auto spool = Make();
    for (int i = 0; i < 16; ++i) {
      const Kind kind = {(i & 1) != 0, (i & 2) != 0, (i & 4) != 0};
      ASSERT_TRUE(spool->Append(Chunk(kind, static_cast<int64_t>(kinds.size()), 700).get()).ok());
      kinds.insert(kinds.end(), 700, kind);
    }
    rows = *spool->Finish();
  }
  ASSERT_EQ(rows->rows(), 16 * 700);
  EXPECT_TRUE(rows->weighted());
  EXPECT_EQ(rows->largest_row_bytes(), 4 * kInputs + 4 * kOutputs + 8);
  const auto stage = rows->NewStage();
  std::vector<int64_t> all(static_cast<size_t>(rows->rows()));
  std::iota(all.begin(), all.end(), int64_t{0});
  const std::vector<int64_t> some = {11'199, 0, 1, 2, 699, 700, 5'000, 5'000, 4'999, 0};
  for (const std::vector<int64_t>& order : {all, some}) {
    const Examples read = Read(stage.get(), order);
    ASSERT_EQ(read.rows(), static_cast<int64_t>(order.size()));
    for (size_t i = 0; i < order.size(); ++i) {
      ExpectRow(read, static_cast<int64_t>(i), order[i], kinds[static_cast<size_t>(order[i])]);
    }
    std::vector<int64_t> places(order.size());
    std::iota(places.begin(), places.end(), int64_t{0});
    double sum = 0;
    ASSERT_TRUE(rows->AddWeights(order, &sum).ok());
    EXPECT_EQ(sum, read.WeightSum(places));
  }
}

TEST_F(FileSpoolTest, KindsThatAlternateForeverCostNoMemoryForEach) {
  const auto spool = Make();
  constexpr int64_t kChunks = 1'000;
  for (int64_t i = 0; i < kChunks; ++i) {
    ASSERT_TRUE(spool->Append(Chunk({i % 2 == 0, i % 3 == 0, i % 5 == 0}, i, 1).get()).ok());
  }
  const auto rows = *spool->Finish();
  const auto stage = rows->NewStage();
  std::vector<int64_t> order(kChunks);
  std::iota(order.begin(), order.end(), int64_t{0});
  const Examples read = Read(stage.get(), order);
  EXPECT_LE(read.chunks().size(), FileSpool::kMaxRuns);
  for (int64_t i = 0; i < kChunks; ++i) {
    ExpectRow(read, i, i, {i % 2 == 0, i % 3 == 0, i % 5 == 0});
  }
}

TEST_F(FileSpoolTest, RowsLargerThanItsBuffersAreWhole) {
  constexpr int64_t kWide = 900'000;
  auto spool = *FileSpool::Create(folder_, kWide, 1);
  std::vector<float> inputs(2 * kWide);
  for (size_t i = 0; i < inputs.size(); ++i) inputs[i] = static_cast<float>(i);
  const std::vector<float> targets = {1, 2};
  ExampleChunk chunk;
  chunk.rows = 2;
  chunk.inputs = {ElementType::kFloat32, inputs.data(), kWide};
  chunk.targets = {ElementType::kFloat32, targets.data(), 1};
  ASSERT_TRUE(spool->Append(chunk).ok());
  const auto rows = *spool->Finish();
  const auto stage = rows->NewStage();
  const std::vector<int64_t> order = {1, 0};
  ASSERT_TRUE(stage->Start(order).ok());
  ASSERT_TRUE(stage->Finish().ok());
  const ExampleChunk& read = stage->chunks().front();
  EXPECT_EQ(read.inputs.ElementAt(0), kWide);
  EXPECT_EQ(read.inputs.ElementAt(2 * kWide - 1), kWide - 1);
  EXPECT_EQ(read.targets.ElementAt(1), 1);
}

TEST_F(FileSpoolTest, LeavesNoNameBehind) {
  const auto spool = Make();
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(FileSpoolTest, ADiskThatIsFullIsTold) {
  // A file that may not grow stands for a disk that is full.
  const auto spool = Make();
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small = {.rlim_cur = 4096, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  std::signal(SIGXFSZ, SIG_IGN);
  const absl::Status status = spool->Append(Chunk({}, 0, 100'000).get());
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(engine::GetErrorDetail(status).reason, "STORAGE_FAILED");
  EXPECT_THAT(std::string(status.message()), HasSubstr("nothing was learned"));
  EXPECT_EQ(spool->Append(Chunk({}, 0, 1).get()), status);
  EXPECT_EQ(spool->Finish().status(), status);
}

// Of 100,000 rows, each 3 + 2 floats.
constexpr int64_t kChunkRows = 100'000;
constexpr int64_t kChunkBytes = kChunkRows * (kInputs + kOutputs) * 4;

// A disk with room for `chunks` chunks before what is kept free of it.
class Disk {
 public:
  Disk(int64_t total, int64_t chunks)
      : space_{SpoolFile::KeptFree(total) + chunks * kChunkBytes, total} {}
  LookAtDisk Look() {
    return [this](int descriptor) {
      ++looks_;
      struct stat file {};
      fstat(descriptor, &file);
      return DiskSpace{space_.free - file.st_size, space_.total};
    };
  }
  int64_t looks() const { return looks_; }

 private:
  const DiskSpace space_;
  int64_t looks_ = 0;
};

TEST_F(FileSpoolTest, LeavesRoomForTheLog) {
  for (const int64_t total : {int64_t{100} << 20, int64_t{252} << 30}) {
    Disk disk(total, 3);
    const auto spool = *FileSpool::Create(folder_, kInputs, kOutputs, disk.Look());
    absl::Status status;
    int64_t chunks = 0;
    for (; status.ok() && chunks < 10; ++chunks) {
      status = spool->Append(Chunk({}, 0, kChunkRows).get());
    }
    EXPECT_EQ(chunks, 4);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(engine::GetErrorDetail(status).reason, "STORAGE_FAILED");
    EXPECT_THAT(std::string(status.message()),
                ContainsRegex(absl::StrCat("the spool of this call: [0-9]+ bytes are free on its "
                                           "disk, and ",
                                           SpoolFile::KeptFree(total),
                                           " are kept free for the log; nothing was learned")));
    EXPECT_EQ(spool->Finish().status(), status);
  }
}

TEST_F(FileSpoolTest, LooksAtTheDiskOnceAMebibyte) {
  Disk disk(int64_t{1} << 40, 100);
  const auto spool = *FileSpool::Create(folder_, kInputs, kOutputs, disk.Look());
  for (int64_t row = 0; row < kChunkRows; ++row) {
    ASSERT_TRUE(spool->Append(Chunk({}, row, 1).get()).ok());
  }
  ASSERT_TRUE(spool->Finish().ok());
  EXPECT_EQ(disk.looks(), kChunkBytes / (1 << 20) + 1);
}

TEST_F(FileSpoolTest, ADiskThatDoesNotSayItsSizeIsWrittenTo) {
  const auto spool =
      *FileSpool::Create(folder_, kInputs, kOutputs, [](int) { return DiskSpace(); });
  ASSERT_TRUE(spool->Append(Chunk({}, 0, kChunkRows).get()).ok());
  EXPECT_TRUE(spool->Finish().ok());
}

TEST_F(FileSpoolTest, ASmallDiskHasRoomForSpools) {
  for (const int64_t total : {int64_t{1}, int64_t{1} << 20, int64_t{1} << 30, int64_t{1} << 40}) {
    EXPECT_LE(SpoolFile::KeptFree(total), total / 10);
  }
  EXPECT_EQ(SpoolFile::KeptFree(int64_t{1} << 40), int64_t{256} << 20);
}

TEST_F(FileSpoolTest, TheRealDiskSaysWhatIsFree) {
  const int descriptor = open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_GE(descriptor, 0);
  const DiskSpace disk = SpaceOfDisk(descriptor);
  close(descriptor);
  const auto told = std::filesystem::space(folder_);
  EXPECT_EQ(disk.total, static_cast<int64_t>(told.capacity));
  EXPECT_GT(disk.free, 0);
  EXPECT_LE(disk.free, disk.total);
  EXPECT_EQ(SpaceOfDisk(-1).total, 0);
}

TEST_F(FileSpoolTest, AFileThatLostItsRowsIsToldAndEndsNothing) {
  const auto spool = Make();
  ASSERT_TRUE(spool->Append(Chunk({.weighted = true}, 0, 100'000).get()).ok());
  const auto rows = *spool->Finish();
  const auto stage = rows->NewStage();
  Truncate();
  const std::vector<int64_t> order = {5, 90'000};
  absl::Status status = stage->Start(order);
  if (status.ok()) status = stage->Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(engine::GetErrorDetail(status).reason, "STORAGE_FAILED");
  EXPECT_THAT(std::string(status.message()), HasSubstr("read: it ends too early"));
  double sum = 0;
  EXPECT_EQ(rows->AddWeights(order, &sum), status);
}

TEST_F(FileSpoolTest, AFolderThatIsNotThereIsNamed) {
  const absl::Status status = FileSpool::Create(folder_ / "none", kInputs, kOutputs).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("none"));
}

}  // namespace
}  // namespace chainrule::server
