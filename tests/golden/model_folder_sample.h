// What was done to the model of the frozen model folders: a call of each kind that a record
// of the log may hold.
#ifndef CHAINRULE_TESTS_GOLDEN_MODEL_FOLDER_SAMPLE_H_
#define CHAINRULE_TESTS_GOLDEN_MODEL_FOLDER_SAMPLE_H_

#include <functional>
#include <memory>
#include <vector>

#include "tests/server/models/test_models.h"

namespace chainrule::server {

inline constexpr char kTrainId[] = "919108f7-52d1-4320-9bac-f847db4148a8";
inline constexpr char kGradientsId[] = "b9c6e2a1-0d43-4a55-8d0c-3f1f0f6a7e21";

// Rows to be replayed: three steps.
inline absl::StatusOr<TrainReply> SampleTrain(Model* model, const std::function<void()>& run) {
  Answer<TrainReply> answer;
  model->Train(TestCall(1, &answer, kTrainId));
  run();
  return answer.Get();
}

// More rows than the numbers after their one step take.
inline absl::StatusOr<TrainReply> SampleLargeTrain(Model* model, const std::function<void()>& run) {
  Answer<TrainReply> answer;
  TrainCall call = OneStep(&answer);
  call.read = [] { return TestRows(2'000); };
  model->Train(std::move(call));
  run();
  return answer.Get();
}

inline absl::StatusOr<SetWeightsReply> SampleSetWeights(Model* model,
                                                        const std::function<void()>& run) {
  const std::vector<float> biases = {0.25F, -0.5F};
  Answer<SetWeightsReply> answer;
  SetWeightsCall call;
  call.write.cancellation = std::make_shared<engine::Cancellation>();
  call.read = [&biases] {
    SetWeightsInput input;
    input.layers.push_back({1, {}, {biases.data(), 1, kOutputs}});
    return input;
  };
  call.done = answer.Done();
  model->SetWeights(std::move(call));
  run();
  return answer.Get();
}

inline absl::StatusOr<SetWeightsReply> SampleGradients(Model* model,
                                                       const std::function<void()>& run) {
  const std::vector<float> ones(5 * kInputs, 1.0F);
  Answer<SetWeightsReply> answer;
  ApplyGradientsCall call;
  call.write.request_id = kGradientsId;
  call.write.cancellation = std::make_shared<engine::Cancellation>();
  call.read = [&ones] {
    ApplyGradientsInput input;
    input.contributions = {{{{0, {ones.data(), 5, kInputs}, {}}}, 3},
                           {{{1, {}, {ones.data(), 1, kOutputs}}}, 1}};
    input.base_steps.resize(2);
    input.digest = {1, 2};
    return input;
  };
  call.done = answer.Done();
  model->ApplyGradients(std::move(call));
  run();
  return answer.Get();
}

// All of it; the step after it, or -1. `run` gives the model its turns.
inline int64_t MakeSampleCalls(Model* model, const std::function<void()>& run) {
  const bool done = SampleTrain(model, run).ok() && SampleSetWeights(model, run).ok() &&
                    model->Update("", {{}, 0.02}).ok() && SampleGradients(model, run).ok() &&
                    SampleLargeTrain(model, run).ok() && SampleGradients(model, run)->replayed;
  return done ? model->Describe().step : -1;
}

}  // namespace chainrule::server

#endif  // CHAINRULE_TESTS_GOLDEN_MODEL_FOLDER_SAMPLE_H_
