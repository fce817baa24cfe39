#include "server/convert/apply_gradients.h"

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/convert/support.h"

namespace chainrule::server {
namespace {

constexpr char kSmall[] = "input_width: 2 layers { units: 2 } layers { units: 1 }";
constexpr char kGood[] = "layers { index: 1 biases { shape: 1 values: 3 } }";

absl::StatusOr<ApplyGradientsInput> Read(const v1::ApplyGradientsRequest& request) {
  return ReadApplyGradients(std::make_shared<const v1::ApplyGradientsRequest>(request),
                            ContextOf(kSmall));
}

std::string With(const std::string& contribution) {
  return "contributions { " + contribution + " }";
}

struct BadGradients {
  std::string request;
  std::string field;
  std::string text;
};

void PrintTo(const BadGradients& bad, std::ostream* out) { *out << bad.request; }

class BadGradientsTest : public testing::TestWithParam<BadGradients> {};

TEST_P(BadGradientsTest, IsRefused) {
  const auto request = FromText<v1::ApplyGradientsRequest>(GetParam().request);
  ExpectRefused(CheckApplyGradients(request, ContextOf(kSmall)).status(), GetParam().field,
                GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(
    ApplyGradients, BadGradientsTest,
    testing::Values(
        BadGradients{"", "contributions", "none; at least one"},
        BadGradients{"contributions {}", "contributions[0].layers", "no tensors; at least one"},
        BadGradients{With(kGood) + With("layers { index: 1 }"), "contributions[1].layers",
                     "no tensors"},
        BadGradients{With("layers { index: 2 biases { shape: 1 values: 1 } }"),
                     "contributions[0].layers[0].index", "2; must be 0 to 1"},
        BadGradients{With(std::string(kGood) + kGood), "contributions[0].layers[1].index",
                     "1; is named twice"},
        BadGradients{With("layers { weights { shape: [1, 2] values: [1, 2] } }"),
                     "contributions[0].layers[0].weights.shape",
                     "[1, 2]; layer 0 of model 'iris' has [2, 2]"},
        BadGradients{With("layers { biases { shape: 2 values: 1 } }"),
                     "contributions[0].layers[0].biases.values", "1 elements; the shape [2]"},
        BadGradients{With(std::string(kGood) + " weight: 0"), "contributions[0].weight",
                     "0; must be finite and above 0"},
        BadGradients{With(std::string(kGood) + " weight: -2"), "contributions[0].weight", "-2;"},
        BadGradients{With(kGood) + With(std::string(kGood) + " weight: inf"),
                     "contributions[1].weight", "inf; must be finite"},
        BadGradients{With(std::string(kGood) + " weight: nan"), "contributions[0].weight", "nan;"},
        BadGradients{With(std::string(kGood) + " base_step: -1"), "contributions[0].base_step",
                     "-1; must be 0 or more"},
        BadGradients{With(kGood) + "max_staleness: -1", "max_staleness", "-1; must be 0 or more"},
        BadGradients{With(std::string(kGood) + " base_step: 3") + With(kGood) + "max_staleness: 1",
                     "contributions[1].base_step", "unset; max_staleness requires each"},
        BadGradients{With(kGood) + "if_step: -1", "if_step", "-1; must be 0 or more"},
        BadGradients{With(kGood) + "request_id: 'x'", "request_id", "must be a UUID"}));

TEST(CheckApplyGradientsTest, NamesEveryNumberThatIsWrong) {
  const auto request = FromText<v1::ApplyGradientsRequest>(
      With(std::string(kGood) + " weight: 0 base_step: -1") + "max_staleness: -7");
  EXPECT_EQ(engine::GetErrorDetail(CheckApplyGradients(request, ContextOf(kSmall)).status())
                .violations.size(),
            3U);
}

TEST(CheckApplyGradientsTest, RefusesMoreContributionsThanTheLimit) {
  Limits limits;
  limits.max_contributions = 1;
  ExpectRefused(CheckApplyGradients(FromText<v1::ApplyGradientsRequest>(With(kGood) + With(kGood)),
                                    ContextOf(kSmall, limits))
                    .status(),
                "contributions", "max_contributions", "LIMIT_EXCEEDED");
}

TEST(ReadApplyGradientsTest, NamesTheElementThatIsNotFinite) {
  ExpectRefused(
      Read(FromText<v1::ApplyGradientsRequest>(
               With(kGood) + With("layers { weights { shape: [2, 2] values: [1, 2, inf, 4] } }")))
          .status(),
      "contributions[1].layers[0].weights", "row 1, column 0: inf; must be finite");
  ExpectRefused(Read(FromText<v1::ApplyGradientsRequest>(
                         With("layers { biases { shape: 2 values: [1, nan] } }")))
                    .status(),
                "contributions[0].layers[0].biases", "row 1: nan; must be finite");
}

TEST(ReadApplyGradientsTest, TakesWhatWasSent) {
  const auto request = FromText<v1::ApplyGradientsRequest>(
      With(std::string(kGood) + "layers { weights { shape: [2, 2] values: [1, 2, 3, 4] } }" +
           " weight: 2.5 base_step: 4") +
      With(kGood) + "if_step: 5");
  const auto arguments = CheckApplyGradients(request, ContextOf(kSmall));
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  EXPECT_EQ(arguments->write.if_step, 5);
  EXPECT_EQ(arguments->max_staleness, std::nullopt);
  const auto input = Read(request);
  ASSERT_TRUE(input.ok()) << input.status();
  ASSERT_EQ(input->contributions.size(), 2U);
  EXPECT_EQ(input->base_steps, (std::vector<std::optional<int64_t>>{4, std::nullopt}));
  EXPECT_EQ(input->contributions[0].weight, 2.5);
  EXPECT_EQ(input->contributions[1].weight, 1.0);
  const auto& layers = input->contributions[0].layers;
  ASSERT_EQ(layers.size(), 2U);
  EXPECT_EQ(layers[0].index, 1);
  EXPECT_EQ(layers[0].biases(0, 0), 3.0F);
  EXPECT_EQ(layers[0].weights.data, nullptr);
  EXPECT_EQ(layers[1].weights(1, 0), 3.0F);
}

TEST(ReadApplyGradientsTest, ShowsTheSameNumbersFromEveryEncoding) {
  std::vector<ContentDigest> digests;
  for (const v1::Tensor& tensor :
       {Values({2}, {5, 6}), RawTensor<float>(v1::DATA_TYPE_FLOAT32, {2}, {5, 6}),
        RawTensor<double>(v1::DATA_TYPE_FLOAT64, {2}, {5, 6})}) {
    v1::ApplyGradientsRequest request;
    request.set_request_id("a");
    *request.add_contributions()->add_layers()->mutable_biases() = tensor;
    const auto input = Read(request);
    ASSERT_TRUE(input.ok()) << input.status();
    EXPECT_EQ(input->contributions[0].layers[0].biases(0, 1), 6.0F);
    digests.push_back(input->digest);
  }
  EXPECT_EQ(digests[0], digests[1]);
  EXPECT_EQ(digests[0], digests[2]);
}

TEST(ReadApplyGradientsTest, DigestTellsContentsApart) {
  const auto digest = [](const std::string& text) {
    return Read(FromText<v1::ApplyGradientsRequest>("request_id: 'a' " + text))->digest;
  };
  const ContentDigest first = digest(With(kGood));
  EXPECT_EQ(digest(With(kGood) + "request_id: '123e4567-e89b-12d3-a456-426614174000'"), first);
  EXPECT_NE(digest(With(std::string(kGood) + " weight: 2")), first);
  EXPECT_NE(digest(With(std::string(kGood) + " base_step: 0")), first);
  EXPECT_NE(digest(With(kGood) + With(kGood)), first);
}

}  // namespace
}  // namespace chainrule::server
