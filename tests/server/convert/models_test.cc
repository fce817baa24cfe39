#include "server/convert/models.h"

#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/server/convert/support.h"

namespace chainrule::server {
namespace {

using Labels = std::map<std::string, std::string>;

constexpr char kModel[] = "model_id: 'iris' model { spec { input_width: 2 layers { units: 1 } } } ";

absl::StatusOr<CreateModelInput> Create(const std::string& more) {
  return ReadCreateModel(FromText<v1::CreateModelRequest>(absl::StrCat(kModel, more)), Limits());
}

TEST(ReadCreateModelTest, ReadsSpecLabelsAndRequestId) {
  const auto input = Create(
      "model { name: 'models/iris' labels { key: 'team' value: 'a' } } validate_only: true "
      "request_id: '0190B4E4-9f2a-7cc3-98c4-dc0c0c07398f'");
  ASSERT_TRUE(input.ok()) << input.status();
  EXPECT_EQ(input->id, "iris");
  EXPECT_EQ(input->settings->network.output_width(), 1);
  EXPECT_EQ(input->labels, (Labels{{"team", "a"}}));
  EXPECT_EQ(input->request.id, "0190b4e4-9f2a-7cc3-98c4-dc0c0c07398f");
  EXPECT_TRUE(input->validate_only);
}

TEST(ReadCreateModelTest, RefusesByNameValueAndRange) {
  ExpectRefused(Create("model_id: 'Iris'").status(), "model_id", "'Iris'; must be [a-z]");
  ExpectRefused(Create("model { name: 'models/rose' }").status(), "model.name",
                "'models/rose'; must be empty or 'models/iris'");
  ExpectRefused(Create("request_id: '1'").status(), "request_id", "'1'; must be a UUID");
  ExpectRefused(Create("model { spec { loss: 55 } }").status(), "model.spec.loss", "55; ");
  ExpectRefused(Create("model { labels { key: 'Team' value: 'a' } }").status(),
                "model.labels['Team']", "the key must be");
  ExpectRefused(
      ReadCreateModel(FromText<v1::CreateModelRequest>("model_id: 'a'"), Limits()).status(),
      "model.spec", "is required");
}

TEST(ReadCreateModelTest, CountsLabelsAndTheirCharacters) {
  v1::CreateModelRequest request = FromText<v1::CreateModelRequest>(kModel);
  auto& labels = *request.mutable_model()->mutable_labels();
  for (int i = 0; i < 64; ++i) labels[absl::StrCat("k", i)] = absl::StrCat(i);
  std::string value;
  for (int i = 0; i < 63; ++i) value += "ä";
  labels["k0"] = value;
  EXPECT_TRUE(ReadCreateModel(request, Limits()).ok());
  labels["k0"] = value + "x";
  ExpectRefused(ReadCreateModel(request, Limits()).status(), "model.labels['k0']",
                "64 characters; must be 63 or fewer");
  labels["k0"] = "";
  labels["k64"] = "";
  ExpectRefused(ReadCreateModel(request, Limits()).status(), "model.labels",
                "65 labels; must be 64 or fewer");
}

absl::StatusOr<UpdateModelInput> Update(const std::string& text) {
  return ReadUpdateModel(FromText<v1::UpdateModelRequest>(text));
}

TEST(ReadUpdateModelTest, WithoutAMaskTakesWhatTheModelHas) {
  const auto nothing = Update("model { name: 'models/iris' spec { seed: 3 } }");
  ASSERT_TRUE(nothing.ok()) << nothing.status();
  EXPECT_FALSE(nothing->update.labels || nothing->update.learning_rate);
  const auto both = Update(
      "model { name: 'models/iris' etag: 'e' labels { key: 'a' value: 'b' } "
      "spec { optimizer { learning_rate: 0.25 } } }");
  EXPECT_EQ(both->id, "iris");
  EXPECT_EQ(both->etag, "e");
  EXPECT_EQ(*both->update.labels, (Labels{{"a", "b"}}));
  EXPECT_EQ(*both->update.learning_rate, 0.25);
}

TEST(ReadUpdateModelTest, WithAMaskTakesWhatItNames) {
  const auto update = Update(
      "model { name: 'models/iris' spec { optimizer { learning_rate: 0.25 } } } "
      "update_mask { paths: 'labels' }");
  ASSERT_TRUE(update.ok()) << update.status();
  EXPECT_EQ(*update->update.labels, Labels());  // named and empty: cleared
  EXPECT_FALSE(update->update.learning_rate.has_value());
}

TEST(ReadUpdateModelTest, RefusesByNameValueAndRange) {
  ExpectRefused(Update("").status(), "model.name", "''; must be models/{model}");
  ExpectRefused(Update("model { name: 'models/iris@3' }").status(), "model.name", "live model");
  ExpectRefused(
      Update("model { name: 'models/iris' } update_mask { paths: ['labels', 'spec.seed'] }")
          .status(),
      "update_mask.paths[1]", "'spec.seed'; must be labels or spec.optimizer.learning_rate");
  ExpectRefused(Update("model { name: 'models/iris' } update_mask { paths: "
                       "'spec.optimizer.learning_rate' }")
                    .status(),
                "model.spec.optimizer.learning_rate", "unset");
  ExpectRefused(
      Update("model { name: 'models/iris' spec { optimizer { learning_rate: 0 } } }").status(),
      "model.spec.optimizer.learning_rate", "0; must be finite and above 0");
}

TEST(ReadDeleteModelTest, ReadsNameEtagAndRequestId) {
  const auto input =
      ReadDeleteModel(FromText<v1::DeleteModelRequest>("name: 'models/iris' etag: 'e'"));
  ASSERT_TRUE(input.ok()) << input.status();
  EXPECT_EQ(input->id, "iris");
  EXPECT_EQ(input->etag, "e");
  ExpectRefused(ReadDeleteModel(v1::DeleteModelRequest()).status(), "name", "''; must be");
}

TEST(WriteModelTest, ShowsTheResource) {
  ModelDescription description;
  description.id = "iris";
  description.uid = "u";
  description.settings = ContextOf(kBinary).settings;
  description.normalization = std::make_shared<const engine::Normalization>();
  description.step = 5;
  description.parameter_count = 3;
  description.labels = {{"a", "b"}};
  description.create_time = absl::FromUnixMillis(-1);
  v1::Model model;
  WriteModel(description, &model);
  EXPECT_EQ(model.name(), "models/iris");
  EXPECT_EQ(model.state(), v1::MODEL_STATE_READY);
  EXPECT_EQ(model.step(), 5);
  EXPECT_EQ(model.labels().at("a"), "b");
  EXPECT_EQ(model.spec().optimizer().learning_rate(), 0.1);
  EXPECT_EQ(model.create_time().seconds(), -1);  // as Timestamp counts: down, and then up
  EXPECT_EQ(model.create_time().nanos(), 999'000'000);
}

}  // namespace
}  // namespace chainrule::server
