// Numbers: the writer's side of a model: the numbers that its next change starts from,
// what its request ids were answered, and how both get into the log and into checkpoints
// and come back.
// Thread-compatible: the model's turn guards it.
#ifndef CHAINRULE_SERVER_MODELS_NUMBERS_H_
#define CHAINRULE_SERVER_MODELS_NUMBERS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/models/journal.h"
#include "server/models/keeper.h"
#include "server/models/limits.h"
#include "server/models/model.h"
#include "server/models/outcome.h"
#include "server/models/replay.h"
#include "server/models/settings.h"
#include "server/models/write.h"
#include "server/store/store.h"

namespace chainrule::server {

// What a file of a model's numbers holds, without a window; `number`: of the last record
// that is in it.
Checkpoint MakeCheckpoint(engine::ModelState state, const std::string& numerics,
                          uint64_t number = 0);

class Numbers : public Writer {
 public:
  // `keeper` may be null, and outlives this. `describe` tells the model as it is now.
  Numbers(std::string id, std::string uid, const Limits& limits, Keeper* keeper,
          std::shared_ptr<Journal> journal, std::function<ModelDescription()> describe);

  // Of a new model, whose checkpoint, if it has one, holds just these.
  void Begin(std::shared_ptr<const ModelSettings> settings, engine::ModelState state);

  bool loaded() const { return settings_ != nullptr; }
  // Reads the checkpoint and replays the records behind it. DATA_LOSS, MODEL_DAMAGED:
  // they do not lead anywhere; so is every later call, until Recover.
  absl::Status Load(const std::string& settings_json, const CheckpointFacts& checkpoint);
  // Forgets the numbers; they come back by Load. For those that are in their checkpoint.
  void Unload();
  // Forgets the numbers, and what is behind the checkpoint, which holds the records up to
  // `covered`, is `tail`, unless the log's damage says that there was more: DATA_LOSS,
  // MODEL_DAMAGED, from then on.
  void Recover(std::vector<TailRecord> tail, const std::vector<LogDamage>& damage,
               uint64_t covered);
  const absl::Status& damage() const { return damage_; }
  // What Load replayed is not to the bit what was computed, and in no checkpoint yet.
  bool inexact() const { return inexact_; }
  // The step that Load will come to, where there are records to replay.
  std::optional<int64_t> TailStep() const;

  // What a checkpoint holds, and the last record that is in it.
  struct Capture {
    Checkpoint checkpoint;
    std::shared_ptr<const ModelSettings> settings;
    std::shared_ptr<const engine::Network> network;
    uint64_t sequence = 0;
    int64_t life = 0;  // counts Recover
  };
  // Requires loaded().
  Capture Take();
  // Nothing was taken back since it was captured.
  bool Holds(const Capture& capture) const { return capture.life == life_; }
  // The store has the checkpoint that Take gave last.
  void Covered(const Capture& capture);
  // Forgets the numbers, and has those of the capture, which are in their checkpoint.
  void Replace(const Capture& capture, WriteWindow window);
  // The first record that is in no checkpoint.
  std::optional<uint64_t> first_uncovered() const { return first_uncovered_; }
  // The records that the log is to keep.
  std::optional<SequenceRange> needed() const;

  void SetLearningRate(double learning_rate, Journal::Done done);

  // Writer.
  const std::string& id() const override { return id_; }
  const engine::ModelState& state() const override { return state_; }
  std::shared_ptr<const engine::Network> network() const override { return network_; }
  WriteWindow& window() override { return window_; }
  ModelDescription Describe(const engine::ModelState& state) const override;
  bool keeps() const override { return keeper_ != nullptr; }
  bool shows_steps() const override;
  bool ProgressIsDue(absl::Time last, int64_t bytes) const override;
  void Show(engine::ModelState state) override { journal_->ShowSteps(std::move(state)); }
  void Commit(engine::ModelState state, Record record, Journal::Done done) override;
  void Then(Journal::Done done) override { journal_->Then(std::move(done)); }
  void SetTrainingBytes(int64_t bytes) override { journal_->SetTrainingBytes(bytes); }

 private:
  void Forget();
  absl::Status Damaged(absl::string_view why) const;
  absl::Status ReplayTail(const CheckpointFacts& checkpoint, Recovered* recovered);
  void TellInexact(const Recovered& recovered);
  absl::Status Read(const std::string& settings_json, const CheckpointFacts& checkpoint);
  void Append(Record record, Journal::Change change);
  WriteWindow NewWindow() const;

  const std::string id_;
  const std::string uid_;
  const Limits limits_;
  Keeper* const keeper_;
  const std::shared_ptr<Journal> journal_;
  const std::function<ModelDescription()> describe_;

  std::shared_ptr<const ModelSettings> settings_;
  std::shared_ptr<const engine::Network> network_;
  engine::ModelState state_;
  WriteWindow window_;
  uint64_t number_ = 0;         // of the last record, counted by model
  uint64_t last_sequence_ = 0;  // of the last record, in the log; or of the checkpoint
  std::vector<TailRecord> tail_;
  absl::Status damage_;
  std::string log_damage_;             // places where records may have been lost
  std::optional<SequenceRange> lost_;  // all of these
  int64_t lost_step_ = 0;              // the last one that is known to be lost
  bool inexact_ = false;
  int64_t life_ = 0;

  std::optional<uint64_t> first_uncovered_;
  std::optional<uint64_t> first_since_capture_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_NUMBERS_H_
