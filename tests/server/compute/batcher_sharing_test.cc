// Calls that share a batch: who shares with whom, and that nobody notices.
#include <limits>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/compute/batcher.h"
#include "server/compute/lanes.h"
#include "tests/server/compute/test_predictions.h"

namespace chainrule::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class BatcherSharingTest : public ::testing::Test {
 protected:
  // Queues a call behind the held worker.
  Prediction& Queue(const std::string& name, std::vector<float> inputs,
                    const std::shared_ptr<Model>& model) {
    predictions_.emplace_back(name, std::move(inputs), &history_);
    batcher_->Predict(predictions_.back().Call(model));
    return predictions_.back();
  }
  Prediction& Queue(const std::string& name, std::vector<float> inputs) {
    return Queue(name, std::move(inputs), model_);
  }
  // Lets the worker go, and waits for all.
  std::vector<std::string> Events() {
    held_.reset();
    for (const Prediction& prediction : predictions_) prediction.status().IgnoreError();
    return history_.events();
  }

  ManualScheduler scheduler_;
  std::shared_ptr<Model> model_ = MakeModel(&scheduler_);
  std::shared_ptr<Model> other_ = MakeModel(&scheduler_);
  engine::Executor executor_{2, engine::Executor::Priority::kHigh};
  History history_;
  std::list<Prediction> predictions_;
  std::optional<Batcher> batcher_{std::in_place, Batcher::Options{1, 8, nullptr}, &executor_};
  std::optional<HeldWorker> held_{std::in_place, &*batcher_, model_};
};

TEST_F(BatcherSharingTest, BatchIsCutAtItsBytes) {
  held_.reset();
  batcher_.reset();
  Batcher::Options options;
  options.max_batch_bytes = 4 * (kInputs + kOutputs) * static_cast<int64_t>(sizeof(float));
  batcher_.emplace(options, &executor_);
  held_.emplace(&*batcher_, model_);
  for (int i = 0; i < 3; ++i) Queue(std::to_string(i), TestInputs(2, kInputs, i));
  EXPECT_THAT(Events(), ElementsAre("place 0", "place 1", "done 0", "done 1", "place 2", "done 2"));
}

TEST_F(BatcherSharingTest, CallsThatWaitShareABatchAndEachGetsItsOwnRows) {
  for (int i = 0; i < 4; ++i) Queue(std::to_string(i), TestInputs(1 + i % 3, kInputs, i));
  predictions_.front().want_logits = true;
  EXPECT_THAT(Events(), ElementsAre("place 0", "place 1", "place 2", "place 3", "done 0", "done 1",
                                    "done 2", "done 3"));
  for (const Prediction& prediction : predictions_) {
    std::vector<float> logits;
    EXPECT_EQ(prediction.outputs, Alone(*model_->snapshot(), prediction.inputs, &logits));
    if (prediction.want_logits) {
      EXPECT_EQ(prediction.logits, logits);
    }
  }
}

TEST_F(BatcherSharingTest, BatchIsCutAtItsRows) {
  for (const char* name : {"a", "b", "c"}) Queue(name, TestInputs(4, kInputs));
  EXPECT_THAT(Events(), ElementsAre("place a", "place b", "done a", "done b", "place c", "done c"));
}

TEST_F(BatcherSharingTest, CallThatDoesNotFitIsNotCut) {
  Queue("a", TestInputs(4, kInputs));
  Queue("long", TestInputs(20, kInputs));
  Queue("b", TestInputs(4, kInputs));
  EXPECT_THAT(Events(),
              ElementsAre("place a", "place b", "done a", "done b", "place long", "done long"));
  EXPECT_EQ(predictions_.size(), 3U);
}

TEST_F(BatcherSharingTest, OnlyCallsOfOneModelShare) {
  Queue("a1", TestInputs(1, kInputs), model_);
  Queue("b1", TestInputs(1, kInputs), other_);
  Queue("a2", TestInputs(1, kInputs), model_);
  Queue("b2", TestInputs(1, kInputs), other_);
  EXPECT_THAT(Events(), ElementsAre("place a1", "place a2", "done a1", "done a2", "place b1",
                                    "place b2", "done b1", "done b2"));
}

TEST_F(BatcherSharingTest, PinnedCallsUseTheirSnapshotAndShareWithTheirLikeOnly) {
  const std::shared_ptr<const Snapshot> pinned = model_->snapshot();
  Answer<TrainReply> trained;
  model_->Train(OneStep(&trained));
  scheduler_.RunAll();
  Queue("live", TestInputs(2, kInputs));
  for (const char* name : {"p1", "p2"}) {
    predictions_.emplace_back(name, TestInputs(2, kInputs), &history_);
    PredictCall call = predictions_.back().Call(model_);
    call.pinned = pinned;
    batcher_->Predict(std::move(call));
  }
  EXPECT_THAT(Events(),
              ElementsAre("place live", "done live", "place p1", "place p2", "done p1", "done p2"));
  EXPECT_EQ(predictions_.front().step, 1);
  EXPECT_EQ(predictions_.back().step, 0);
  EXPECT_EQ(predictions_.back().outputs, Alone(*pinned, TestInputs(2, kInputs)));
}

TEST_F(BatcherSharingTest, BadRowFailsItsOwnCallAlone) {
  const Prediction& first = Queue("first", TestInputs(2, kInputs, 1));
  std::vector<float> broken = TestInputs(3, kInputs);
  broken[kInputs + 1] = std::numeric_limits<float>::quiet_NaN();
  const Prediction& bad = Queue("bad", broken);
  const Prediction& last = Queue("last", TestInputs(2, kInputs, 2));
  Events();
  EXPECT_EQ(bad.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(bad.status().message(), HasSubstr("row 1, column 1"));
  for (const Prediction* good : {&first, &last}) {
    ASSERT_TRUE(good->status().ok());
    EXPECT_EQ(good->outputs, Alone(*model_->snapshot(), good->inputs));
  }
}

TEST_F(BatcherSharingTest, BatchOfBadRowsAloneFailsEach) {
  const std::vector<float> broken(kInputs, std::numeric_limits<float>::infinity());
  const Prediction& first = Queue("a", broken);
  const Prediction& second = Queue("b", broken);
  Events();
  EXPECT_EQ(first.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(BatcherSharingTest, CancelledCallLeavesTheOthersAlone) {
  const Prediction& first = Queue("a", TestInputs(2, kInputs, 1));
  Queue("b", TestInputs(2, kInputs, 2)).cancellation.Cancel();
  const Prediction& last = Queue("c", TestInputs(2, kInputs, 3));
  EXPECT_THAT(Events(), ElementsAre("done b", "place a", "place c", "done a", "done c"));
  EXPECT_EQ(first.outputs, Alone(*model_->snapshot(), first.inputs));
  EXPECT_EQ(last.outputs, Alone(*model_->snapshot(), last.inputs));
}

TEST_F(BatcherSharingTest, CallsOfDifferentTypesShare) {
  const std::vector<uint8_t> bytes = {1, 2, 3};
  const Prediction& floats = Queue("a", TestInputs(1, kInputs));
  predictions_.emplace_back("b", std::vector<float>(bytes.begin(), bytes.end()), &history_);
  const Prediction& converted = predictions_.back();
  PredictCall call = predictions_.back().Call(model_);
  call.inputs = {engine::ElementType::kUint8, bytes.data(), kInputs};
  batcher_->Predict(std::move(call));
  EXPECT_THAT(Events(), ElementsAre("place a", "place b", "done a", "done b"));
  EXPECT_EQ(floats.outputs, Alone(*model_->snapshot(), floats.inputs));
  EXPECT_EQ(converted.outputs, Alone(*model_->snapshot(), converted.inputs));
}

// Asks again and again while the model trains; an answer is of exactly one of its steps.
void PredictWhileTraining(Batcher* batcher, const std::shared_ptr<Model>& model, int variant) {
  int compared = 0;
  for (int i = 0; i < 200 || compared == 0; ++i) {
    std::shared_ptr<const Snapshot> used;
    Prediction prediction("a", TestInputs(1 + i % 4, kInputs, variant));
    PredictCall call = prediction.Call(model);
    // The batch's snapshot, kept while the model goes on.
    call.place = [&, place = call.place](const Snapshot& snapshot, engine::MatrixView* outputs,
                                         engine::MatrixView* logits) {
      place(snapshot, outputs, logits);
      used = model->snapshot();
      if (used.get() != &snapshot) used = nullptr;
    };
    batcher->Predict(std::move(call));
    ASSERT_TRUE(prediction.status().ok());
    if (used != nullptr) {
      ++compared;
      EXPECT_EQ(prediction.outputs, Alone(*used, prediction.inputs));
    }
  }
}

TEST_F(BatcherSharingTest, SharedPredictionsDuringTrainingAreOfWholeSteps) {
  held_.reset();
  TrainingLanes lanes(1, &executor_);
  const auto model = MakeModel(&lanes);
  Answer<TrainReply> training;
  model->Train(TestCall(1'000'000'000, &training));
  Batcher batcher({2, 16, nullptr}, &executor_);
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&, i] { PredictWhileTraining(&batcher, model, i); });
  }
  for (std::thread& caller : callers) caller.join();
  model->Stop();
  EXPECT_EQ(Reason(training.status()), "STOPPING");
}

}  // namespace
}  // namespace chainrule::server
