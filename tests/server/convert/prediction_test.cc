#include "server/convert/prediction.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/server/convert/support.h"

namespace chainrule::server {
namespace {

using Ranked = std::vector<std::pair<int, std::string>>;

constexpr char kInputs[] = "inputs { shape: [1, 4] values: [1, 2, 3, 4] }";
constexpr char kPair[] = "inputs { shape: [1, 2] values: [1, 2] }";

// What the reply says of one row whose outputs are these.
v1::PredictResponse Answer(const std::string& spec, const std::string& request,
                           const std::vector<float>& row) {
  const ModelContext model = ContextOf(spec);
  const auto message = FromText<v1::PredictRequest>(request);
  const auto arguments = CheckPredict(message, model);
  EXPECT_TRUE(arguments.ok()) << arguments.status();
  v1::PredictResponse response;
  if (!arguments.ok()) return response;
  PredictionReply reply(*arguments, &response);
  engine::MatrixView outputs;
  engine::MatrixView logits;
  reply.Place(model.network(), &outputs, &logits);
  std::copy(row.begin(), row.end(), outputs.data);
  for (int64_t i = 0; i < logits.size(); ++i) logits.data[i] = -1;
  reply.Finish(*model.settings, 12);
  return response;
}

Ranked Classes(const std::string& spec, const std::string& request, const std::vector<float>& row) {
  Ranked ranked;
  const auto response = Answer(spec, request + " include: PREDICTION_PART_CLASSES", row);
  EXPECT_EQ(response.rows_size(), 1);
  if (response.rows_size() == 0) return ranked;
  for (const auto& entry : response.rows(0).classes()) {
    ranked.emplace_back(entry.id(), entry.name());
  }
  return ranked;
}

TEST(PredictTest, AnswersValuesUnlessAskedForMore) {
  const auto response = Answer(kIris, kInputs, {0.25, 0.5, 0.25});
  EXPECT_EQ(response.DebugString(), FromText<v1::PredictResponse>(R"(
    outputs { dtype: DATA_TYPE_FLOAT32 shape: [1, 3] values: [0.25, 0.5, 0.25] } model_step: 12)")
                                        .DebugString());
}

TEST(PredictTest, AnswersOnlyThePartsAskedFor) {
  const auto response =
      Answer(kIris, absl::StrCat(kInputs, "include: PREDICTION_PART_LOGITS"), {0.25, 0.5, 0.25});
  EXPECT_FALSE(response.has_outputs());
  EXPECT_EQ(response.logits().values_size(), 3);
  EXPECT_EQ(response.rows_size(), 0);
}

TEST(PredictTest, AnswersInTheEncodingOfTheInputs) {
  v1::PredictRequest request;
  *request.mutable_inputs() = RawTensor<float>(v1::DATA_TYPE_FLOAT32, {1, 4}, {1, 2, 3, 4});
  EXPECT_EQ(CheckPredict(request, ContextOf(kIris))->encoding, v1::TENSOR_ENCODING_RAW);
}

TEST(PredictClassesTest, RanksTheBestFirstAndEqualsById) {
  EXPECT_EQ(Classes(kIris, kInputs, {0.1F, 0.7F, 0.2F}), (Ranked{{1, "versicolor"}}));
  EXPECT_EQ(Classes(kIris, absl::StrCat(kInputs, "top_k: 2"), {0.4F, 0.2F, 0.4F}),
            (Ranked{{0, "setosa"}, {2, "virginica"}}));
  EXPECT_EQ(Classes(kIris, absl::StrCat(kInputs, "top_k: 9"), {0.1F, 0.7F, 0.2F}),
            (Ranked{{1, "versicolor"}, {2, "virginica"}, {0, "setosa"}}));
}

TEST(PredictClassesTest, OneSigmoidUnitSaysYesFromTheThresholdOn) {
  EXPECT_EQ(Classes(kBinary, kPair, {0.5}), (Ranked{{1, ""}}));
  EXPECT_EQ(Classes(kBinary, kPair, {0.25}), (Ranked{{0, ""}}));
  EXPECT_EQ(Classes(kBinary, absl::StrCat(kPair, "threshold: 0.25"), {0.25}), (Ranked{{1, ""}}));
  EXPECT_EQ(Classes(kBinary, absl::StrCat(kPair, "threshold: 0.75 top_k: 2"), {0.7F}),
            (Ranked{{0, ""}, {1, ""}}));
}

TEST(PredictClassesTest, ScoresClassZeroOfOneUnitWithTheRest) {
  const auto response =
      Answer(kBinary, absl::StrCat(kPair, "include: PREDICTION_PART_CLASSES top_k: 2"), {0.25});
  EXPECT_EQ(response.rows(0).classes(0).score(), 0.75);
  EXPECT_EQ(response.rows(0).classes(1).score(), 0.25);
}

TEST(PredictClassesTest, MultiLabelAnswersAllThatReachTheThreshold) {
  EXPECT_EQ(Classes(kLabels, kPair, {0.5, 0.25, 0.75}), (Ranked{{2, "blue"}, {0, "red"}}));
  EXPECT_EQ(Classes(kLabels, absl::StrCat(kPair, "threshold: 0.8"), {0.5, 0.25, 0.75}), Ranked());
  EXPECT_EQ(Classes(kLabels, absl::StrCat(kPair, "top_k: 1"), {0.125, 0.25, 0.375}),
            (Ranked{{2, "blue"}}));
}

TEST(PredictClassesTest, PutsWhatIsNotANumberLast) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(Classes(kIris, absl::StrCat(kInputs, "top_k: 3"), {nan, 0.25, nan}),
            (Ranked{{1, "versicolor"}, {0, "setosa"}, {2, "virginica"}}));
}

absl::Status Refusal(const std::string& spec, const std::string& request,
                     const Limits& limits = {}) {
  return CheckPredict(FromText<v1::PredictRequest>(request), ContextOf(spec, limits)).status();
}

TEST(CheckPredictTest, RefusesByNameValueAndRange) {
  ExpectRefused(Refusal(kIris, ""), "inputs.shape", "[]; model 'iris' expects [rows, 4]");
  ExpectRefused(Refusal(kIris, absl::StrCat(kInputs, "include: PREDICTION_PART_UNSPECIFIED")),
                "include[0]", "0; ");
  ExpectRefused(Refusal(kIris, absl::StrCat(kInputs, "include: PREDICTION_PART_VALUES include: 9")),
                "include[1]", "9; ");
  ExpectRefused(Refusal(kIris, absl::StrCat(kInputs, "top_k: -1")), "top_k", "-1; must be 0");
  ExpectRefused(Refusal(kIris, absl::StrCat(kInputs, "threshold: 1.5")), "threshold",
                "1.5; must be in [0, 1]");
  ExpectRefused(Refusal(kIris, absl::StrCat(kInputs, "threshold: nan")), "threshold", "nan; ");
  ExpectRefused(Refusal(kIris, absl::StrCat(kInputs, "encoding: 7")), "encoding", "7; ");
  ExpectRefused(Refusal(kRegression, absl::StrCat(kPair, "include: PREDICTION_PART_CLASSES")),
                "include", "regression");
}

TEST(CheckPredictTest, RefusesWhatWouldDecideNothing) {
  const std::string classes = " include: PREDICTION_PART_CLASSES ";
  ExpectRefused(Refusal(kIris, absl::StrCat(kInputs, "top_k: 2")), "top_k",
                "2; only allowed with PREDICTION_PART_CLASSES");
  ExpectRefused(Refusal(kBinary, absl::StrCat(kPair, "threshold: 0.25")), "threshold",
                "0.25; only allowed with PREDICTION_PART_CLASSES");
  ExpectRefused(Refusal(kIris, absl::StrCat(kInputs, classes, "threshold: 0.25")), "threshold",
                "0.25; only allowed with PREDICTION_PART_CLASSES of one unit or of multi_label");
  EXPECT_TRUE(Refusal(kIris, absl::StrCat(kInputs, classes, "top_k: 2")).ok());
  EXPECT_TRUE(Refusal(kBinary, absl::StrCat(kPair, classes, "threshold: 0.25")).ok());
  EXPECT_TRUE(Refusal(kLabels, absl::StrCat(kPair, classes, "threshold: 0.25")).ok());
}

TEST(CheckPredictTest, RefusesAnswersThatNoMessageHolds) {
  Limits limits;
  limits.max_message_bytes = 400;
  const std::string request = "inputs { shape: [2, 4] values: [1, 2, 3, 4, 5, 6, 7, 8] }";
  EXPECT_TRUE(Refusal(kIris, request, limits).ok());
  ExpectRefused(Refusal(kIris, request + " include: PREDICTION_PART_CLASSES top_k: 3", limits),
                "inputs", "max_message_bytes", "LIMIT_EXCEEDED");
}

TEST(CheckPredictTest, TakesNoRows) {
  EXPECT_EQ(Answer(kIris, "inputs { shape: [0, 4] }", {}).outputs().shape(0), 0);
}

}  // namespace
}  // namespace chainrule::server
