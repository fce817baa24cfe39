// Predictions for tests of the batcher: calls whose parts the test can hold back, and
// what became of them.
#ifndef CHAINRULE_TESTS_SERVER_COMPUTE_TEST_PREDICTIONS_H_
#define CHAINRULE_TESTS_SERVER_COMPUTE_TEST_PREDICTIONS_H_

#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "engine/core/mutex.h"
#include "engine/nn/predictor.h"
#include "server/compute/batcher.h"
#include "tests/server/models/test_models.h"

namespace chainrule::server {

// Something that happens once, and that threads wait for.
class Event {
 public:
  void Set() {
    engine::MutexLock lock(&mutex_);
    set_ = true;
    changed_.NotifyAll();
  }
  void Wait() {
    engine::MutexLock lock(&mutex_);
    while (!set_) changed_.Wait(&mutex_);
  }

 private:
  engine::Mutex mutex_;
  engine::CondVar changed_;
  bool set_ ABSL_GUARDED_BY(mutex_) = false;
};

// What happened, in order: "place a", "done a".
class History {
 public:
  void Add(std::string event) {
    engine::MutexLock lock(&mutex_);
    events_.push_back(std::move(event));
  }
  std::vector<std::string> events() const {
    engine::MutexLock lock(&mutex_);
    return events_;
  }

 private:
  mutable engine::Mutex mutex_;
  std::vector<std::string> events_ ABSL_GUARDED_BY(mutex_);
};

// [rows × columns], different for each variant.
inline std::vector<float> TestInputs(int64_t rows, int64_t columns, int variant = 0) {
  std::vector<float> inputs;
  for (int64_t i = 0; i < rows * columns; ++i) {
    inputs.push_back(std::sin(static_cast<float>(i + 100 * variant)));
  }
  return inputs;
}

// One call and what became of it.
class Prediction {
 public:
  Prediction(std::string name, std::vector<float> rows, History* history = nullptr)
      : inputs(std::move(rows)), name_(std::move(name)), history_(history) {}

  // As floats, unless the caller changes it.
  PredictCall Call(std::shared_ptr<Model> model) {
    const int64_t columns = model->snapshot()->network().spec().input_width;
    return Call(std::move(model), columns);
  }
  // The same with a model whose numbers may not be in memory.
  PredictCall Call(std::shared_ptr<Model> model, int64_t columns) {
    PredictCall call;
    call.rows = static_cast<int64_t>(inputs.size()) / columns;
    call.inputs = {engine::ElementType::kFloat32, inputs.data(), columns};
    call.model = std::move(model);
    call.cancellation = &cancellation;
    call.place = [this, rows = call.rows](const Snapshot& snapshot, engine::MatrixView* to,
                                          engine::MatrixView* logits_to) {
      Place(snapshot, rows, to, logits_to);
    };
    call.done = [this](absl::Status status, const Snapshot& snapshot) {
      step = snapshot.step();
      if (history_ != nullptr) history_->Add("done " + name_);
      answer_.Done()(std::move(status));
    };
    return call;
  }

  // Waits for it. INVALID_ARGUMENT and so on, as done was told.
  absl::Status status() const { return answer_.Get().value(); }

  std::vector<float> inputs;
  std::vector<float> outputs;
  std::vector<float> logits;
  bool want_logits = false;
  std::function<void()> on_place;
  engine::Cancellation cancellation;
  int64_t step = -1;

 private:
  void Place(const Snapshot& snapshot, int64_t rows, engine::MatrixView* to,
             engine::MatrixView* logits_to) {
    if (history_ != nullptr) history_->Add("place " + name_);
    if (on_place) on_place();
    const int64_t width = snapshot.network().spec().output_width();
    outputs.resize(static_cast<size_t>(rows * width));
    *to = {outputs.data(), rows, width};
    if (!want_logits) return;
    logits.resize(outputs.size());
    *logits_to = {logits.data(), rows, width};
  }

  const std::string name_;
  History* const history_;
  Answer<absl::Status> answer_;
};

// What the snapshot's forward kernel makes of the inputs, alone.
inline std::vector<float> Alone(const Snapshot& snapshot, const std::vector<float>& inputs,
                                std::vector<float>* logits = nullptr) {
  const engine::NetworkSpec& spec = snapshot.network().spec();
  const int64_t rows = static_cast<int64_t>(inputs.size()) / spec.input_width;
  std::vector<float> outputs(static_cast<size_t>(rows * spec.output_width()));
  std::vector<float> unused(outputs.size());
  if (logits == nullptr) logits = &unused;
  logits->resize(outputs.size());
  engine::Predictor::Scratch scratch;
  snapshot.predictor().Run({inputs.data(), rows, spec.input_width},
                           {outputs.data(), rows, spec.output_width()},
                           {logits->data(), rows, spec.output_width()}, &scratch);
  return outputs;
}

// A worker that is held back: what comes meanwhile waits.
class HeldWorker {
 public:
  HeldWorker(Batcher* batcher, std::shared_ptr<Model> model)
      : prediction_("held", TestInputs(1, model->snapshot()->network().spec().input_width)) {
    prediction_.on_place = [this] {
      held_.Set();
      released_.Wait();
    };
    batcher->Predict(prediction_.Call(std::move(model)));
    held_.Wait();
  }
  ~HeldWorker() {
    Release();
    prediction_.status().IgnoreError();
  }
  void Release() { released_.Set(); }

 private:
  Prediction prediction_;
  Event held_;
  Event released_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_TESTS_SERVER_COMPUTE_TEST_PREDICTIONS_H_
