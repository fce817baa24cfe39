// Record: one change of a model's numbers as the train log keeps it: who, when, the
// answer that its request id has, and how the numbers came about, by what the call
// brought (to be replayed) or as they were after it.
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_SERVER_MODELS_RECORD_H_
#define CHAINRULE_SERVER_MODELS_RECORD_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/nn/network.h"
#include "engine/train/examples.h"
#include "engine/train/model_state.h"
#include "engine/train/trainer.h"
#include "server/models/outcome.h"

namespace chainrule::server {

// What can be read of a record without knowing the model.
struct RecordHeader {
  std::string uid;
  uint64_t number = 0;  // counts the model's records, from 1
  absl::Time time;
  int64_t first_step = 0;
  int64_t last_step = 0;
  std::string numerics;  // of the processor that computed it
};

// A training that ran to its end in one go, so that it can be run again.
struct TrainBody {
  engine::TrainOptions options;  // without a time limit
  double base_learning_rate = 0;
  engine::Examples examples;
};

// SetWeights, with the tensors as floats.
struct SetWeightsBody {
  SetWeightsInput input;
  bool reset_optimizer = false;
};

struct LearningRateBody {
  double learning_rate = 0;
};

// The mean gradient that a step was taken on, without penalties; what is absent is zero.
struct GradientBody {
  std::vector<engine::LayerTensors> layers;
  std::shared_ptr<const void> owner;  // of what the views show
};

// The numbers did not change (monostate), or how they did.
using RecordBody = std::variant<std::monostate, engine::ModelState, TrainBody, SetWeightsBody,
                                LearningRateBody, GradientBody>;

struct Record {
  RecordHeader header;
  std::string request_id;  // empty: none, and no outcome
  ContentDigest digest{};
  std::optional<WriteOutcome> outcome;
  RecordBody body;
};

std::string EncodeRecord(const engine::Network& network, const Record& record);
// DATA_LOSS: it is no record, or of a later format.
absl::StatusOr<RecordHeader> DecodeRecordHeader(absl::string_view bytes);
// The record owns all that it has. DATA_LOSS: it is no record of this network.
absl::StatusOr<Record> DecodeRecord(const engine::Network& network, absl::string_view bytes);

// About how many bytes these take in a record.
int64_t BodyBytes(const engine::Examples& examples, const engine::Network& network);
int64_t BodyBytes(const std::vector<engine::LayerTensors>& layers);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_RECORD_H_
