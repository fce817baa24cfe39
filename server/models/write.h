// Write: a change of a model's numbers on its way through the model's queue.
// Writer: what the one that runs sees of its model.
// Single-threaded: both are for the lane that has the model's turn, but for what is
// said to be thread-safe.
#ifndef CHAINRULE_SERVER_MODELS_WRITE_H_
#define CHAINRULE_SERVER_MODELS_WRITE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/core/executor.h"
#include "engine/nn/network.h"
#include "engine/train/model_state.h"
#include "server/models/calls.h"
#include "server/models/completion.h"
#include "server/models/journal.h"
#include "server/models/outcome.h"
#include "server/models/record.h"

namespace chainrule::server {

class Writer {
 public:
  virtual ~Writer() = default;
  virtual const std::string& id() const = 0;
  // The numbers that the next change starts from, and their network.
  virtual const engine::ModelState& state() const = 0;
  virtual std::shared_ptr<const engine::Network> network() const = 0;
  virtual WriteWindow& window() = 0;
  // The model as it will be with these numbers.
  virtual ModelDescription Describe(const engine::ModelState& state) const = 0;

  // Whether changes are kept in a log, so that records need bodies.
  virtual bool keeps() const = 0;
  // Whether readers see the steps of a change before it has a record.
  virtual bool shows_steps() const = 0;
  // Whether a change that goes on should keep what it has done since `last`, in so many
  // bytes.
  virtual bool ProgressIsDue(absl::Time last, int64_t bytes) const = 0;
  // Makes steps of a change that goes on visible. Requires shows_steps().
  virtual void Show(engine::ModelState state) = 0;

  // Moves the model on to `state`, remembers the record's outcome under its request id,
  // and calls `done` when the log has it. The record's header is filled in here. A state
  // of the same step is the same numbers.
  virtual void Commit(engine::ModelState state, Record record, Journal::Done done) = 0;
  // Calls `done` when the log has all that came before.
  virtual void Then(Journal::Done done) = 0;
  // What a training takes now, for the memory that the model reports.
  virtual void SetTrainingBytes(int64_t bytes) = 0;
};

class Write {
 public:
  enum class Kind : uint64_t { kTrain = 1, kSetWeights = 2, kReplace = 3, kApplyGradients = 4 };

  Write(Kind kind, WriteOptions options) : kind_(kind), options_(std::move(options)) {}
  virtual ~Write() = default;

  // Thread-safe.
  const engine::Cancellation& cancellation() const { return *options_.cancellation; }
  std::shared_ptr<engine::Cancellation> shared_cancellation() const {
    return options_.cancellation;
  }

  // Whether the numbers after it do not depend on those before, so that it can be run where
  // these are lost.
  virtual bool replaces_all() const { return false; }
  // Works until about `until`. Returns whether it is finished: its `done` was called, or
  // will be when the log has what it waits for.
  virtual bool Run(Writer* writer, const engine::Executor& executor, absl::Time until) = 0;
  // Ends it where it stands, before its turn has come or in the middle.
  virtual void Fail(absl::Status status) = 0;

 protected:
  // The checks at its turn, in contract.md's order: the request id, then if_step. With an
  // id `read` comes first, because the digest is of what it reads. Returns what is
  // remembered of the id, or null: the change is a new one.
  absl::StatusOr<WriteOutcome*> Admit(Writer* writer,
                                      absl::FunctionRef<absl::StatusOr<ContentDigest>()> read);
  // A record of this write, with the outcome if there is a request id.
  Record MakeRecord(WriteOutcome outcome, RecordBody body) const;

 private:
  absl::Status CheckStep(const Writer& writer) const;

  const Kind kind_;
  const WriteOptions options_;
  ContentDigest digest_{};
};

// A call's `done`, which what waits for the log holds, too.
template <typename Reply>
using SharedCompletion = std::shared_ptr<Completion<absl::StatusOr<Reply>>>;

// What gives `done` its answer when the log says how it is.
template <typename Reply>
Journal::Done AnswerWith(SharedCompletion<Reply> done, absl::StatusOr<Reply> answer) {
  return [done = std::move(done), answer = std::move(answer)](const absl::Status& kept,
                                                              int64_t durable_step) mutable {
    if (!kept.ok()) return (*done)(kept);
    if (answer.ok()) answer->durable_step = durable_step;
    (*done)(std::move(answer));
  };
}

std::unique_ptr<Write> MakeWrite(TrainCall call);
std::unique_ptr<Write> MakeWrite(SetWeightsCall call);
std::unique_ptr<Write> MakeWrite(ReplaceCall call);
std::unique_ptr<Write> MakeWrite(ApplyGradientsCall call);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_WRITE_H_
