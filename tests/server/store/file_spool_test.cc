#include "server/store/file_spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <vector>

#include "engine/core/error.h"

namespace chainrule::server {
namespace {

using engine::ElementType;
using engine::ExampleChunk;

class FileSpoolTest : public ::testing::Test {
 protected:
  FileSpoolTest() { std::filesystem::create_directories(folder_); }
  ~FileSpoolTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<engine::RowSpool> Make() const {
    auto spool = FileSpool::Create(folder_);
    EXPECT_TRUE(spool.ok()) << spool.status();
    return *std::move(spool);
  }

  const std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) /
      ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(FileSpoolTest, GivesTheRowsBackAsTheyCame) {
  const std::vector<uint8_t> pixels = {1, 2, 3, 4, 5, 6};
  const std::vector<int32_t> classes = {0, 2};
  const std::vector<float> weights = {0.5F, 2};
  const std::vector<double> inputs = {1.5, 2.5, 3.5};
  const std::vector<float> targets = {9};
  std::vector<ExampleChunk> chunks;
  {
    const auto spool = Make();
    ExampleChunk bytes;
    bytes.rows = 2;
    bytes.inputs = {ElementType::kUint8, pixels.data(), 3};
    bytes.class_ids = classes;
    bytes.sample_weights = {ElementType::kFloat32, weights.data(), 1};
    ASSERT_TRUE(spool->Append(bytes).ok());
    ExampleChunk doubles;
    doubles.rows = 1;
    doubles.inputs = {ElementType::kFloat64, inputs.data(), 3};
    doubles.targets = {ElementType::kFloat32, targets.data(), 1};
    ASSERT_TRUE(spool->Append(doubles).ok());
    chunks = *spool->Read();
  }
  ASSERT_EQ(chunks.size(), 2u);
  std::vector<float> row(3);
  chunks[0].inputs.CopyRow(1, row);
  EXPECT_THAT(row, ::testing::ElementsAre(4, 5, 6));
  EXPECT_THAT(chunks[0].class_ids, ::testing::ElementsAre(0, 2));
  EXPECT_EQ(chunks[0].sample_weights.ElementAt(1), 2);
  EXPECT_EQ(chunks[0].targets.data, nullptr);
  chunks[1].inputs.CopyRow(0, row);
  EXPECT_THAT(row, ::testing::ElementsAre(1.5F, 2.5F, 3.5F));
  EXPECT_EQ(chunks[1].targets.ElementAt(0), 9);
  EXPECT_EQ(chunks[1].sample_weights.data, nullptr);
}

TEST_F(FileSpoolTest, KeepsManySmallChunksAndLargeOnesInOrder) {
  const auto spool = Make();
  std::vector<float> large(500'000);
  for (size_t i = 0; i < 2'000; ++i) {
    const std::vector<float> small = {static_cast<float>(i)};
    large[0] = static_cast<float>(i);
    ExampleChunk chunk;
    chunk.rows = 1;
    chunk.inputs = i % 500 == 7 ? engine::ElementRows{ElementType::kFloat32, large.data(), 500'000}
                                : engine::ElementRows{ElementType::kFloat32, small.data(), 1};
    chunk.targets = {ElementType::kFloat32, small.data(), 1};
    ASSERT_TRUE(spool->Append(chunk).ok());
  }
  const auto chunks = spool->Read();
  ASSERT_EQ(chunks->size(), 2'000u);
  for (size_t i = 0; i < 2'000; ++i) {
    EXPECT_EQ((*chunks)[i].inputs.ElementAt(0), static_cast<double>(i));
    EXPECT_EQ((*chunks)[i].targets.ElementAt(0), static_cast<double>(i));
  }
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
  const std::vector<float> rows(500'000);
  ExampleChunk chunk;
  chunk.rows = 500'000;
  chunk.inputs = {ElementType::kFloat32, rows.data(), 1};
  const absl::Status status = spool->Append(chunk);
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(engine::GetErrorDetail(status).reason, "STORAGE_FAILED");
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("nothing was learned"));
  EXPECT_EQ(spool->Read().status(), status);
}

TEST_F(FileSpoolTest, AFolderThatIsNotThereIsNamed) {
  const absl::Status status = FileSpool::Create(folder_ / "none").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("none"));
}

}  // namespace
}  // namespace chainrule::server
