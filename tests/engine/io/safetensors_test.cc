#include "engine/io/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace chainrule::engine {
namespace {

using testing::HasSubstr;

// A header of one tensor beside `data_bytes` of data.
absl::Status Parse(const std::string& json, int64_t data_bytes) {
  return ParseSafetensorsHeader(json, 8 + static_cast<int64_t>(json.size()) + data_bytes).status();
}

std::string Entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return absl::StrCat("{\"t\":{\"dtype\":\"", dtype, "\",\"shape\":", shape,
                      ",\"data_offsets\":", offsets, "}}");
}

TEST(SafetensorsTest, ReadsWhatItWrote) {
  std::vector<SafetensorsTensor> tensors = {{"layers.0.weight", "F32", {3, 2}, 0, 0},
                                            {"layers.0.bias", "F32", {3}, 0, 0},
                                            {"step", "I64", {}, 0, 0}};
  const std::string bytes = WriteSafetensorsHeader(&tensors, {{"format", "pt"}});
  EXPECT_EQ(bytes.size() % 8, 0U);
  const int64_t file_bytes = static_cast<int64_t>(bytes.size()) + 24 + 12 + 8;
  const absl::StatusOr<int64_t> header_bytes = SafetensorsHeaderBytes(bytes, file_bytes);
  ASSERT_TRUE(header_bytes.ok());
  ASSERT_EQ(*header_bytes + 8, static_cast<int64_t>(bytes.size()));
  const auto header = ParseSafetensorsHeader(absl::string_view(bytes).substr(8), file_bytes);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->metadata.at("format"), "pt");
  ASSERT_NE(header->Find("layers.0.bias"), nullptr);
  EXPECT_EQ(header->Find("layers.0.bias")->begin, 24);
  EXPECT_EQ(header->Find("step")->end, 44);
  EXPECT_EQ(header->Find("missing"), nullptr);
}

TEST(SafetensorsTest, ReadsTheFormatsOwnExample) {
  // As the format's description gives it: offsets relative to the data, spaces at the end.
  const std::string json = R"({"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}}     )";
  EXPECT_TRUE(Parse(json, 16).ok());
}

TEST(SafetensorsTest, RefusesALengthThatWrapsOrDoesNotFit) {
  EXPECT_FALSE(SafetensorsHeaderBytes(std::string(8, '\xFF'), 1000).ok());
  EXPECT_FALSE(SafetensorsHeaderBytes(std::string("\x10\0\0\0\0\0\0\0", 8), 23).ok());
  EXPECT_TRUE(SafetensorsHeaderBytes(std::string("\x10\0\0\0\0\0\0\0", 8), 24).ok());
  EXPECT_FALSE(SafetensorsHeaderBytes("short", 5).ok());
}

struct BadHeader {
  const char* what;
  std::string json;
  int64_t data_bytes;
  const char* message;
};

TEST(SafetensorsTest, RefusesWhatDoesNotDescribeItsBytes) {
  const std::string two =
      R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":)";
  const std::vector<BadHeader> cases = {
      {"not JSON", "{\"t\":", 0, "not JSON"},
      {"another start", " {}", 0, "begin with"},
      {"a list", "[]", 0, "begin with"},
      {"a key twice", R"({"t":1,"t":2})", 0, "occurs twice"},
      {"deep nesting", "{\"t\":" + std::string(1000, '[') + std::string(1000, ']') + "}", 0,
       "nested deeper"},
      {"negative offset", Entry("F32", "[1]", "[-4,0]"), 4, "not a size"},
      {"reversed offsets", Entry("F32", "[1]", "[4,0]"), 4, "before it begins"},
      {"product that wraps to 0", Entry("F32", "[4294967296,4294967296]", "[0,0]"), 0,
       "does not take"},
      {"size beyond 2^63", Entry("F32", "[18446744073709551615]", "[0,4]"), 4, "not a size"},
      {"fraction", Entry("F32", "[1.5]", "[0,4]"), 4, "not a size"},
      {"unknown dtype", Entry("F33", "[1]", "[0,4]"), 4, "unknown"},
      {"part of a byte", Entry("F4", "[1]", "[0,0]"), 0, "does not take"},
      {"wrong size", Entry("F32", "[2]", "[0,4]"), 4, "does not take"},
      {"truncated file", Entry("F32", "[2]", "[0,8]"), 4, "the file holds 4"},
      {"trailing bytes", Entry("F32", "[1]", "[0,4]"), 8, "the file holds 8"},
      {"overlap", two + "[0,4]}}", 8, "overlap"},
      {"hole", two + "[8,12]}}", 12, "hole"},
      {"missing part", R"({"t":{"dtype":"F32","shape":[1]}})", 0, "must have"},
      {"metadata of numbers", R"({"__metadata__":{"a":1}})", 0, "not a string"},
  };
  for (const BadHeader& bad : cases) {
    const absl::Status status = Parse(bad.json, bad.data_bytes);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.what;
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad.message)) << bad.what;
  }
}

TEST(SafetensorsTest, TakesScalarsAndEmptyTensors) {
  EXPECT_TRUE(Parse(Entry("F64", "[]", "[0,8]"), 8).ok());
  EXPECT_TRUE(Parse(Entry("F32", "[0,5]", "[0,0]"), 0).ok());
  EXPECT_TRUE(Parse("{}", 0).ok());
}

}  // namespace
}  // namespace chainrule::engine
