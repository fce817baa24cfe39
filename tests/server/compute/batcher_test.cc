// A call alone: its outputs, its faults, how it ends.
#include "server/compute/batcher.h"

#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/compute/test_predictions.h"

namespace chainrule::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class BatcherTest : public ::testing::Test {
 protected:
  ManualScheduler scheduler_;
  std::shared_ptr<Model> model_ = MakeModel(&scheduler_);
  engine::Executor executor_{2, engine::Executor::Priority::kHigh};
  std::optional<Batcher> batcher_{std::in_place, Batcher::Options{1, 512, nullptr}, &executor_};
};

TEST_F(BatcherTest, CallAloneIsAnsweredWithoutAnybodyElseComing) {
  Prediction prediction("a", TestInputs(5, kInputs));
  prediction.want_logits = true;
  batcher_->Predict(prediction.Call(model_));
  ASSERT_TRUE(prediction.status().ok()) << prediction.status();
  std::vector<float> logits;
  EXPECT_EQ(prediction.outputs, Alone(*model_->snapshot(), prediction.inputs, &logits));
  EXPECT_EQ(prediction.logits, logits);
}

TEST_F(BatcherTest, NoRowsHaveNoOutputs) {
  Prediction prediction("a", {});
  batcher_->Predict(prediction.Call(model_));
  EXPECT_TRUE(prediction.status().ok());
  EXPECT_THAT(prediction.outputs, IsEmpty());
}

TEST_F(BatcherTest, CallLongerThanABatchIsAnsweredWhole) {
  Prediction prediction("a", TestInputs(10'000, kInputs));
  batcher_->Predict(prediction.Call(model_));
  ASSERT_TRUE(prediction.status().ok());
  EXPECT_EQ(prediction.outputs, Alone(*model_->snapshot(), prediction.inputs));
}

TEST_F(BatcherTest, OtherElementTypesPredictAsTheFloatsTheyStandFor) {
  const std::vector<float> floats = {0, 1, 255, 7, 3, 128};
  const std::vector<float> expected = Alone(*model_->snapshot(), floats);
  const std::vector<uint8_t> bytes(floats.begin(), floats.end());
  const std::vector<double> doubles(floats.begin(), floats.end());
  Prediction from_bytes("bytes", floats), from_doubles("doubles", floats);
  PredictCall call = from_bytes.Call(model_);
  call.inputs = {engine::ElementType::kUint8, bytes.data(), kInputs};
  batcher_->Predict(std::move(call));
  call = from_doubles.Call(model_);
  call.inputs = {engine::ElementType::kFloat64, doubles.data(), kInputs};
  batcher_->Predict(std::move(call));
  ASSERT_TRUE(from_bytes.status().ok());
  ASSERT_TRUE(from_doubles.status().ok());
  EXPECT_EQ(from_bytes.outputs, expected);
  EXPECT_EQ(from_doubles.outputs, expected);
}

TEST_F(BatcherTest, FloatsNeedNoAlignment) {
  const std::vector<float> floats = TestInputs(4, kInputs);
  std::vector<char> raw(floats.size() * sizeof(float) + 1);
  std::memcpy(raw.data() + 1, floats.data(), floats.size() * sizeof(float));
  Prediction prediction("a", floats);
  PredictCall call = prediction.Call(model_);
  call.inputs.data = raw.data() + 1;
  batcher_->Predict(std::move(call));
  ASSERT_TRUE(prediction.status().ok());
  EXPECT_EQ(prediction.outputs, Alone(*model_->snapshot(), floats));
}

TEST_F(BatcherTest, InputThatIsNotFiniteIsNamed) {
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    Prediction prediction("a", TestInputs(5'000, kInputs));
    prediction.inputs[4'500 * kInputs + 2] = value;
    batcher_->Predict(prediction.Call(model_));
    const absl::Status status = prediction.status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("row 4500, column 2"));
    const engine::ErrorDetail detail = engine::GetErrorDetail(status);
    ASSERT_EQ(detail.violations.size(), 1U);
    EXPECT_EQ(detail.violations[0].field, "inputs");
  }
}

TEST_F(BatcherTest, DoubleThatNoFloatHoldsIsNotFinite) {
  const std::vector<double> doubles = {0, 1e300, 0};
  Prediction prediction("a", TestInputs(1, kInputs));
  PredictCall call = prediction.Call(model_);
  call.inputs = {engine::ElementType::kFloat64, doubles.data(), kInputs};
  batcher_->Predict(std::move(call));
  EXPECT_THAT(prediction.status().message(), HasSubstr("row 0, column 1"));
}

TEST_F(BatcherTest, SnapshotIsTakenWhenTheBatchIsFormed) {
  std::optional<HeldWorker> held(std::in_place, &*batcher_, model_);
  Prediction prediction("a", TestInputs(1, kInputs));
  batcher_->Predict(prediction.Call(model_));
  Answer<TrainReply> trained;
  model_->Train(TestCall(1, &trained));
  scheduler_.RunAll();
  held.reset();
  ASSERT_TRUE(prediction.status().ok());
  EXPECT_EQ(prediction.step, 3);
  EXPECT_EQ(prediction.outputs, Alone(*model_->snapshot(), prediction.inputs));
}

TEST_F(BatcherTest, CallCancelledWhileItWaitsIsNotRun) {
  History history;
  std::optional<HeldWorker> held(std::in_place, &*batcher_, model_);
  Prediction prediction("a", TestInputs(1, kInputs), &history);
  batcher_->Predict(prediction.Call(model_));
  prediction.cancellation.Cancel();
  held.reset();
  EXPECT_EQ(prediction.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Reason(prediction.status()), "CANCELLED");
  EXPECT_THAT(history.events(), ElementsAre("done a"));
}

TEST_F(BatcherTest, CallCancelledBehindALongOneHearsOfItBeforeThatOneEnds) {
  History history;
  Prediction lengthy("long", TestInputs(5'000, kInputs), &history);
  Prediction waiting("a", TestInputs(1, kInputs), &history);
  Event placed, cancelled;
  lengthy.on_place = [&] {
    placed.Set();
    cancelled.Wait();
  };
  batcher_->Predict(lengthy.Call(model_));
  placed.Wait();
  batcher_->Predict(waiting.Call(model_));
  waiting.cancellation.Cancel();
  cancelled.Set();
  EXPECT_EQ(Reason(waiting.status()), "CANCELLED");
  EXPECT_TRUE(lengthy.status().ok());
  EXPECT_THAT(history.events(), ElementsAre("place long", "done a", "done long"));
}

TEST_F(BatcherTest, CallCancelledBehindShortOnesOfAnotherModelHearsOfItBetweenThem) {
  History history;
  batcher_.emplace(Batcher::Options{.look = absl::ZeroDuration()}, &executor_);
  std::optional<HeldWorker> held(std::in_place, &*batcher_, model_);
  const std::shared_ptr<Model> other = MakeModel(&scheduler_);
  Prediction next("next", TestInputs(1, kInputs), &history);
  Prediction waiting("a", TestInputs(1, kInputs), &history);
  batcher_->Predict(next.Call(other));
  batcher_->Predict(waiting.Call(model_));
  waiting.cancellation.Cancel();
  held.reset();
  EXPECT_TRUE(next.status().ok());
  EXPECT_EQ(Reason(waiting.status()), "CANCELLED");
  EXPECT_THAT(history.events(), ElementsAre("done a", "place next", "done next"));
}

TEST_F(BatcherTest, PassedDeadlineEndsACallThatWaits) {
  const engine::Cancellation past(absl::UnixEpoch());
  Prediction prediction("a", TestInputs(1, kInputs));
  PredictCall call = prediction.Call(model_);
  call.cancellation = &past;
  batcher_->Predict(std::move(call));
  EXPECT_EQ(Reason(prediction.status()), "DEADLINE_EXCEEDED");
}

TEST_F(BatcherTest, StopAnswersWhatWaitsAndWhatComesLater) {
  std::optional<HeldWorker> held(std::in_place, &*batcher_, model_);
  Prediction waiting("a", TestInputs(1, kInputs)), late("b", TestInputs(1, kInputs));
  batcher_->Predict(waiting.Call(model_));
  batcher_->Stop();
  batcher_->Predict(late.Call(model_));
  EXPECT_EQ(Reason(late.status()), "STOPPING");
  held.reset();
  batcher_.reset();
  EXPECT_EQ(waiting.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Reason(waiting.status()), "STOPPING");
  EXPECT_THAT(waiting.outputs, IsEmpty());
}

}  // namespace
}  // namespace chainrule::server
