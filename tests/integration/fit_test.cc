// Fit: a data set in chunks, its answers, its faults, and clients that misbehave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/error_details.h"
#include "tests/support/fit_client.h"
#include "tests/support/requests.h"
#include "tests/support/test_server.h"

namespace chainrule::test {
namespace {

using Models = v1::ModelService::Stub;
using Training = v1::TrainingService::Stub;

v1::FitHeader Header(const std::string& model, int64_t epochs) {
  v1::FitHeader header;
  header.set_model(model);
  header.set_epochs(epochs);
  return header;
}

class FitTest : public ::testing::Test {
 protected:
  FitTest() { server_.Create("m", MakeSpec({3, 4, 1})); }

  std::string Weights(const std::string& model) {
    v1::GetWeightsRequest request;
    request.set_model(model);
    v1::GetWeightsResponse response;
    EXPECT_THAT(Call(&Models::GetWeights, server_.models(), request, &response), IsOk());
    return response.SerializeAsString();
  }

  TestServer server_;
};

TEST_F(FitTest, AnswersRowsThenEpochsThenTheResult) {
  FitClient fit(server_.training());
  fit.SendHeader(Header("models/m", 3));
  fit.SendExamples(MakeExamples(40, 3, 1, 1));
  EXPECT_EQ(fit.Next()->rows_received(), 40);
  fit.SendExamples(MakeExamples(30, 3, 1, 2));
  EXPECT_EQ(fit.Next()->rows_received(), 70);
  fit.HalfClose();
  const std::vector<v1::FitResponse> rest = fit.Rest();
  ASSERT_THAT(fit.Finish(), IsOk());
  ASSERT_EQ(rest.size(), 5u);
  EXPECT_EQ(rest.front().rows_received(), 70);
  for (int epoch = 1; epoch <= 3; ++epoch) {
    const v1::EpochReport& report = rest[static_cast<size_t>(epoch)].epoch_report();
    EXPECT_EQ(report.epoch(), epoch);
    EXPECT_EQ(report.model_step(), epoch * 3);  // ⌈70 / 32⌉ steps each
  }
  EXPECT_EQ(rest.back().result().steps_taken(), 9);
  EXPECT_EQ(rest.back().result().model_step(), 9);
}

TEST_F(FitTest, LearnsWhatOneTrainOfAllRowsLearns) {
  server_.Create("twin", MakeSpec({3, 4, 1}));
  const v1::Examples first = MakeExamples(20, 3, 1, 1);
  const v1::Examples second = MakeExamples(25, 3, 1, 2);
  FitClient fit(server_.training());
  fit.SendHeader(Header("models/m", 2));
  fit.SendExamples(first);
  fit.SendExamples(second);
  fit.HalfClose();
  ASSERT_THAT(fit.FinishAfterRest(), IsOk());

  v1::Examples all = first;
  all.mutable_inputs()->set_shape(0, 45);
  all.mutable_inputs()->mutable_values()->MergeFrom(second.inputs().values());
  all.mutable_targets()->set_shape(0, 45);
  all.mutable_targets()->mutable_values()->MergeFrom(second.targets().values());
  v1::TrainRequest request = MakeTrain("models/twin", all);
  request.set_epochs(2);
  request.set_batch_size(32);
  v1::TrainResponse response;
  ASSERT_THAT(Call(&Training::Train, server_.training(), request, &response), IsOk());
  EXPECT_EQ(Weights("models/m"), Weights("models/twin"));
}

TEST_F(FitTest, ReportsTheValidationRowsAndStopsEarly) {
  FitClient fit(server_.training());
  v1::FitHeader header = Header("models/m", 1000);
  header.mutable_early_stopping()->set_patience(2);
  header.mutable_early_stopping()->set_min_delta(1e9);  // nothing is an improvement
  fit.SendHeader(header);
  fit.SendExamples(MakeExamples(20, 3, 1, 1));
  fit.SendValidation(MakeExamples(10, 3, 1, 2));
  EXPECT_EQ(fit.Next()->rows_received(), 20);
  EXPECT_EQ(fit.Next()->rows_received(), 30);
  fit.HalfClose();
  const std::vector<v1::FitResponse> rest = fit.Rest();
  ASSERT_THAT(fit.Finish(), IsOk());
  const v1::EpochReport& last = rest.at(rest.size() - 2).epoch_report();
  v1::EvaluateRequest evaluate;
  evaluate.set_model("models/m");
  *evaluate.mutable_examples() = MakeExamples(10, 3, 1, 2);
  v1::EvaluateResponse measured;
  ASSERT_THAT(Call(&Training::Evaluate, server_.training(), evaluate, &measured), IsOk());
  EXPECT_EQ(last.model_step(), measured.model_step());
  EXPECT_EQ(last.validation_loss(), measured.loss());
  EXPECT_TRUE(measured.metrics().has_accuracy());
  EXPECT_EQ(last.validation_metrics().DebugString(), measured.metrics().DebugString());
  EXPECT_EQ(rest.back().result().stop_reason(), v1::STOP_REASON_EARLY_STOPPED);
  EXPECT_LT(rest.back().result().epochs_size(), 10);
}

TEST_F(FitTest, ARepeatCutDifferentlyIsReplayed) {
  const std::string id = NewRequestId();
  v1::FitHeader header = Header("models/m", 2);
  header.set_request_id(id);
  const v1::Examples rows = MakeExamples(2, 3, 1);
  v1::Examples halves[2];
  for (int i = 0; i < 2; ++i) {
    const float* inputs = rows.inputs().values().data() + 3 * i;
    *halves[i].mutable_inputs() = MakeTensor({1, 3}, {inputs[0], inputs[1], inputs[2]});
    *halves[i].mutable_targets() = MakeTensor({1, 1}, {rows.targets().values(i)});
  }
  FitClient whole(server_.training());
  whole.SendHeader(header);
  whole.SendExamples(rows);
  whole.HalfClose();
  const v1::TrainResponse first = whole.Rest().back().result();
  EXPECT_FALSE(first.replayed());
  FitClient cut(server_.training());
  cut.SendHeader(header);
  cut.SendExamples(halves[0]);
  cut.SendExamples(halves[1]);
  cut.HalfClose();
  const v1::TrainResponse second = cut.Rest().back().result();
  ASSERT_THAT(cut.Finish(), IsOk());
  EXPECT_TRUE(second.replayed());
  EXPECT_EQ(second.loss(), first.loss());
  EXPECT_EQ(server_.Get("m").step(), first.model_step());
}

// --- faults -----------------------------------------------------------------

TEST_F(FitTest, NothingAtAllIsRefused) {
  FitClient fit(server_.training());
  fit.HalfClose();
  EXPECT_THAT(fit.FinishAfterRest(),
              IsBadField("header", "missing; the stream ended without any message"));
}

TEST_F(FitTest, RowsBeforeTheHeaderAreRefused) {
  FitClient fit(server_.training());
  fit.SendExamples(MakeExamples(1, 3, 1));
  EXPECT_THAT(fit.FinishAfterRest(), IsBadField("header", "missing; it must be the first"));
}

TEST_F(FitTest, ASecondHeaderIsRefused) {
  FitClient fit(server_.training());
  fit.SendHeader(Header("models/m", 1));
  fit.SendHeader(Header("models/m", 1));
  EXPECT_THAT(fit.FinishAfterRest(), IsBadField("header", "set; only the first"));
}

TEST_F(FitTest, AnEmptyMessageIsRefused) {
  FitClient fit(server_.training());
  fit.SendHeader(Header("models/m", 1));
  fit.Send({});
  EXPECT_THAT(fit.FinishAfterRest(),
              IsBadField("kind", "unset; must be examples or validation_examples"));
}

TEST_F(FitTest, AnEmptyDataSetIsRefused) {
  FitClient fit(server_.training());
  fit.SendHeader(Header("models/m", 1));
  fit.HalfClose();
  EXPECT_THAT(fit.FinishAfterRest(), IsBadField("examples", "0 rows; must be 1 or more"));
}

TEST_F(FitTest, AnUnknownModelIsNotFound) {
  FitClient fit(server_.training());
  fit.SendHeader(Header("models/nobody", 1));
  EXPECT_THAT(fit.FinishAfterRest(), IsError(grpc::NOT_FOUND, "MODEL_NOT_FOUND"));
}

TEST_F(FitTest, AFaultInALaterChunkNamesTheMessage) {
  FitClient fit(server_.training());
  fit.SendHeader(Header("models/m", 1));
  fit.SendExamples(MakeExamples(2, 3, 1));
  fit.SendExamples(MakeExamples(2, 5, 1));
  const grpc::Status status = fit.FinishAfterRest();
  EXPECT_THAT(status, IsBadField("examples.inputs.shape[1]", "5; model 'm' expects 3"));
  EXPECT_THAT(status.error_message(), ::testing::HasSubstr("message 2"));
  EXPECT_EQ(DetailsOf(status).metadata["message"], "2");
  EXPECT_EQ(server_.Get("m").step(), 0);
}

TEST_F(FitTest, ANanIsFoundBeforeAnythingIsLearned) {
  FitClient fit(server_.training());
  v1::Examples bad = MakeExamples(40, 3, 1);
  bad.mutable_inputs()->set_values(3 * 37 + 1, std::numeric_limits<float>::quiet_NaN());
  fit.SendHeader(Header("models/m", 1));
  fit.SendExamples(MakeExamples(40, 3, 1));
  fit.SendExamples(bad);
  fit.HalfClose();
  EXPECT_THAT(fit.FinishAfterRest(), IsBadField("examples.inputs", "row 37, column 1: nan"));
  EXPECT_EQ(server_.Get("m").step(), 0);
}

TEST_F(FitTest, ValidationRowsBesideAFractionAreRefused) {
  FitClient fit(server_.training());
  v1::FitHeader header = Header("models/m", 1);
  header.set_validation_fraction(0.2);
  fit.SendHeader(header);
  fit.SendValidation(MakeExamples(2, 3, 1));
  EXPECT_THAT(fit.FinishAfterRest(),
              IsBadField("validation_examples", "set; not allowed beside the header's"));
}

TEST(FitLimitsTest, MoreRowsThanAreKeptNameTheLimit) {
  server::Options options = TestOptions();
  options.limits.max_fit_bytes = 1000;
  TestServer server(options);
  server.Create("m", MakeSpec({100, 1}));
  FitClient fit(server.training());
  fit.SendHeader(Header("models/m", 1));
  fit.SendExamples(MakeExamples(1, 100, 1));
  fit.SendExamples(MakeExamples(2, 100, 1));
  const grpc::Status status = fit.FinishAfterRest();
  EXPECT_THAT(status, IsError(grpc::INVALID_ARGUMENT, "LIMIT_EXCEEDED"));
  EXPECT_EQ(DetailsOf(status).metadata["limit"], "max_fit_bytes");
}

// --- rows that memory does not hold -------------------------------------------

TEST(FitSpoolTest, LearnsFromTheSpoolWhatItLearnsFromMemory) {
  std::string weights[2];
  for (const bool spooled : {false, true}) {
    server::Options options = TestOptions();
    if (spooled) options.fit_memory = 2000;
    TestServer server(options);
    server.Create("m", MakeClassifierSpec(3, 5));
    FitClient fit(server.training());
    v1::FitHeader header = Header("models/m", 5);
    header.set_batch_size(16);
    fit.SendHeader(header);
    for (uint32_t i = 0; i < 20; ++i) {
      fit.SendExamples(MakeClassifiedExamples(50, 3, 3, i + 1));
      if (i % 5 == 0) fit.SendValidation(MakeClassifiedExamples(9, 3, 3, i + 100));
    }
    fit.HalfClose();
    ASSERT_THAT(fit.FinishAfterRest(), IsOk());
    v1::GetWeightsRequest request;
    request.set_model("models/m");
    v1::GetWeightsResponse response;
    ASSERT_THAT(Call(&Models::GetWeights, server.models(), request, &response), IsOk());
    weights[spooled] = response.SerializeAsString();
  }
  EXPECT_EQ(weights[0], weights[1]);
}

TEST(FitSpoolTest, ARowThatFitsNoQueueFitsTheSpool) {
  server::Options options = TestOptions();
  options.limits.max_message_bytes = 20'000;
  options.limits.max_queued_bytes = 40'000;
  options.fit_memory = 10'000;
  TestServer server(options);
  server.Create("m", MakeSpec({100, 1}));
  FitClient fit(server.training());
  fit.SendHeader(Header("models/m", 1));
  for (uint32_t i = 0; i < 50; ++i) ASSERT_TRUE(fit.SendExamples(MakeExamples(40, 100, 1, i)));
  fit.HalfClose();
  const std::vector<v1::FitResponse> answers = fit.Rest();
  ASSERT_THAT(fit.Finish(), IsOk());
  EXPECT_EQ(answers.back().result().steps_taken(), 63);  // ⌈2000 / 32⌉
}

// --- clients that misbehave --------------------------------------------------

TEST_F(FitTest, AnUploadThatIsCutOffLearnsNothing) {
  for (int i = 0; i < 50; ++i) {
    FitClient fit(server_.training());
    fit.SendHeader(Header("models/m", 1));
    fit.SendExamples(MakeExamples(64, 3, 1));
    if (i % 2 == 0) fit.Next();
    fit.Cancel();
    EXPECT_EQ(fit.FinishAfterRest().error_code(), grpc::CANCELLED);
  }
  EXPECT_EQ(server_.Get("m").step(), 0);
}

TEST_F(FitTest, AReaderThatStallsCostsBoundedMemoryAndMissesOnlyReports) {
  constexpr int64_t kEpochs = 20'000;  // far more reports than this window lets through
  const auto stub = v1::TrainingService::NewStub(server_.NewChannel(64 << 10));
  FitClient fit(*stub);
  fit.SendHeader(Header("models/m", kEpochs));
  fit.SendExamples(MakeExamples(2, 3, 1));
  fit.HalfClose();
  // Nothing is read until all is done: this write waits for it in the model's queue.
  while (server_.Get("m").step() == 0) std::this_thread::yield();
  v1::TrainResponse after;
  ASSERT_THAT(Call(&Training::Train, server_.training(),
                   MakeTrain("models/m", MakeExamples(1, 3, 1)), &after),
              IsOk());
  EXPECT_EQ(after.model_step(), kEpochs + 1);
  EXPECT_EQ(fit.Next()->rows_received(), 2);
  EXPECT_EQ(fit.Next()->rows_received(), 2);
  const std::vector<v1::FitResponse> rest = fit.Rest();
  ASSERT_THAT(fit.Finish(), IsOk());
  int64_t epoch = 0;
  for (size_t i = 0; i + 1 < rest.size(); ++i) {
    ASSERT_TRUE(rest[i].has_epoch_report());
    EXPECT_GT(rest[i].epoch_report().epoch(), epoch);
    epoch = rest[i].epoch_report().epoch();
  }
  EXPECT_EQ(epoch, kEpochs);
  EXPECT_LT(rest.size(), static_cast<size_t>(kEpochs));
  EXPECT_EQ(rest.back().result().steps_taken(), kEpochs);
}

TEST_F(FitTest, AClientThatNeverReadsItsAcknowledgementsIsHeldBackNotLost) {
  FitClient fit(server_.training());
  fit.SendHeader(Header("models/m", 1));
  // More answers than may wait in the server; the rest waits in gRPC's own windows.
  const v1::Examples row = MakeExamples(1, 3, 1);
  for (int i = 0; i < 3000; ++i) ASSERT_TRUE(fit.SendExamples(row));
  fit.HalfClose();
  const std::vector<v1::FitResponse> rest = fit.Rest();
  ASSERT_THAT(fit.Finish(), IsOk());
  ASSERT_EQ(rest.size(), 3000u + 1 + 1 + 1);
  for (int i = 0; i < 3000; ++i) EXPECT_EQ(rest[static_cast<size_t>(i)].rows_received(), i + 1);
}

}  // namespace
}  // namespace chainrule::test
