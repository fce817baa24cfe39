#include "tests/support/requests.h"

#include <atomic>
#include <random>

#include "absl/strings/str_format.h"

namespace chainrule::test {
namespace {

v1::Examples MakeInputs(int64_t rows, int64_t inputs, std::mt19937* random) {
  v1::Examples examples;
  examples.mutable_inputs()->add_shape(rows);
  examples.mutable_inputs()->add_shape(inputs);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (int64_t i = 0; i < rows * inputs; ++i) {
    examples.mutable_inputs()->add_values(uniform(*random));
  }
  return examples;
}

}  // namespace

v1::Tensor MakeTensor(const std::vector<int64_t>& shape, const std::vector<float>& values) {
  v1::Tensor tensor;
  tensor.mutable_shape()->Add(shape.begin(), shape.end());
  tensor.mutable_values()->Add(values.begin(), values.end());
  return tensor;
}

v1::Tensor MakeRawTensor(const std::vector<int64_t>& shape, const std::vector<float>& values) {
  v1::Tensor tensor = MakeTensor(shape, {});
  tensor.set_raw(values.data(), values.size() * sizeof(float));
  return tensor;
}

v1::ModelSpec MakeSpec(std::initializer_list<int64_t> widths) {
  v1::ModelSpec spec;
  for (const int64_t width : widths) {
    if (spec.input_width() == 0) {
      spec.set_input_width(width);
    } else {
      spec.add_layers()->set_units(width);
    }
  }
  return spec;
}

v1::ModelSpec MakeClassifierSpec(int64_t inputs, int64_t hidden) {
  v1::ModelSpec spec = MakeSpec({inputs, hidden, 3});
  spec.mutable_layers(0)->set_activation(v1::ACTIVATION_TANH);
  spec.mutable_layers(1)->set_activation(v1::ACTIVATION_SOFTMAX);
  spec.set_loss(v1::LOSS_CATEGORICAL_CROSS_ENTROPY);
  for (const char* name : {"a", "b", "c"}) spec.add_class_names(name);
  return spec;
}

v1::Examples MakeExamples(int64_t rows, int64_t inputs, int64_t outputs, uint32_t seed) {
  std::mt19937 random(seed);
  v1::Examples examples = MakeInputs(rows, inputs, &random);
  examples.mutable_targets()->add_shape(rows);
  examples.mutable_targets()->add_shape(outputs);
  std::uniform_real_distribution<float> uniform(0, 1);
  for (int64_t i = 0; i < rows * outputs; ++i) {
    examples.mutable_targets()->add_values(uniform(random));
  }
  return examples;
}

v1::Examples MakeClassifiedExamples(int64_t rows, int64_t inputs, int classes, uint32_t seed) {
  std::mt19937 random(seed);
  v1::Examples examples = MakeInputs(rows, inputs, &random);
  for (int64_t i = 0; i < rows; ++i) {
    examples.mutable_class_labels()->add_ids(
        static_cast<int>(random() % static_cast<unsigned>(classes)));
  }
  return examples;
}

v1::CreateModelRequest MakeCreate(const std::string& id, const v1::ModelSpec& spec) {
  v1::CreateModelRequest request;
  request.set_model_id(id);
  *request.mutable_model()->mutable_spec() = spec;
  return request;
}

v1::TrainRequest MakeTrain(const std::string& model, const v1::Examples& examples) {
  v1::TrainRequest request;
  request.set_model(model);
  *request.mutable_examples() = examples;
  return request;
}

std::string NewRequestId() {
  static std::atomic<unsigned> count{0};
  return absl::StrFormat("00000000-0000-4000-8000-%012x", ++count);
}

}  // namespace chainrule::test
