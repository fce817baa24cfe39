#include "server/models/registry.h"

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/models/test_models.h"

namespace chainrule::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr char kId[] = "919108f7-52d1-4320-9bac-f847db4148a8";
using Labels = std::map<std::string, std::string>;

class RegistryTest : public ::testing::Test {
 protected:
  absl::StatusOr<Registry::Result> Create(const std::string& id, Registry::Request request = {}) {
    return registry_.Create(id, TestSettings(), {}, {}, request);
  }
  std::string EtagOf(const std::string& id) { return (*registry_.Find(id))->Describe().etag; }

  static Limits SmallLimits() {
    Limits limits;
    limits.max_models = 4;
    return limits;
  }
  ManualScheduler scheduler_;
  Registry registry_{SmallLimits(), &scheduler_};
};

std::vector<std::string> Ids(const Registry::Page& page) {
  std::vector<std::string> ids;
  for (const ModelDescription& model : page.models) ids.push_back(model.id);
  return ids;
}

TEST_F(RegistryTest, CreatedModelIsFoundAsDescribed) {
  const auto created = registry_.Create("iris", TestSettings(), {}, {{"team", "a"}}, {});
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_FALSE(created->replayed);
  const ModelDescription found = (*registry_.Find("iris"))->Describe();
  EXPECT_EQ(found.id, "iris");
  EXPECT_EQ(found.uid, created->model.uid);
  EXPECT_EQ(found.etag, created->model.etag);
  EXPECT_EQ(found.step, 0);
  EXPECT_EQ(found.durable_step, 0);
  EXPECT_EQ(found.parameter_count, (3 + 1) * 5 + (5 + 1) * 2);
  EXPECT_THAT(found.labels, ElementsAre(Pair("team", "a")));
  EXPECT_EQ(registry_.size(), 1);
}

TEST_F(RegistryTest, SameSpecAndSeedGiveTheSameBits) {
  ASSERT_TRUE(Create("a").ok());
  ASSERT_TRUE(Create("b").ok());
  EXPECT_EQ(Parameters(**registry_.Find("a")), Parameters(**registry_.Find("b")));
}

TEST_F(RegistryTest, TakenNameIsRefused) {
  ASSERT_TRUE(Create("iris").ok());
  const absl::Status status = Create("iris").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Reason(status), "MODEL_EXISTS");
  EXPECT_EQ(engine::GetErrorDetail(status).resource_name, "models/iris");
}

TEST_F(RegistryTest, UnknownNameIsNotFound) {
  const absl::Status status = registry_.Find("iris").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Reason(status), "MODEL_NOT_FOUND");
  EXPECT_EQ(Metadata(status, "model"), "models/iris");
  EXPECT_EQ(engine::GetErrorDetail(status).resource_name, "models/iris");
  EXPECT_EQ(registry_.UpdateModel("iris", "", {}, {}).status(), status);
  EXPECT_EQ(registry_.Delete("iris", "", {}).status(), status);
}

TEST_F(RegistryTest, ModelsBeyondTheLimitAreRefused) {
  for (const char* id : {"a", "b", "c", "d"}) ASSERT_TRUE(Create(id).ok());
  const absl::Status status = Create("e").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Reason(status), "LIMIT_EXCEEDED");
  EXPECT_EQ(Metadata(status, "limit"), "max_models");
  EXPECT_EQ(Metadata(status, "maximum"), "4");
  ASSERT_TRUE(registry_.Delete("b", "", {}).ok());
  EXPECT_TRUE(Create("e").ok());
}

TEST_F(RegistryTest, ValidateSaysWhatWouldBeAndCreatesNothing) {
  const auto validated = registry_.Validate("iris", TestSettings(), {}, {});
  ASSERT_TRUE(validated.ok());
  EXPECT_EQ(registry_.size(), 0);
  const auto created = Create("iris");
  EXPECT_EQ(validated->parameter_count, created->model.parameter_count);
  EXPECT_EQ(validated->memory_bytes, created->model.memory_bytes);
  const auto again = registry_.Validate("iris", TestSettings(), {}, {});
  EXPECT_EQ(Reason(again.status()), "MODEL_EXISTS");
}

TEST_F(RegistryTest, PagesListEachModelOnceById) {
  for (const char* id : {"c", "a", "d", "b"}) ASSERT_TRUE(Create(id).ok());
  const Registry::Page first = registry_.List("", 2);
  EXPECT_THAT(Ids(first), ElementsAre("a", "b"));
  const Registry::Page second = registry_.List(first.next_after, 2);
  EXPECT_THAT(Ids(second), ElementsAre("c", "d"));
  EXPECT_THAT(second.next_after, IsEmpty());
}

TEST_F(RegistryTest, PageGoesOnAfterAModelThatWasDeletedMeanwhile) {
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(Create(id).ok());
  const Registry::Page first = registry_.List("", 1);
  ASSERT_TRUE(registry_.Delete(first.next_after, "", {}).ok());
  EXPECT_THAT(Ids(registry_.List(first.next_after, 5)), ElementsAre("b", "c"));
}

TEST_F(RegistryTest, EtagChangesWithLabelsAndSettingsAndNotWithTraining) {
  ASSERT_TRUE(Create("iris").ok());
  const std::string first = EtagOf("iris");
  Answer<TrainReply> answer;
  (*registry_.Find("iris"))->Train(OneStep(&answer));
  scheduler_.RunAll();
  EXPECT_EQ(EtagOf("iris"), first);
  const auto labelled = registry_.UpdateModel("iris", first, {.labels = Labels{{"k", "v"}}}, {});
  ASSERT_TRUE(labelled.ok()) << labelled.status();
  EXPECT_NE(labelled->model.etag, first);
  const auto slower = registry_.UpdateModel("iris", "", {.learning_rate = 0.5}, {});
  EXPECT_NE(slower->model.etag, labelled->model.etag);
  EXPECT_EQ(slower->model.settings->network.optimizer.learning_rate, 0.5);
  EXPECT_THAT(slower->model.labels, ElementsAre(Pair("k", "v")));
}

TEST_F(RegistryTest, OldEtagChangesNothing) {
  ASSERT_TRUE(Create("iris").ok());
  const std::string old = EtagOf("iris");
  ASSERT_TRUE(registry_.UpdateModel("iris", old, {.labels = Labels{{"k", "v"}}}, {}).ok());
  const auto update = registry_.UpdateModel("iris", old, {.labels = Labels{}}, {});
  EXPECT_EQ(update.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(Reason(update.status()), "ETAG_MISMATCH");
  EXPECT_EQ(Metadata(update.status(), "etag"), EtagOf("iris"));
  EXPECT_EQ(Reason(registry_.Delete("iris", old, {}).status()), "ETAG_MISMATCH");
  EXPECT_THAT((*registry_.Find("iris"))->Describe().labels, ElementsAre(Pair("k", "v")));
  EXPECT_TRUE(registry_.Delete("iris", EtagOf("iris"), {}).ok());
}

TEST_F(RegistryTest, SuccessorOfTheSameNameHasAnotherUidAndEtag) {
  const auto first = Create("iris");
  ASSERT_TRUE(registry_.Delete("iris", "", {}).ok());
  const auto second = Create("iris");
  EXPECT_NE(first->model.uid, second->model.uid);
  EXPECT_NE(first->model.etag, second->model.etag);
  EXPECT_EQ(first->model.incarnation, second->model.incarnation);
}

TEST_F(RegistryTest, RepeatedCreateReturnsTheFirstAnswer) {
  const Registry::Request request{kId, {1, 1}};
  const auto first = Create("iris", request);
  ASSERT_TRUE(registry_.UpdateModel("iris", "", {.labels = Labels{{"k", "v"}}}, {}).ok());
  const auto repeat = Create("iris", request);
  ASSERT_TRUE(repeat.ok()) << repeat.status();
  EXPECT_TRUE(repeat->replayed);
  EXPECT_EQ(repeat->model.uid, first->model.uid);
  EXPECT_EQ(repeat->model.etag, first->model.etag);
}

TEST_F(RegistryTest, RepeatedDeleteIsOkAlsoIfTheNameIsInUseAgain) {
  const Registry::Request request{kId, {1, 1}};
  ASSERT_TRUE(Create("iris").ok());
  EXPECT_FALSE(*registry_.Delete("iris", "", request));
  ASSERT_TRUE(Create("iris").ok());
  EXPECT_TRUE(*registry_.Delete("iris", "", request));
  EXPECT_EQ(registry_.size(), 1);
}

TEST_F(RegistryTest, RepeatedUpdateIsAppliedOnce) {
  const Registry::Request request{kId, {1, 1}};
  ASSERT_TRUE(Create("iris").ok());
  const std::string etag = EtagOf("iris");
  ASSERT_TRUE(registry_.UpdateModel("iris", etag, {.labels = Labels{}}, request).ok());
  const auto repeat = registry_.UpdateModel("iris", etag, {.labels = Labels{}}, request);
  ASSERT_TRUE(repeat.ok()) << repeat.status();
  EXPECT_TRUE(repeat->replayed);
}

TEST_F(RegistryTest, IdWithOtherContentOrOfAnotherCallIsRefused) {
  ASSERT_TRUE(Create("iris", {kId, {1, 1}}).ok());
  EXPECT_EQ(Reason(Create("other", {kId, {1, 2}}).status()), "REQUEST_ID_REUSED");
  EXPECT_EQ(Reason(registry_.Delete("iris", "", {kId, {1, 1}}).status()), "REQUEST_ID_REUSED");
  EXPECT_EQ(registry_.size(), 1);
}

TEST_F(RegistryTest, CallThatFailedIsTriedAgain) {
  const Registry::Request request{kId, {1, 1}};
  EXPECT_EQ(Reason(registry_.Delete("iris", "", request).status()), "MODEL_NOT_FOUND");
  ASSERT_TRUE(Create("iris").ok());
  EXPECT_FALSE(*registry_.Delete("iris", "", request));
}

TEST_F(RegistryTest, ConcurrentRepeatsCreateOneModel) {
  std::vector<std::string> uids(8);
  std::vector<std::thread> threads;
  for (std::string& uid : uids) {
    threads.emplace_back([&] { uid = Create("iris", {kId, {1, 1}})->model.uid; });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& uid : uids) EXPECT_EQ(uid, uids[0]);
  EXPECT_EQ(registry_.size(), 1);
}

TEST_F(RegistryTest, OnlyOneOfManyCreatesOfANameSucceeds) {
  std::atomic<int> created = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { created += Create("iris").ok() ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(created, 1);
}

TEST_F(RegistryTest, ListenerHearsOfCreationsAndDeletionsInOrder) {
  std::vector<std::pair<std::string, bool>> heard;
  registry_.SetListener([&](const std::string& id, ModelHealth health) {
    const bool exists = health == ModelHealth::kServing;
    EXPECT_EQ(registry_.Find(id).ok(), exists);
    heard.emplace_back(id, exists);
  });
  ASSERT_TRUE(Create("a").ok());
  ASSERT_TRUE(Create("b").ok());
  ASSERT_FALSE(Create("a").ok());
  ASSERT_TRUE(registry_.Delete("a", "", {}).ok());
  EXPECT_THAT(heard, ElementsAre(Pair("a", true), Pair("b", true), Pair("a", false)));
}

TEST_F(RegistryTest, DeleteEndsTheModelsTraining) {
  ASSERT_TRUE(Create("iris").ok());
  Answer<TrainReply> answer;
  (*registry_.Find("iris"))->Train(TestCall(1'000'000, &answer));
  scheduler_.RunOne();
  ASSERT_TRUE(registry_.Delete("iris", "", {}).ok());
  scheduler_.RunAll();
  EXPECT_EQ(Reason(answer.status()), "MODEL_DELETED");
}

TEST_F(RegistryTest, StopEndsTrainingsAndRefusesChanges) {
  ASSERT_TRUE(Create("iris").ok());
  Answer<TrainReply> answer;
  (*registry_.Find("iris"))->Train(TestCall(1'000'000, &answer));
  scheduler_.RunOne();
  registry_.Stop();
  scheduler_.RunAll();
  EXPECT_EQ(Reason(answer.status()), "STOPPING");
  EXPECT_EQ(Create("b").status().code(), absl::StatusCode::kUnavailable);
  const auto update = registry_.UpdateModel("iris", "", {.learning_rate = 1.0}, {});
  EXPECT_EQ(Reason(update.status()), "STOPPING");
  EXPECT_TRUE(registry_.Find("iris").ok());
}

}  // namespace
}  // namespace chainrule::server
