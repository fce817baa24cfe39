#include "server/convert/evaluation.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/server/convert/support.h"

namespace chainrule::server {
namespace {

constexpr int64_t kRoom = 1 << 20;
constexpr char kRows[] =
    "examples { inputs { shape: [1, 2] values: [1, 2] } class_labels { ids: 1 } } ";

absl::StatusOr<double> Threshold(const std::string& more) {
  return CheckEvaluate(FromText<v1::EvaluateRequest>(absl::StrCat(kRows, more)),
                       ContextOf(kBinary));
}

TEST(CheckEvaluateTest, SaysYesFromAHalfOnUnlessToldOtherwise) {
  EXPECT_EQ(*Threshold(""), 0.5);
  EXPECT_EQ(*Threshold("threshold: 0"), 0);
  ExpectRefused(Threshold("threshold: -0.1").status(), "threshold", "-0.1; must be in [0, 1]");
  ExpectRefused(Threshold("threshold: nan").status(), "threshold", "nan; must be in [0, 1]");
  ExpectRefused(CheckEvaluate(v1::EvaluateRequest(), ContextOf(kBinary)).status(),
                "examples.inputs.shape", "[]; ");
}

TEST(WriteEvaluationTest, LeavesWhatIsUndefinedUnset) {
  engine::Evaluation evaluation;
  evaluation.loss = 0.5;
  evaluation.metrics.recall = 0;
  evaluation.metrics.r_squared = -2;
  v1::EvaluateResponse response;
  WriteEvaluation(evaluation, *ContextOf(kBinary).settings, 3, 7, kRoom, &response);
  EXPECT_EQ(response.DebugString(), FromText<v1::EvaluateResponse>(R"(
    loss: 0.5 metrics { recall: 0 r_squared: -2 } model_step: 3 rows: 7)")
                                        .DebugString());
}

v1::ConfusionMatrix Confusion(const std::string& spec) {
  engine::Metrics metrics;
  metrics.classes = 2;
  metrics.confusion = {1, 2, 3, 4};
  v1::Metrics message;
  WriteMetrics(metrics, *ContextOf(spec).settings, kRoom, &message);
  return message.confusion_matrix();
}

TEST(WriteMetricsTest, NamesTheClassesOfTheConfusionMatrix) {
  EXPECT_EQ(Confusion(absl::StrCat(kBinary, " class_names: ['no', 'yes']")).DebugString(),
            FromText<v1::ConfusionMatrix>("class_names: ['no', 'yes'] values: [1, 2, 3, 4]")
                .DebugString());
  EXPECT_EQ(
      Confusion(kBinary).DebugString(),
      FromText<v1::ConfusionMatrix>("class_names: ['0', '1'] values: [1, 2, 3, 4]").DebugString());
}

TEST(WriteMetricsTest, LeavesOutAMatrixThatTheMessageHasNoRoomFor) {
  engine::Metrics metrics;
  metrics.accuracy = 0.25;
  metrics.classes = 40;
  metrics.confusion.assign(40 * 40, 1.0);
  const ModelSettings settings;
  v1::Metrics whole;
  WriteMetrics(metrics, settings, kRoom, &whole);
  ASSERT_EQ(whole.confusion_matrix().values_size(), 1'600);
  for (const int64_t most : {100, 1'000, 12'000, 13'000, 14'000, 16'000}) {
    v1::Metrics message;
    WriteMetrics(metrics, settings, most, &message);
    EXPECT_EQ(message.accuracy(), 0.25);
    EXPECT_LE(static_cast<int64_t>(message.ByteSizeLong()), std::max<int64_t>(most, 64));
    const bool has_room = static_cast<int64_t>(whole.ByteSizeLong()) + 2'000 < most;
    EXPECT_TRUE(message.has_confusion_matrix() || !has_room) << most;
  }
}

}  // namespace
}  // namespace chainrule::server
