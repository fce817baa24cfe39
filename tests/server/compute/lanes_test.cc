#include "server/compute/lanes.h"

#include <atomic>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/models/test_models.h"

namespace chainrule::server {
namespace {

// More than any test waits for: such a training is still running when another ends.
constexpr int64_t kEndless = 1'000'000'000;

class LanesTest : public ::testing::Test {
 protected:
  engine::Executor executor_{2};
};

TEST_F(LanesTest, ModelsTakeTurnsOnOneLane) {
  TrainingLanes lanes(1, &executor_);
  const auto busy = MakeModel(&lanes);
  const auto other = MakeModel(&lanes);
  Answer<TrainReply> endless, short_one;
  busy->Train(TestCall(kEndless, &endless));
  other->Train(TestCall(3, &short_one));
  EXPECT_TRUE(short_one.Get().ok()) << short_one.status();
  EXPECT_FALSE(endless.ready());
  busy->Stop();
  EXPECT_EQ(Reason(endless.status()), "STOPPING");
}

TEST_F(LanesTest, CallCancelledBehindATrainingEndsSoon) {
  TrainingLanes lanes(1, &executor_);
  const auto model = MakeModel(&lanes);
  Answer<TrainReply> endless, cancelled;
  model->Train(TestCall(kEndless, &endless));
  TrainCall call = TestCall(1, &cancelled);
  const auto cancellation = call.write.cancellation;
  model->Train(std::move(call));
  cancellation->Cancel();
  EXPECT_EQ(cancelled.status().code(), absl::StatusCode::kCancelled);
  EXPECT_FALSE(endless.ready());
  model->Stop();
  EXPECT_EQ(Reason(endless.status()), "STOPPING");
}

TEST_F(LanesTest, DeleteEndsATrainingThatRuns) {
  TrainingLanes lanes(2, &executor_);
  const auto model = MakeModel(&lanes);
  Answer<TrainReply> running, waiting;
  std::atomic<bool> began = false;
  TrainCall call = TestCall(kEndless, &running);
  call.on_epoch = [&](const engine::EpochReport&) { began = true; };
  model->Train(std::move(call));
  model->Train(TestCall(1, &waiting));
  while (!began) std::this_thread::yield();
  ASSERT_TRUE(model->Delete("").ok());
  EXPECT_EQ(Reason(running.status()), "MODEL_DELETED");
  EXPECT_EQ(Reason(waiting.status()), "MODEL_DELETED");
}

TEST_F(LanesTest, DestructorRunsWhatIsScheduled) {
  std::vector<Answer<TrainReply>> answers(20);
  {
    TrainingLanes lanes(2, &executor_);
    for (Answer<TrainReply>& answer : answers) MakeModel(&lanes)->Train(TestCall(2, &answer));
  }
  for (const Answer<TrainReply>& answer : answers) {
    ASSERT_TRUE(answer.ready());
    EXPECT_EQ(answer.Get()->model_step, 6);
  }
}

TEST_F(LanesTest, CallsOfManyThreadsEachTakeTheirSteps) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 25;
  TrainingLanes lanes(2, &executor_);
  const auto model = MakeModel(&lanes);
  std::vector<std::thread> callers;
  for (int i = 0; i < kThreads; ++i) {
    callers.emplace_back([&] {
      int64_t last = 0;
      for (int call = 0; call < kCalls; ++call) {
        Answer<TrainReply> answer;
        model->Train(OneStep(&answer));
        EXPECT_GT(answer.Get()->model_step, last);
        last = answer.Get()->model_step;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(model->Describe().step, kThreads * kCalls);
}

// The parameters after each step of the same training, a slice at a time.
std::map<int64_t, std::vector<float>> PublishedSteps(int64_t epochs) {
  ManualScheduler scheduler;
  const auto model = MakeModel(&scheduler);
  Answer<TrainReply> answer;
  model->Train(TestCall(epochs, &answer));
  std::map<int64_t, std::vector<float>> steps;
  steps[0] = Parameters(*model);
  while (!scheduler.idle()) {
    scheduler.RunOne();
    steps[model->snapshot()->step()] = Parameters(*model);
  }
  return steps;
}

TEST_F(LanesTest, ReadersOnlySeeWholeSteps) {
  constexpr int64_t kEpochs = 300;
  const auto steps = PublishedSteps(kEpochs);
  TrainingLanes lanes(1, &executor_);
  const auto model = MakeModel(&lanes);
  std::atomic<bool> finished = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      int64_t last = 0;
      while (!finished) {
        const auto snapshot = model->snapshot();
        EXPECT_GE(snapshot->step(), last);
        last = snapshot->step();
        EXPECT_EQ(Parameters(*snapshot), steps.at(last)) << "at step " << last;
      }
    });
  }
  Answer<TrainReply> answer;
  TrainCall call = TestCall(kEpochs, &answer);
  // An epoch's report is preceded by publishing.
  call.on_epoch = [](const engine::EpochReport&) { std::this_thread::yield(); };
  model->Train(std::move(call));
  EXPECT_EQ(answer.Get()->model_step, 3 * kEpochs);
  finished = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(Parameters(*model), steps.at(3 * kEpochs));
}

}  // namespace
}  // namespace chainrule::server
