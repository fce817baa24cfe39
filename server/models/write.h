// Write: a change of a model's numbers on its way through the model's queue.
// Writer: what the one that runs sees of its model.
// Single-threaded: both are for the lane that has the model's turn, but for what is
// said to be thread-safe.
#ifndef CHAINRULE_SERVER_MODELS_WRITE_H_
#define CHAINRULE_SERVER_MODELS_WRITE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/core/executor.h"
#include "engine/nn/network.h"
#include "engine/train/model_state.h"
#include "engine/train/trainer.h"
#include "server/models/calls.h"
#include "server/models/outcome.h"

namespace chainrule::server {

class Writer {
 public:
  virtual ~Writer() = default;
  virtual const std::string& id() const = 0;
  // The numbers that the next change starts from, and their network.
  virtual const engine::ModelState& state() const = 0;
  virtual std::shared_ptr<const engine::Network> network() const = 0;
  virtual RequestWindow<WriteOutcome>& window() = 0;
  // Makes a whole step visible to readers. Everything that changes numbers passes here.
  virtual void Commit(engine::ModelState state) = 0;
  // Whether the buffers of a training exist now, for the memory that the model reports.
  virtual void SetTraining(bool training) = 0;
};

class Write {
 public:
  enum class Kind : uint64_t { kTrain = 1, kSetWeights = 2 };

  Write(Kind kind, WriteOptions options) : kind_(kind), options_(std::move(options)) {}
  virtual ~Write() = default;

  // Thread-safe.
  const engine::Cancellation& cancellation() const { return *options_.cancellation; }
  std::shared_ptr<engine::Cancellation> shared_cancellation() const {
    return options_.cancellation;
  }

  // Works until about `until`. Returns whether it is finished, its `done` called.
  virtual bool Run(Writer* writer, const engine::Executor& executor, absl::Time until) = 0;
  // Ends it before its turn has come.
  virtual void Fail(absl::Status status) = 0;

 protected:
  // The checks at its turn, in contract.md's order: the request id, then if_step. With an
  // id `read` comes first, because the digest is of what it reads. Returns what is
  // remembered of the id, or null: the change is a new one.
  absl::StatusOr<WriteOutcome*> Admit(Writer* writer,
                                      absl::FunctionRef<absl::StatusOr<ContentDigest>()> read);
  // Keeps the outcome for repeats, if there is a request id.
  void Remember(Writer* writer, WriteOutcome outcome) const;

 private:
  absl::Status CheckStep(const Writer& writer) const;

  const Kind kind_;
  const WriteOptions options_;
  ContentDigest digest_{};
};

std::unique_ptr<Write> MakeWrite(TrainCall call);
std::unique_ptr<Write> MakeWrite(SetWeightsCall call);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_WRITE_H_
