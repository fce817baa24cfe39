#include "server/convert/training.h"

#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/server/convert/support.h"

namespace chainrule::server {
namespace {

constexpr int64_t kRoom = 1 << 20;
constexpr char kRows[] =
    "examples { inputs { shape: [1, 2] values: [1, 2] } class_labels { ids: 1 } } ";

absl::StatusOr<TrainArguments> Train(const std::string& text, const Limits& limits = {}) {
  return CheckTrain(FromText<v1::TrainRequest>(kRows + text), ContextOf(kBinary, limits));
}

absl::StatusOr<TrainArguments> Fit(const std::string& text) {
  return CheckFitHeader(FromText<v1::FitHeader>(text), ContextOf(kBinary));
}

TEST(CheckTrainTest, FillsInDefaults) {
  const auto arguments = Train("");
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  EXPECT_EQ(arguments->options.epochs, 1);
  EXPECT_EQ(arguments->options.batch_size, 0);
  EXPECT_FALSE(arguments->options.keep_order);
  EXPECT_FALSE(arguments->options.learning_rate.has_value());
  EXPECT_FALSE(arguments->options.time_limit.has_value());
  EXPECT_FALSE(arguments->options.early_stopping.has_value());
  EXPECT_FALSE(arguments->write.if_step.has_value());
  EXPECT_EQ(arguments->write.request_id, "");
}

TEST(CheckTrainTest, TakesWhatIsSet) {
  const auto arguments = Train(R"(
    epochs: 7 batch_size: 5 keep_order: true learning_rate: 0.25 fit_normalization: true
    time_limit { seconds: 1 nanos: 500000000 } if_step: 0
    request_id: "0190b4e4-9f2a-7cc3-98c4-dc0c0c07398f")");
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  EXPECT_EQ(arguments->options.epochs, 7);
  EXPECT_EQ(arguments->options.batch_size, 5);
  EXPECT_TRUE(arguments->options.keep_order);
  EXPECT_EQ(arguments->options.learning_rate, 0.25);
  EXPECT_TRUE(arguments->options.fit_normalization);
  EXPECT_EQ(arguments->options.time_limit, absl::Milliseconds(1500));
  EXPECT_EQ(arguments->write.if_step, 0);
  EXPECT_EQ(arguments->write.request_id, "0190b4e4-9f2a-7cc3-98c4-dc0c0c07398f");
}

TEST(CheckFitHeaderTest, FillsInDefaultsAndTakesWhatIsSet) {
  EXPECT_EQ(Fit("")->options.batch_size, 32);
  EXPECT_EQ(Fit("")->options.validation_fraction, 0);
  const auto arguments = Fit(R"(batch_size: 8 validation_fraction: 0.25
    early_stopping { patience: 3 min_delta: 0.5 restore_best: true })");
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  EXPECT_EQ(arguments->options.batch_size, 8);
  EXPECT_EQ(arguments->options.validation_fraction, 0.25);
  EXPECT_EQ(arguments->options.early_stopping->patience, 3);
  EXPECT_EQ(arguments->options.early_stopping->min_delta, 0.5);
  EXPECT_TRUE(arguments->options.early_stopping->restore_best);
}

struct BadOption {
  std::string text;
  std::string field;
  std::string description;
};

void PrintTo(const BadOption& bad, std::ostream* out) { *out << bad.text; }

class CommonOptionTest : public testing::TestWithParam<BadOption> {};

TEST_P(CommonOptionTest, IsRefusedInTrainAndInFit) {
  ExpectRefused(Train(GetParam().text).status(), GetParam().field, GetParam().description);
  ExpectRefused(Fit(GetParam().text).status(), absl::StrCat("header.", GetParam().field),
                GetParam().description);
}

INSTANTIATE_TEST_SUITE_P(
    Options, CommonOptionTest,
    testing::Values(
        BadOption{"epochs: -1", "epochs", "-1; must be 0 or more"},
        BadOption{"batch_size: -2", "batch_size", "-2; must be 0 or more"},
        BadOption{"learning_rate: 0", "learning_rate", "0; must be finite and above 0"},
        BadOption{"learning_rate: nan", "learning_rate", "nan; must be"},
        BadOption{"learning_rate: inf", "learning_rate", "inf; must be"},
        BadOption{"learning_rate: 1e39", "learning_rate", "as float32"},
        BadOption{"time_limit {}", "time_limit", "above 0"},
        BadOption{"time_limit { seconds: -1 }", "time_limit", "-1 s and 0 ns; must be a valid"},
        BadOption{"time_limit { seconds: 1 nanos: -1 }", "time_limit", "valid duration"},
        BadOption{"time_limit { nanos: 1000000000 }", "time_limit", "valid duration"},
        BadOption{"time_limit { seconds: 9223372036854775807 }", "time_limit",
                  "of at most 315576000000 s and 999999999 ns"},
        BadOption{"if_step: -1", "if_step", "-1; must be 0 or more"},
        BadOption{"request_id: 'x'", "request_id", "'x'; must be a UUID"}));

class FitOptionTest : public testing::TestWithParam<BadOption> {};

TEST_P(FitOptionTest, IsRefused) {
  ExpectRefused(Fit(GetParam().text).status(), absl::StrCat("header.", GetParam().field),
                GetParam().description);
}

INSTANTIATE_TEST_SUITE_P(
    Options, FitOptionTest,
    testing::Values(BadOption{"validation_fraction: 1", "validation_fraction", "1; must be in [0"},
                    BadOption{"validation_fraction: -0.1", "validation_fraction", "-0.1; must be"},
                    BadOption{"validation_fraction: nan", "validation_fraction", "nan; must be"},
                    BadOption{"early_stopping {}", "early_stopping.patience", "0; must be 1"},
                    BadOption{"early_stopping { patience: 1 min_delta: -1 }",
                              "early_stopping.min_delta", "-1; must be finite and 0 or more"},
                    BadOption{"early_stopping { patience: 1 min_delta: nan }",
                              "early_stopping.min_delta", "nan; must be"}));

TEST(CheckTrainTest, RefusesMoreEpochsThanTheLimit) {
  Limits limits;
  limits.max_epochs = 10;
  EXPECT_TRUE(Train("epochs: 10", limits).ok());
  ExpectRefused(Train("epochs: 11", limits).status(), "epochs", "11 exceeds max_epochs of 10",
                "LIMIT_EXCEEDED");
}

TEST(CheckTrainTest, ChecksTheExamples) {
  ExpectRefused(CheckTrain(v1::TrainRequest(), ContextOf(kBinary)).status(),
                "examples.inputs.shape", "[]; ");
}

TEST(WriteTrainReplyTest, WritesEveryFigureAndOnlyWhatIsDefined) {
  engine::Metrics metrics;
  metrics.accuracy = 0.75;
  TrainReply reply;
  reply.result.loss = 0.5;
  reply.result.epochs.push_back({.epoch = 1,
                                 .loss = 2,
                                 .validation_loss = 3,
                                 .validation_metrics = metrics,
                                 .learning_rate = 0.1,
                                 .gradient_norm = 4,
                                 .rows_per_second = 5,
                                 .model_step = 6});
  reply.result.best_epoch = 1;
  reply.result.stop_reason = engine::StopReason::kEarlyStopped;
  reply.result.steps_taken = 6;
  reply.model_step = 7;
  reply.replayed = true;
  v1::TrainResponse response;
  WriteTrainReply(reply, *ContextOf(kBinary).settings, kRoom, &response);
  const auto expected = FromText<v1::TrainResponse>(R"(
    loss: 0.5 epochs { epoch: 1 loss: 2 validation_loss: 3 validation_metrics { accuracy: 0.75 }
                       learning_rate: 0.1 gradient_norm: 4 rows_per_second: 5 model_step: 6 }
    best_epoch: 1 stop_reason: STOP_REASON_EARLY_STOPPED steps_taken: 6 model_step: 7
    replayed: true)");
  EXPECT_EQ(response.DebugString(), expected.DebugString());
}

TEST(WriteTrainReplyTest, SendsTheLastThousandReports) {
  TrainReply reply;
  reply.result.epochs.resize(1500);
  for (int64_t i = 0; i < 1500; ++i) reply.result.epochs[static_cast<size_t>(i)].epoch = i + 1;
  v1::TrainResponse response;
  WriteTrainReply(reply, *ContextOf(kBinary).settings, kRoom, &response);
  ASSERT_EQ(response.epochs_size(), 1000);
  EXPECT_EQ(response.epochs(0).epoch(), 501);
  EXPECT_EQ(response.epochs(999).epoch(), 1500);
}

TEST(WriteTrainReplyTest, SendsAsManyOfTheLastReportsAsTheMessageHasRoomFor) {
  TrainReply reply;
  reply.result.epochs.resize(900);
  for (size_t i = 0; i < 900; ++i) reply.result.epochs[i].epoch = static_cast<int64_t>(i) + 1;
  const ModelSettings settings;
  v1::TrainResponse whole;
  WriteTrainReply(reply, settings, kRoom, &whole);
  ASSERT_EQ(whole.epochs_size(), 900);
  for (const int64_t most : {300, 1'000, 5'000}) {
    v1::TrainResponse response;
    WriteTrainReply(reply, settings, most, &response);
    EXPECT_LE(static_cast<int64_t>(response.ByteSizeLong()), most);
    ASSERT_GT(response.epochs_size(), 0);
    for (int i = 0; i < response.epochs_size(); ++i) {
      EXPECT_EQ(response.epochs(i).epoch(), 900 - response.epochs_size() + 1 + i);
    }
  }
}

}  // namespace
}  // namespace chainrule::server
