// The small requests that tests begin with.
#ifndef CHAINRULE_TESTS_SUPPORT_REQUESTS_H_
#define CHAINRULE_TESTS_SUPPORT_REQUESTS_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "chainrule/v1/model_service.pb.h"
#include "chainrule/v1/tensor.pb.h"
#include "chainrule/v1/training_service.pb.h"

namespace chainrule::test {

v1::Tensor MakeTensor(const std::vector<int64_t>& shape, const std::vector<float>& values);
// The same in `raw`.
v1::Tensor MakeRawTensor(const std::vector<int64_t>& shape, const std::vector<float>& values);

// Sigmoid layers, as wide as said, input first: {4, 3, 1}.
v1::ModelSpec MakeSpec(std::initializer_list<int64_t> widths);
// The same for three flowers' classes: tanh, then softmax over "a", "b", "c".
v1::ModelSpec MakeClassifierSpec(int64_t inputs, int64_t hidden);

// Deterministic rows, different for each seed: inputs in [-1, 1), and one target in
// [0, 1] each.
v1::Examples MakeExamples(int64_t rows, int64_t inputs, int64_t outputs, uint32_t seed = 1);
// The same with classes 0 … classes-1.
v1::Examples MakeClassifiedExamples(int64_t rows, int64_t inputs, int classes, uint32_t seed = 1);

v1::CreateModelRequest MakeCreate(const std::string& id, const v1::ModelSpec& spec);
v1::TrainRequest MakeTrain(const std::string& model, const v1::Examples& examples);

// A UUID of version 4 that no other call gets.
std::string NewRequestId();

}  // namespace chainrule::test

#endif  // CHAINRULE_TESTS_SUPPORT_REQUESTS_H_
