// What the tests of the conversions share: messages from text, a model to convert for,
// and how a refusal is checked.
#ifndef CHAINRULE_TESTS_SERVER_CONVERT_SUPPORT_H_
#define CHAINRULE_TESTS_SERVER_CONVERT_SUPPORT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "chainrule/v1/model.pb.h"
#include "chainrule/v1/tensor.pb.h"
#include "engine/core/error.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "server/convert/context.h"
#include "server/convert/spec.h"

namespace chainrule::server {

// A field that comes twice counts as it came last, so a text may change one before it.
template <typename Message>
Message FromText(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::MergeFromString(text, &message)) << text;
  return message;
}

template <typename Message>
std::shared_ptr<const Message> SharedFromText(const std::string& text) {
  return std::make_shared<const Message>(FromText<Message>(text));
}

// Floats as `raw` carries them, and doubles.
template <typename T>
std::string Raw(const std::vector<T>& elements) {
  return {reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(T)};
}

// A tensor of this shape, in `values`, or in `raw` as elements of T.
inline v1::Tensor Values(const std::vector<int64_t>& shape, const std::vector<float>& elements) {
  v1::Tensor tensor;
  tensor.mutable_shape()->Add(shape.begin(), shape.end());
  tensor.mutable_values()->Add(elements.begin(), elements.end());
  return tensor;
}
template <typename T>
v1::Tensor RawTensor(v1::DataType dtype, const std::vector<int64_t>& shape,
                     const std::vector<T>& elements) {
  v1::Tensor tensor;
  tensor.set_dtype(dtype);
  tensor.mutable_shape()->Add(shape.begin(), shape.end());
  tensor.set_raw(Raw(elements));
  return tensor;
}

// A refusal: INVALID_ARGUMENT with this reason, whose first violation is of `field` and
// whose description holds `text` and, of INVALID_FIELD, what is allowed.
inline void ExpectRefused(const absl::Status& status, absl::string_view field,
                          absl::string_view text, absl::string_view reason = "INVALID_FIELD") {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  const engine::ErrorDetail detail = engine::GetErrorDetail(status);
  EXPECT_EQ(detail.reason, reason) << status;
  ASSERT_FALSE(detail.violations.empty()) << status;
  EXPECT_EQ(detail.violations[0].field, std::string(field)) << status;
  const bool says_allowed = absl::StrContains(detail.violations[0].description, "; ");
  EXPECT_TRUE(says_allowed || reason != "INVALID_FIELD") << status;
  EXPECT_TRUE(absl::StrContains(detail.violations[0].description, text))
      << "'" << detail.violations[0].description << "' lacks '" << text << "'";
}

// The model 'iris' of this spec.
inline ModelContext ContextOf(const std::string& spec, const Limits& limits = {}) {
  static std::vector<std::unique_ptr<const Limits>> kept;
  kept.push_back(std::make_unique<const Limits>(limits));
  auto resolved = ReadSpec(FromText<v1::ModelSpec>(spec), limits);
  EXPECT_TRUE(resolved.ok()) << resolved.status();
  return {"iris", resolved.ok() ? resolved->settings : nullptr, kept.back().get()};
}

// Four columns, three classes.
inline constexpr char kIris[] = R"(
  input_width: 4 layers { units: 5 } layers { units: 3 activation: ACTIVATION_SOFTMAX }
  loss: LOSS_CATEGORICAL_CROSS_ENTROPY
  feature_names: "a" feature_names: "b" feature_names: "petal_width" feature_names: "d"
  class_names: "setosa" class_names: "versicolor" class_names: "virginica")";
// Two columns, one sigmoid unit.
inline constexpr char kBinary[] = "input_width: 2 layers { units: 1 }";
// Two columns, three labels, each of which may hold.
inline constexpr char kLabels[] = R"(
  input_width: 2 layers { units: 3 } multi_label: true
  target_names: "red" target_names: "green" target_names: "blue")";
// Two columns, one number.
inline constexpr char kRegression[] = R"(
  input_width: 2 layers { units: 1 activation: ACTIVATION_IDENTITY }
  loss: LOSS_MEAN_SQUARED_ERROR)";

}  // namespace chainrule::server

#endif  // CHAINRULE_TESTS_SERVER_CONVERT_SUPPORT_H_
