#include "server/convert/digest.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "chainrule/v1/training_service.pb.h"
#include "gtest/gtest.h"
#include "server/convert/models.h"
#include "server/convert/training.h"
#include "server/convert/weights.h"
#include "tests/server/convert/support.h"

namespace chainrule::server {
namespace {

v1::SetWeightsRequest Weights(const v1::Tensor& biases) {
  v1::SetWeightsRequest request;
  request.set_model("models/iris");
  *request.add_layers()->mutable_biases() = biases;
  return request;
}

TEST(DigestMessageTest, IsTheSameForTheSameNumbersInEveryEncoding) {
  const ContentDigest values = DigestMessage(Weights(Values({3}, {1, 0.5, 7})));
  const std::vector<v1::Tensor> same = {
      RawTensor<float>(v1::DATA_TYPE_FLOAT32, {3}, {1, 0.5, 7}),
      RawTensor<float>(v1::DATA_TYPE_UNSPECIFIED, {3}, {1, 0.5, 7}),
      RawTensor<double>(v1::DATA_TYPE_FLOAT64, {3}, {1, 0.5, 7 + 1e-12})};
  for (const v1::Tensor& tensor : same) EXPECT_EQ(DigestMessage(Weights(tensor)), values);
  const auto bytes = RawTensor<uint8_t>(v1::DATA_TYPE_UINT8, {3}, {1, 2, 3});
  EXPECT_EQ(DigestMessage(Weights(bytes)), DigestMessage(Weights(Values({3}, {1, 2, 3}))));
}

TEST(DigestMessageTest, DiffersByNumberOrderAndShape) {
  const ContentDigest digest = DigestMessage(Weights(Values({2}, {1, 2})));
  EXPECT_NE(DigestMessage(Weights(Values({2}, {2, 1}))), digest);
  EXPECT_NE(DigestMessage(Weights(Values({2}, {1, 3}))), digest);
  EXPECT_NE(DigestMessage(Weights(Values({1, 2}, {1, 2}))), digest);
  EXPECT_NE(DigestMessage(Weights(Values({3}, {1, 2, 0}))), digest);
}

TEST(DigestMessageTest, LeavesOutTheRequestIdAndNothingElse) {
  v1::SetWeightsRequest request = Weights(Values({1}, {1}));
  const ContentDigest digest = DigestMessage(request);
  request.set_request_id("0190b4e4-9f2a-7cc3-98c4-dc0c0c07398f");
  EXPECT_EQ(DigestMessage(request), digest);
  request.set_reset_optimizer(true);
  EXPECT_NE(DigestMessage(request), digest);
  request.set_reset_optimizer(false);
  request.set_if_step(0);
  EXPECT_NE(DigestMessage(request), digest);
  request.clear_if_step();
  request.set_model("models/rose");
  EXPECT_NE(DigestMessage(request), digest);
}

TEST(DigestMessageTest, DiffersByKindOfRequest) {
  EXPECT_NE(DigestMessage(v1::SetWeightsRequest()), DigestMessage(v1::DeleteModelRequest()));
}

TEST(DigestMessageTest, DoesNotDependOnTheOrderOfAMap) {
  v1::Model forwards;
  v1::Model backwards;
  for (int i = 0; i < 50; ++i) {
    (*forwards.mutable_labels())[absl::StrCat("k", i)] = absl::StrCat(i);
    (*backwards.mutable_labels())[absl::StrCat("k", 49 - i)] = absl::StrCat(49 - i);
  }
  EXPECT_EQ(DigestMessage(forwards), DigestMessage(backwards));
  (*backwards.mutable_labels())["k0"] = "1";
  EXPECT_NE(DigestMessage(forwards), DigestMessage(backwards));
}

ContentDigest TrainDigest(const std::string& examples, const std::string& more = "") {
  const auto input = ReadTrain(
      SharedFromText<v1::TrainRequest>("request_id: 'a' examples {" + examples + "}" + more),
      ContextOf(kBinary));
  EXPECT_TRUE(input.ok()) << input.status();
  return input.ok() ? input->digest : ContentDigest{};
}

TEST(ReadTrainTest, DigestIsOfContent) {
  const std::string inputs = "inputs { shape: [2, 2] values: [1, 2, 3, 4] }";
  const ContentDigest digest = TrainDigest(inputs + "class_labels { ids: [0, 1] }");
  EXPECT_EQ(TrainDigest(inputs + "class_labels { ids: [0, 1] }",
                        "request_id: '0190b4e4-9f2a-7cc3-98c4-dc0c0c07398f'"),
            digest);
  EXPECT_EQ(TrainDigest(inputs + "class_labels { ids: [0, 1] } "
                                 "sample_weights { shape: 2 values: [1, 1] }"),
            digest);
  EXPECT_NE(TrainDigest(inputs + "class_labels { ids: [1, 0] }"), digest);
  EXPECT_NE(TrainDigest(inputs + "class_labels { ids: [0, 1] } "
                                 "sample_weights { shape: 2 values: [1, 2] }"),
            digest);
  EXPECT_NE(TrainDigest(inputs + "class_labels { ids: [0, 1] }", "epochs: 2"), digest);
  EXPECT_NE(TrainDigest("inputs { shape: [2, 2] values: [1, 2, 4, 3] }"
                        "class_labels { ids: [0, 1] }"),
            digest);
}

TEST(ReadCreateModelTest, DigestLeavesOutputOnlyFieldsOut) {
  v1::CreateModelRequest request;
  request.set_model_id("iris");
  *request.mutable_model()->mutable_spec() = FromText<v1::ModelSpec>(kIris);
  const ContentDigest digest = ReadCreateModel(request, Limits())->request.digest;
  request.mutable_model()->set_step(5);
  request.mutable_model()->set_etag("x");
  EXPECT_EQ(ReadCreateModel(request, Limits())->request.digest, digest);
  request.mutable_model()->mutable_spec()->set_seed(1);
  EXPECT_NE(ReadCreateModel(request, Limits())->request.digest, digest);
}

engine::ExampleChunk Classes(const std::vector<int32_t>& ids, const std::vector<float>& inputs) {
  engine::ExampleChunk chunk;
  chunk.rows = static_cast<int64_t>(ids.size());
  chunk.inputs = {engine::ElementType::kFloat32, inputs.data(), 1};
  chunk.class_ids = ids;
  return chunk;
}

TEST(RowsDigestTest, TellsWhichRowsHaveClassesAndWhichTargets) {
  const std::vector<float> inputs = {1, 1};
  const std::vector<int32_t> ids = {0};
  const float zero = 0;  // the same bytes as class 0
  engine::ExampleChunk by_class = Classes(ids, inputs);
  engine::ExampleChunk by_target = by_class;
  by_target.class_ids = {};
  by_target.targets = {engine::ElementType::kFloat32, &zero, 1};
  RowsDigest one;
  one.Add(by_class);
  one.Add(by_target);
  RowsDigest other;
  other.Add(by_target);
  other.Add(by_class);
  EXPECT_NE(one.Finish(), other.Finish());
}

}  // namespace
}  // namespace chainrule::server
