// Small models, rows and calls for tests of server/models and server/compute.
#ifndef CHAINRULE_TESTS_SERVER_MODELS_TEST_MODELS_H_
#define CHAINRULE_TESTS_SERVER_MODELS_TEST_MODELS_H_

#include <cmath>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/core/error.h"
#include "engine/core/executor.h"
#include "engine/core/mutex.h"
#include "server/models/model.h"

namespace chainrule::server {

inline constexpr int64_t kInputs = 3;
inline constexpr int64_t kOutputs = 2;

// A regression of kOutputs by kInputs with one hidden layer, momentum and dropout: all
// that a step's bits could depend on.
inline std::shared_ptr<ModelSettings> TestSettings(double learning_rate = 0.05) {
  auto settings = std::make_shared<ModelSettings>();
  engine::NetworkSpec& spec = settings->network;
  spec.input_width = kInputs;
  spec.layers.resize(2);
  spec.layers[0].units = 5;
  spec.layers[0].activation.kind = engine::Activation::kTanh;
  spec.layers[0].dropout = 0.1F;
  spec.layers[1].units = kOutputs;
  spec.layers[1].activation.kind = engine::Activation::kIdentity;
  spec.loss.kind = engine::Loss::kMeanSquaredError;
  spec.seed = 7;
  spec.optimizer.learning_rate = learning_rate;
  spec.optimizer.momentum = 0.9;
  return settings;
}

// Takes what is scheduled; the test gives the turns.
class ManualScheduler : public WriterScheduler {
 public:
  void Schedule(std::shared_ptr<Model> model) override {
    ++scheduled_;
    ready_.push_back(std::move(model));
  }
  // One mini-batch, or one other change, of the model that is first.
  void RunOne() { Run(absl::InfinitePast()); }
  void RunAll() {
    while (!ready_.empty()) Run(absl::InfiniteFuture());
  }
  bool idle() const { return ready_.empty(); }
  int scheduled() const { return scheduled_; }

 private:
  void Run(absl::Time until) {
    std::shared_ptr<Model> model = std::move(ready_.front());
    ready_.pop_front();
    if (model->RunSlice(executor_, until)) ready_.push_back(std::move(model));
  }

  engine::Executor executor_{1};
  std::deque<std::shared_ptr<Model>> ready_;
  int scheduled_ = 0;
};

inline std::shared_ptr<Model> MakeModel(WriterScheduler* scheduler,
                                        std::shared_ptr<const ModelSettings> settings,
                                        const Limits& limits = Limits()) {
  engine::ModelState state =
      engine::InitialState(engine::Network(settings->network), engine::Normalization());
  return std::make_shared<Model>("iris", std::move(settings), std::map<std::string, std::string>(),
                                 std::move(state), limits, scheduler);
}

inline std::shared_ptr<Model> MakeModel(WriterScheduler* scheduler) {
  return MakeModel(scheduler, TestSettings());
}

// What a call's `done` brought. Thread-safe.
template <typename T>
class Answer {
 public:
  std::function<void(absl::StatusOr<T>)> Done() {
    return [this](absl::StatusOr<T> answer) {
      engine::MutexLock lock(&mutex_);
      answer_ = std::move(answer);
      changed_.NotifyAll();
    };
  }
  bool ready() const {
    engine::MutexLock lock(&mutex_);
    return answer_.has_value();
  }
  // Waits for it.
  absl::StatusOr<T> Get() const {
    engine::MutexLock lock(&mutex_);
    while (!answer_.has_value()) changed_.Wait(&mutex_);
    return *answer_;
  }
  absl::Status status() const { return Get().status(); }

 private:
  mutable engine::Mutex mutex_;
  mutable engine::CondVar changed_;
  std::optional<absl::StatusOr<T>> answer_ ABSL_GUARDED_BY(mutex_);
};

// `rows` labelled rows: smooth functions of the row's number, `variant` makes others.
inline TrainInput TestRows(int64_t rows, int variant = 0) {
  struct Data {
    std::vector<float> inputs, targets;
  };
  auto data = std::make_shared<Data>();
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < kInputs; ++column) {
      data->inputs.push_back(std::sin(static_cast<float>(row * 5 + column * 3 + variant)));
    }
    for (int64_t column = 0; column < kOutputs; ++column) {
      data->targets.push_back(std::cos(static_cast<float>(row + column * 2)));
    }
  }
  engine::ExampleChunk chunk;
  chunk.rows = rows;
  chunk.inputs = {engine::ElementType::kFloat32, data->inputs.data(), kInputs};
  chunk.targets = {engine::ElementType::kFloat32, data->targets.data(), kOutputs};
  chunk.owner = data;
  TrainInput input{engine::Examples(kInputs, kOutputs), std::nullopt, {}};
  input.examples.Append(std::move(chunk));
  input.digest = {static_cast<uint64_t>(rows), static_cast<uint64_t>(variant)};
  return input;
}

// A call for 10 rows in batches of 4: three steps an epoch.
inline TrainCall TestCall(int64_t epochs, Answer<TrainReply>* answer,
                          const std::string& request_id = "") {
  TrainCall call;
  call.write.request_id = request_id;
  call.write.cancellation = std::make_shared<engine::Cancellation>();
  call.options.epochs = epochs;
  call.options.batch_size = 4;
  call.read = [] { return TestRows(10); };
  call.done = answer->Done();
  return call;
}

// One step on all rows.
inline TrainCall OneStep(Answer<TrainReply>* answer, const std::string& request_id = "") {
  TrainCall call = TestCall(1, answer, request_id);
  call.options.batch_size = 0;
  return call;
}

inline std::vector<float> Parameters(const Snapshot& snapshot) {
  const auto block = snapshot.state().parameters->span();
  return {block.begin(), block.end()};
}

inline std::vector<float> Parameters(const Model& model) { return Parameters(*model.snapshot()); }

inline std::string Reason(const absl::Status& status) {
  return engine::GetErrorDetail(status).reason;
}

// The value of a key in the error's metadata; "(none)" if it is not there.
inline std::string Metadata(const absl::Status& status, absl::string_view key) {
  for (const auto& [name, value] : engine::GetErrorDetail(status).metadata) {
    if (name == key) return value;
  }
  return "(none)";
}

}  // namespace chainrule::server

#endif  // CHAINRULE_TESTS_SERVER_MODELS_TEST_MODELS_H_
