// What every store does.
#include "server/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/core/error.h"
#include "engine/core/mutex.h"
#include "tests/server/store/stores.h"

namespace chainrule::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kUid[] = "uid-1";

using Records = std::vector<std::pair<uint64_t, std::string>>;

ModelFacts TestFacts(const std::string& uid, const std::string& id) {
  ModelFacts facts;
  facts.uid = uid;
  facts.id = id;
  facts.spec = R"({"layers":[]})";
  facts.labels = {{"team", "ä\"quotes'"}, {"empty", ""}};
  facts.aliases = {{"prod", 3}};
  facts.revision = 7;
  facts.last_version = 4;
  facts.create_time = absl::FromUnixNanos(1'700'000'000'123'456'789);
  facts.update_time = absl::FromUnixNanos(1'700'000'001'000'000'001);
  return facts;
}

StoreChange NewModel(const std::string& uid, const std::string& id, const WeightsFile& weights) {
  StoreChange change;
  change.put_model = TestFacts(uid, id);
  change.put_checkpoint = {uid, {12, 34, weights}};
  return change;
}

StoredRequest TestRequest(const std::string& id, int64_t second) {
  return {id, {~uint64_t{0}, 5}, absl::FromUnixSeconds(second), std::string("out\0come", 8)};
}

class StoreTest : public testing::TestWithParam<std::function<std::unique_ptr<StoreKind>()>> {
 protected:
  Store& Open() { return kind_->Open(); }
  WeightsFile Write(Store& store, float salt = 0) {
    absl::StatusOr<WeightsFile> file =
        store.WriteWeights(kUid, "checkpoint", network_, TestCheckpoint(network_, salt));
    EXPECT_TRUE(file.ok()) << file.status();
    return *file;
  }
  Records Reopen(std::unique_ptr<Log>* log) {
    Records records;
    log->reset();
    const auto visit = [&](const LogRecord& record) {
      records.emplace_back(record.sequence, std::string(record.payload));
      return absl::OkStatus();
    };
    absl::StatusOr<std::unique_ptr<Log>> opened = Open().OpenLog(visit, nullptr);
    EXPECT_TRUE(opened.ok()) << opened.status();
    *log = *std::move(opened);
    return records;
  }

  const std::unique_ptr<StoreKind> kind_ = GetParam()();
  const engine::Network network_ = TestNetwork();
};

TEST_P(StoreTest, IsEmptyAtFirst) {
  Store& store = Open();
  EXPECT_THAT(*store.Models(), IsEmpty());
  EXPECT_THAT(store.Requests()->requests, IsEmpty());
  EXPECT_FALSE(store.incarnation().empty());
}

TEST_P(StoreTest, KeepsAModelsFacts) {
  const WeightsFile weights = Write(Open());
  ASSERT_TRUE(Open().Apply(NewModel(kUid, "iris", weights)).ok());
  const std::vector<StoredModel> models = *Open().Models();
  ASSERT_EQ(models.size(), 1U);
  const ModelFacts expected = TestFacts(kUid, "iris");
  const ModelFacts& facts = models[0].facts;
  EXPECT_EQ(facts.uid, expected.uid);
  EXPECT_EQ(facts.id, expected.id);
  EXPECT_EQ(facts.spec, expected.spec);
  EXPECT_EQ(facts.labels, expected.labels);
  EXPECT_EQ(facts.aliases, expected.aliases);
  EXPECT_EQ(facts.revision, expected.revision);
  EXPECT_EQ(facts.last_version, expected.last_version);
  EXPECT_EQ(facts.create_time, expected.create_time);
  EXPECT_EQ(facts.update_time, expected.update_time);
  EXPECT_EQ(models[0].checkpoint.step, 12);
  EXPECT_EQ(models[0].checkpoint.sequence, 34U);
  EXPECT_EQ(models[0].checkpoint.weights.name, weights.name);
  EXPECT_EQ(models[0].checkpoint.weights.digest, weights.digest);
  EXPECT_EQ(models[0].checkpoint.weights.bytes, weights.bytes);
  EXPECT_THAT(models[0].versions, IsEmpty());
}

TEST_P(StoreTest, PuttingAModelAgainLeavesItsCheckpointAndVersions) {
  StoreChange change = NewModel(kUid, "iris", Write(Open()));
  change.put_version = {kUid, {1, 5, {}, absl::FromUnixSeconds(3), {}}};
  ASSERT_TRUE(Open().Apply(change).ok());
  StoreChange again;
  again.put_model = TestFacts(kUid, "iris");
  again.put_model->aliases.clear();
  ASSERT_TRUE(Open().Apply(again).ok());
  const std::vector<StoredModel> models = *Open().Models();
  ASSERT_EQ(models.size(), 1U);
  EXPECT_THAT(models[0].facts.aliases, IsEmpty());
  EXPECT_EQ(models[0].checkpoint.sequence, 34U);
  EXPECT_EQ(models[0].versions.size(), 1U);
}

TEST_P(StoreTest, KeepsVersionsByNumber) {
  const StoreChange create = NewModel(kUid, "iris", Write(Open()));
  ASSERT_TRUE(Open().Apply(create).ok());
  for (const int64_t number : {2, 1, 3}) {
    StoreChange change;
    change.put_version = {kUid,
                          {number,
                           10 * number,
                           {{"n", "v"}},
                           absl::FromUnixSeconds(number),
                           {absl::StrCat("file", number), "digest", 99}}};
    ASSERT_TRUE(Open().Apply(change).ok());
  }
  StoreChange remove;
  remove.remove_version = {kUid, 2};
  ASSERT_TRUE(Open().Apply(remove).ok());
  const StoredModel model = Open().Models()->at(0);
  ASSERT_EQ(model.versions.size(), 2U);
  EXPECT_EQ(model.versions[0].number, 1);
  EXPECT_EQ(model.versions[1].number, 3);
  EXPECT_EQ(model.versions[1].step, 30);
  EXPECT_EQ(model.versions[1].labels, (std::map<std::string, std::string>{{"n", "v"}}));
  EXPECT_EQ(model.versions[1].create_time, absl::FromUnixSeconds(3));
  EXPECT_EQ(model.versions[1].weights.name, "file3");
  EXPECT_EQ(model.versions[1].weights.bytes, 99);
}

TEST_P(StoreTest, RemovesAModelWithItsVersions) {
  StoreChange change = NewModel(kUid, "iris", Write(Open()));
  change.put_version = {kUid, {1, 5, {}, absl::FromUnixSeconds(3), {}}};
  ASSERT_TRUE(Open().Apply(change).ok());
  StoreChange remove;
  remove.remove_model = kUid;
  ASSERT_TRUE(Open().Apply(remove).ok());
  EXPECT_THAT(*Open().Models(), IsEmpty());
  // A successor of that name has none of them.
  ASSERT_TRUE(Open().Apply(NewModel("uid-2", "iris", {})).ok());
  EXPECT_THAT(Open().Models()->at(0).versions, IsEmpty());
}

TEST_P(StoreTest, AChangeOfAModelThatIsGoneChangesNothing) {
  StoreChange change;
  change.put_checkpoint = {"nobody", {}};
  change.put_request = TestRequest("r", 1);
  EXPECT_EQ(Open().Apply(change).code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Open().Requests()->requests, IsEmpty());
  StoreChange version;
  version.put_version = {"nobody", {}};
  EXPECT_EQ(Open().Apply(version).code(), absl::StatusCode::kNotFound);
}

TEST_P(StoreTest, TwoModelsDoNotShareAnId) {
  ASSERT_TRUE(Open().Apply(NewModel(kUid, "iris", {})).ok());
  StoreChange change = NewModel("uid-2", "iris", {});
  change.put_request = TestRequest("r", 1);
  EXPECT_EQ(Open().Apply(change).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Open().Models()->size(), 1U);
  EXPECT_THAT(Open().Requests()->requests, IsEmpty());
}

TEST_P(StoreTest, KeepsRequestsOldestFirst) {
  for (const int64_t second : {30, 10, 20}) {
    StoreChange change;
    change.put_request = TestRequest(absl::StrCat("r", second), second);
    ASSERT_TRUE(Open().Apply(change).ok());
  }
  StoreChange remove;
  remove.remove_requests = {"r10", "unknown"};
  remove.put_request = TestRequest("r40", 40);
  ASSERT_TRUE(Open().Apply(remove).ok());
  const std::vector<StoredRequest> requests = Open().Requests()->requests;
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[0].id, "r20");
  EXPECT_EQ(requests[1].id, "r30");
  EXPECT_EQ(requests[2].id, "r40");
  EXPECT_EQ(requests[0].digest, TestRequest("", 0).digest);
  EXPECT_EQ(requests[0].time, absl::FromUnixSeconds(20));
  EXPECT_EQ(requests[0].outcome, TestRequest("", 0).outcome);
}

TEST_P(StoreTest, KeepsUntilWhenRequestsAreForgotten) {
  EXPECT_EQ(Open().Requests()->forgotten_until, absl::InfinitePast());
  for (const int64_t second : {5, 7}) {
    StoreChange change;
    change.requests_forgotten_until = absl::FromUnixSeconds(second);
    ASSERT_TRUE(Open().Apply(change).ok());
    ASSERT_TRUE(Open().Apply(StoreChange()).ok());
    EXPECT_EQ(Open().Requests()->forgotten_until, absl::FromUnixSeconds(second));
  }
}

TEST_P(StoreTest, ReadsBackTheNumbersItWrote) {
  Store& store = Open();
  const WeightsFile first = Write(store, 0);
  const WeightsFile second = Write(store, 1);
  EXPECT_NE(first.name, second.name);
  EXPECT_EQ(first.digest.size(), 32U);
  // Files that no fact names go at an opening.
  StoreChange change = NewModel(kUid, "iris", first);
  change.put_version = {kUid, {1, 41, {}, absl::UnixEpoch(), second}};
  ASSERT_TRUE(store.Apply(change).ok());
  Store& again = Open();
  const absl::StatusOr<Checkpoint> read = again.ReadWeights(first, network_);
  ASSERT_TRUE(read.ok()) << read.status();
  const Checkpoint expected = TestCheckpoint(network_, 0);
  ExpectSameState(read->state, expected.state);
  EXPECT_EQ(read->window, expected.window);
  EXPECT_EQ(read->metadata, expected.metadata);
  ExpectSameState(again.ReadWeights(second, network_)->state, TestState(network_, 1));
}

TEST_P(StoreTest, SaysWhichFileIsGoneOrOfAnotherNetwork) {
  Store& store = Open();
  const WeightsFile file = Write(store);
  const absl::Status other = store.ReadWeights(file, TestNetwork(100)).status();
  EXPECT_EQ(other.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(engine::GetErrorDetail(other).reason, "MODEL_DAMAGED");
  EXPECT_THAT(std::string(other.message()), HasSubstr(file.name));
  store.RemoveWeights(file);
  const absl::Status gone = store.ReadWeights(file, network_).status();
  EXPECT_EQ(gone.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(gone.message()), HasSubstr(file.name));
}

TEST_P(StoreTest, ReadsTheLogFromItsBeginning) {
  std::unique_ptr<Log> log;
  EXPECT_THAT(Reopen(&log), IsEmpty());
  const auto ok = [](const absl::Status& status, uint64_t) { EXPECT_TRUE(status.ok()) << status; };
  EXPECT_EQ(log->Append({kUid, 1, 2}, "one", ok), 1U);
  EXPECT_EQ(log->Append({kUid, 1, 2}, "two", ok), 2U);
  ASSERT_TRUE(log->Flush().ok());
  EXPECT_EQ(log->synced(), 2U);
  EXPECT_THAT(Reopen(&log), ElementsAre(std::pair(1U, "one"), std::pair(2U, "two")));
  EXPECT_EQ(log->Append({kUid, 1, 2}, "three", ok), 3U);
  EXPECT_THAT(Reopen(&log),
              ElementsAre(std::pair(1U, "one"), std::pair(2U, "two"), std::pair(3U, "three")));
}

TEST_P(StoreTest, ForgetsRecordsInSegmentsThatWereRemoved) {
  std::unique_ptr<Log> log;
  Reopen(&log);
  const auto ignore = [](const absl::Status&, uint64_t) {};
  log->Append({kUid, 1, 2}, "one", ignore);
  const absl::StatusOr<uint64_t> next = log->Rotate();
  ASSERT_TRUE(next.ok());
  EXPECT_EQ(*next, 2U);
  log->Append({kUid, 1, 2}, "two", ignore);
  ASSERT_TRUE(log->RemoveBefore(*next, {}).ok());
  EXPECT_THAT(Reopen(&log), ElementsAre(std::pair(2U, "two")));
}

TEST_P(StoreTest, SequencesGoOnWhenTheLogIsEmpty) {
  std::unique_ptr<Log> log;
  Reopen(&log);
  log->Append({kUid, 1, 2}, "one", [](const absl::Status&, uint64_t) {});
  ASSERT_TRUE(log->RemoveBefore(*log->Rotate(), {}).ok());
  EXPECT_THAT(Reopen(&log), IsEmpty());
  EXPECT_EQ(log->Append({kUid, 1, 2}, "two", [](const absl::Status&, uint64_t) {}), 2U);
}

TEST_P(StoreTest, AnErrorOfTheVisitorIsTheOpenings) {
  std::unique_ptr<Log> log;
  Reopen(&log);
  log->Append({kUid, 1, 2}, "one", [](const absl::Status&, uint64_t) {});
  log.reset();
  Store& store = Open();
  const auto refuse = [](const LogRecord&) { return absl::DataLossError("no"); };
  EXPECT_EQ(store.OpenLog(refuse, nullptr).status().code(), absl::StatusCode::kDataLoss);
}

INSTANTIATE_TEST_SUITE_P(Memory, StoreTest,
                         testing::Values([] { return std::make_unique<MemoryKind>(); }));

INSTANTIATE_TEST_SUITE_P(Folder, StoreTest,
                         testing::Values([] { return std::make_unique<FolderKind>(); }));

}  // namespace
}  // namespace chainrule::server
