// Data folders that earlier releases wrote open in this one, with all that is in them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/check_folder.h"
#include "server/store/folder_store.h"
#include "tests/golden/data_folder_sample.h"

namespace chainrule::server {
namespace {

class FrozenFolderTest : public testing::TestWithParam<const char*> {
 protected:
  FrozenFolderTest() {
    options_.folder = absl::StrCat(testing::TempDir(), "/frozen-", getpid());
    std::filesystem::remove_all(options_.folder);
    std::filesystem::copy(absl::StrCat(CHAINRULE_SOURCE_DIR, "/tests/golden/", GetParam()),
                          options_.folder, std::filesystem::copy_options::recursive);
  }
  ~FrozenFolderTest() override { std::filesystem::remove_all(options_.folder); }

  FolderStore::Options options_;
};

void ExpectSame(const Checkpoint& checkpoint, const Checkpoint& expected) {
  EXPECT_THAT(checkpoint.state.parameters->span(),
              testing::ElementsAreArray(expected.state.parameters->span()));
  EXPECT_THAT(checkpoint.state.optimizer->span(),
              testing::ElementsAreArray(expected.state.optimizer->span()));
  const engine::Normalization& normalization = *checkpoint.state.normalization;
  EXPECT_EQ(normalization.inputs.mean, expected.state.normalization->inputs.mean);
  EXPECT_EQ(normalization.targets.scale, expected.state.normalization->targets.scale);
  EXPECT_EQ(checkpoint.state.step, 12);
  EXPECT_EQ(checkpoint.state.optimizer_steps, 11);
  EXPECT_EQ(checkpoint.window, expected.window);
  EXPECT_EQ(checkpoint.metadata, expected.metadata);
}

TEST_P(FrozenFolderTest, IsSound) {
  const absl::StatusOr<FolderReport> report = CheckFolder(options_.folder, &PosixFileSystem());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->findings, testing::IsEmpty());
  EXPECT_EQ(report->files, 2);
}

TEST_P(FrozenFolderTest, OpensWithAllThatIsInIt) {
  const auto store = FolderStore::Open(options_, &PosixFileSystem());
  ASSERT_TRUE(store.ok()) << store.status();
  const StoredModel model = (*store)->Models()->at(0);
  const StoreChange expected = SampleChange(model.checkpoint.weights, {});
  EXPECT_EQ(model.facts.uid, kSampleUid);
  EXPECT_EQ(model.facts.id, "iris");
  EXPECT_EQ(model.facts.spec, expected.put_model->spec);
  EXPECT_EQ(model.facts.labels, expected.put_model->labels);
  EXPECT_EQ(model.facts.aliases, expected.put_model->aliases);
  EXPECT_EQ(model.facts.revision, 5);
  EXPECT_EQ(model.facts.last_version, 2);
  EXPECT_EQ(model.facts.create_time, expected.put_model->create_time);
  ASSERT_EQ(model.versions.size(), 1U);
  EXPECT_EQ(model.versions[0].labels, expected.put_version->version.labels);
  ExpectSame(*(*store)->ReadWeights(model.checkpoint.weights, SampleNetwork()),
             SampleCheckpoint(1));
  ExpectSame(*(*store)->ReadWeights(model.versions[0].weights, SampleNetwork()),
             SampleCheckpoint(1000));
  const StoredRequest request = (*store)->Requests()->requests.at(0);
  EXPECT_EQ(request.id, expected.put_request->id);
  EXPECT_EQ(request.digest, expected.put_request->digest);
  EXPECT_EQ(request.outcome, expected.put_request->outcome);
}

TEST_P(FrozenFolderTest, ItsLogIsReadAndGoesOn) {
  const auto store = FolderStore::Open(options_, &PosixFileSystem());
  ASSERT_TRUE(store.ok()) << store.status();
  std::vector<std::string> records;
  LogFindings found;
  const auto visit = [&](const LogRecord& record) {
    records.emplace_back(record.payload);
    EXPECT_EQ(*(*store)->ReadRecord(record.place), record.payload);
    return absl::OkStatus();
  };
  const auto log = (*store)->OpenLog(visit, &found);
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ(records, SampleRecords());
  EXPECT_THAT(found.damage, testing::IsEmpty());
  EXPECT_EQ(found.torn_tail, "");
  EXPECT_EQ((*log)->Append({}, "third", [](absl::Status, uint64_t) {}), 3U);
}

INSTANTIATE_TEST_SUITE_P(Formats, FrozenFolderTest,
                         testing::Values("data_folder_1", "data_folder_3"));

}  // namespace
}  // namespace chainrule::server
