// Small calls run on the thread that brings them, together, when it says so.
#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/compute/batcher.h"
#include "tests/server/compute/test_predictions.h"

namespace chainrule::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class BatcherHereTest : public ::testing::Test {
 protected:
  // Notes the thread that runs it.
  void Note(Prediction* prediction, std::thread::id* thread) {
    prediction->on_place = [thread] { *thread = std::this_thread::get_id(); };
  }
  void ExpectAlone(const Prediction& prediction) {
    EXPECT_TRUE(prediction.status().ok()) << prediction.status();
    EXPECT_EQ(prediction.outputs, Alone(*model_->snapshot(), prediction.inputs));
  }

  ManualScheduler scheduler_;
  std::shared_ptr<Model> model_ = MakeModel(&scheduler_);
  engine::Executor executor_{2, engine::Executor::Priority::kHigh};
  Batcher batcher_{{.max_wait_here = absl::InfiniteDuration()}, &executor_};
  std::optional<Batcher::Here> here_{std::in_place, &batcher_};
  History history_;
};

TEST_F(BatcherHereTest, SmallCallsWaitForRunAndThenShareOneBatchOnThisThread) {
  Prediction a("a", TestInputs(1, kInputs, 1), &history_);
  Prediction b("b", TestInputs(2, kInputs, 2), &history_);
  std::thread::id thread;
  Note(&a, &thread);
  batcher_.Predict(a.Call(model_));
  batcher_.Predict(b.Call(model_));
  EXPECT_THAT(history_.events(), IsEmpty());
  EXPECT_FALSE(here_->empty());
  here_->Run();
  EXPECT_THAT(history_.events(), ElementsAre("place a", "place b", "done a", "done b"));
  EXPECT_TRUE(here_->empty());
  EXPECT_EQ(thread, std::this_thread::get_id());
  ExpectAlone(a);
  ExpectAlone(b);
  EXPECT_EQ(model_->statistics().Get().at(0).totals.batches, 1);
}

TEST_F(BatcherHereTest, LargeCallsRunOnAWorker) {
  Prediction large("large", TestInputs(1'000'000, kInputs));
  std::thread::id thread;
  Note(&large, &thread);
  batcher_.Predict(large.Call(model_));
  EXPECT_TRUE(here_->empty());
  EXPECT_TRUE(large.status().ok());
  EXPECT_NE(thread, std::this_thread::get_id());
}

TEST_F(BatcherHereTest, SmallCallsWithLargeAnswersRunOnAWorker) {
  Prediction wordy("wordy", TestInputs(1, kInputs));
  std::thread::id thread;
  Note(&wordy, &thread);
  PredictCall call = wordy.Call(model_);
  call.reply_bytes = 1'000'000;
  batcher_.Predict(std::move(call));
  EXPECT_TRUE(here_->empty());
  ExpectAlone(wordy);
  EXPECT_NE(thread, std::this_thread::get_id());
}

TEST_F(BatcherHereTest, CallsThatOtherThreadsBringRunOnAWorker) {
  Prediction other("other", TestInputs(1, kInputs));
  std::thread::id thread;
  Note(&other, &thread);
  std::thread([&] { batcher_.Predict(other.Call(model_)); }).join();
  EXPECT_TRUE(here_->empty());
  ExpectAlone(other);
  EXPECT_NE(thread, std::this_thread::get_id());
}

TEST_F(BatcherHereTest, CallsForAnotherBatcherAreItsWorkers) {
  Batcher another(Batcher::Options(), &executor_);
  Prediction prediction("a", TestInputs(1, kInputs));
  another.Predict(prediction.Call(model_));
  EXPECT_TRUE(here_->empty());
  ExpectAlone(prediction);
}

TEST_F(BatcherHereTest, SmallCallsDoNotWaitForAWorker) {
  HeldWorker* held = nullptr;
  std::thread([&] { held = new HeldWorker(&batcher_, model_); }).join();
  const std::unique_ptr<HeldWorker> owned(held);
  Prediction prediction("a", TestInputs(1, kInputs));
  batcher_.Predict(prediction.Call(model_));
  here_->Run();
  ExpectAlone(prediction);
}

TEST_F(BatcherHereTest, IsFullOnceMuchWaits) {
  const int64_t rows = 900'000 / model_->snapshot()->network().parameter_count();
  std::deque<Prediction> predictions;
  while (!here_->full()) {
    ASSERT_LT(predictions.size(), 100U);
    predictions.emplace_back("a", TestInputs(rows, kInputs));
    batcher_.Predict(predictions.back().Call(model_));
  }
  EXPECT_GT(predictions.size(), 10U);
  here_->Run();
  EXPECT_FALSE(here_->full());
  ExpectAlone(predictions.front());
  ExpectAlone(predictions.back());
}

TEST_F(BatcherHereTest, IsFullOnceACallHasWaited) {
  here_.reset();
  Batcher batcher({.max_wait_here = absl::ZeroDuration()}, &executor_);
  Batcher::Here here(&batcher);
  EXPECT_FALSE(here.full());
  Prediction prediction("a", TestInputs(1, kInputs));
  batcher.Predict(prediction.Call(model_));
  EXPECT_TRUE(here.full());
  here.Run();
  ExpectAlone(prediction);
}

TEST_F(BatcherHereTest, OnlyCallsOfOneModelShare) {
  const std::shared_ptr<Model> another = MakeModel(&scheduler_);
  Prediction a("a", TestInputs(1, kInputs), &history_);
  Prediction b("b", TestInputs(1, kInputs), &history_);
  Prediction c("c", TestInputs(1, kInputs), &history_);
  batcher_.Predict(a.Call(model_));
  batcher_.Predict(b.Call(another));
  batcher_.Predict(c.Call(model_));
  here_->Run();
  EXPECT_THAT(history_.events(),
              ElementsAre("place a", "place c", "done a", "done c", "place b", "done b"));
}

TEST_F(BatcherHereTest, CancelledCallLeavesTheOthersAlone) {
  Prediction a("a", TestInputs(1, kInputs));
  Prediction b("b", TestInputs(1, kInputs));
  batcher_.Predict(a.Call(model_));
  batcher_.Predict(b.Call(model_));
  a.cancellation.Cancel();
  here_->Run();
  EXPECT_EQ(a.status().code(), absl::StatusCode::kCancelled);
  ExpectAlone(b);
}

TEST_F(BatcherHereTest, CallThatComesWhileOthersRunWaitsForTheNextRun) {
  Prediction first("first", TestInputs(1, kInputs));
  Prediction next("next", TestInputs(1, kInputs), &history_);
  first.on_place = [&] { batcher_.Predict(next.Call(model_)); };
  batcher_.Predict(first.Call(model_));
  here_->Run();
  EXPECT_THAT(history_.events(), IsEmpty());
  here_->Run();
  ExpectAlone(next);
}

TEST_F(BatcherHereTest, WhatWaitsWhenTheBatcherStopsIsRefused) {
  Prediction prediction("a", TestInputs(1, kInputs));
  batcher_.Predict(prediction.Call(model_));
  batcher_.Stop();
  here_->Run();
  EXPECT_EQ(prediction.status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(BatcherHereTest, OnceItIsGoneCallsAreTheWorkers) {
  here_.reset();
  Prediction prediction("a", TestInputs(1, kInputs));
  batcher_.Predict(prediction.Call(model_));
  ExpectAlone(prediction);
}

}  // namespace
}  // namespace chainrule::server
