#include "server/convert/names.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/convert/violations.h"
#include "tests/server/convert/support.h"

namespace chainrule::server {
namespace {

TEST(NamesTest, AcceptsIdsOfTheContractsForm) {
  for (const std::string id : {"a", "iris", "a1", "a-b_c", "a--b"})
    EXPECT_TRUE(IsModelId(id)) << id;
  EXPECT_TRUE(IsModelId(std::string(63, 'a')));
}

TEST(NamesTest, RefusesOtherIds) {
  for (const std::string id : {"", "A", "1a", "a-", "a_", "-a", "a b", "a@b", "a/b", "ä", "aB"}) {
    EXPECT_FALSE(IsModelId(id)) << id;
    ExpectRefused(CheckModelId(id, "model_id"), "model_id", "must be [a-z]");
  }
  EXPECT_FALSE(IsModelId(std::string(64, 'a')));
  EXPECT_FALSE(IsModelId(absl::string_view("a\0b", 3)));
}

TEST(NamesTest, ParsesWhatItFormats) {
  const auto live = ParseModelReference(ModelName("iris"), "model");
  ASSERT_TRUE(live.ok());
  EXPECT_EQ(live->id, "iris");
  EXPECT_EQ(live->revision, "");
}

TEST(NamesTest, ParsesVersionsAndAliases) {
  EXPECT_EQ(ParseModelReference("models/iris@3", "model")->revision, "3");
  EXPECT_EQ(ParseModelReference("models/iris@prod", "model")->revision, "prod");
}

TEST(NamesTest, RefusesWhatIsNoModelName) {
  for (const std::string name :
       {"", "iris", "models/", "models/Iris", "model/iris", "models/iris/x", "models/iris@",
        "models/iris@0", "models/iris@03", "models/iris@-1", "models/iris@a@b", "models/@1",
        "models/iris@99999999999999999999", "/models/iris", "models/iris "}) {
    ExpectRefused(ParseModelReference(name, "model").status(), "model",
                  absl::StrCat(Echo(name),
                               "; must be models/{model}, models/{model}@{version} or "
                               "models/{model}@{alias}: a version from 1 on, "));
    ExpectRefused(ParseLiveModel(name, "model").status(), "model",
                  absl::StrCat(Echo(name), "; must be models/{model} with an id of the form"));
  }
}

TEST(NamesTest, ARevisionIsANumberOrAnAlias) {
  for (const std::string revision : {"1", "42", "prod"}) {
    EXPECT_TRUE(CheckRevision(revision, "version").ok()) << revision;
  }
  for (const std::string revision : {"", "0", "-1", "01", "Prod", "99999999999999999999"}) {
    ExpectRefused(CheckRevision(revision, "version"), "version",
                  absl::StrCat("'", revision, "'; must be a version's number or an alias"));
  }
}

TEST(NamesTest, WritersTakeNoVersion) {
  EXPECT_EQ(*ParseLiveModel("models/iris", "model"), "iris");
  ExpectRefused(ParseLiveModel("models/iris@3", "model").status(), "model",
                "must name the live model");
}

TEST(NamesTest, RequestIdsAreUuidsOfAnyVersionAndCase) {
  EXPECT_EQ(*ParseRequestId(""), "");
  EXPECT_EQ(*ParseRequestId("0190B4E4-9F2A-7CC3-98C4-DC0C0C07398F"),
            "0190b4e4-9f2a-7cc3-98c4-dc0c0c07398f");
  for (const std::string id :
       {"x", "0190b4e4-9f2a-7cc3-98c4-dc0c0c07398", "0190b4e4-9f2a-7cc3-98c4-dc0c0c07398g",
        "0190b4e49f2a7cc398c4dc0c0c07398f", "{190b4e4-9f2a-7cc3-98c4-dc0c0c07398f"}) {
    ExpectRefused(ParseRequestId(id).status(), "request_id", "must be a UUID");
  }
}

TEST(EchoTest, StaysWithin64BytesAndBetweenCharacters) {
  EXPECT_EQ(Echo("a\nb"), "'a?b'");
  for (size_t length = 55; length < 70; ++length) {
    std::string text(length, 'x');
    text += "äöü€ and more text that is too long";
    const std::string echo = Echo(text);
    EXPECT_LE(echo.size(), 64U);
    // Cut inside a character, the last byte before the ellipsis would start one.
    const std::string before = echo.substr(0, echo.size() - std::string("…'").size());
    EXPECT_TRUE(before.back() == 'x' || absl::StrContains("äöü€", before.substr(length + 1)))
        << echo;
  }
}

TEST(UnknownEnumTest, NamesWhatIsAllowed) {
  EXPECT_EQ(UnknownEnum(7, *v1::TensorEncoding_descriptor()),
            "7; must be TENSOR_ENCODING_VALUES or TENSOR_ENCODING_RAW");
  EXPECT_EQ(UnknownEnum(-1, *v1::DataType_descriptor()),
            "-1; must be DATA_TYPE_FLOAT32, DATA_TYPE_FLOAT64 or DATA_TYPE_UINT8");
  EXPECT_EQ(UnknownEnum(9, *v1::DataType_descriptor(), {0, v1::DATA_TYPE_UINT8}),
            "9; must be DATA_TYPE_FLOAT32 or DATA_TYPE_FLOAT64");
}

TEST(InMessageTest, TheNumberIsInTheMessageAndInTheMetadata) {
  const absl::Status status =
      InMessage(12, engine::LimitExceeded("examples", "max_fit_bytes", 9, 8));
  EXPECT_EQ(status.message(), "message 12: examples: 9 exceeds max_fit_bytes of 8");
  const engine::ErrorDetail detail = engine::GetErrorDetail(status);
  EXPECT_THAT(detail.metadata, ::testing::Contains(::testing::Pair("message", "12")));
  EXPECT_THAT(detail.metadata, ::testing::Contains(::testing::Pair("value", "9")));
}

TEST(ViolationsTest, KeepsSixteenAndCountsTheOthers) {
  Violations violations;
  EXPECT_TRUE(violations.ToStatus().ok());
  for (int i = 0; i < 40; ++i) violations.Add(absl::StrCat("f", i), std::string(64, 'x'));
  const absl::Status status = violations.ToStatus();
  EXPECT_EQ(engine::GetErrorDetail(status).violations.size(), 16U);
  EXPECT_EQ(engine::GetErrorDetail(status).more_violations, 24);
  EXPECT_EQ(engine::GetErrorDetail(Under("header", status)).more_violations, 24);
  EXPECT_TRUE(absl::StrContains(status.message(), "(and 39 more)")) << status;
}

}  // namespace
}  // namespace chainrule::server
