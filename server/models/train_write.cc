#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "server/models/completion.h"
#include "server/models/errors.h"
#include "server/models/state_codec.h"
#include "server/models/write.h"

namespace chainrule::server {
namespace {

using engine::EpochReport;
using engine::Trainer;
using engine::TrainProgress;
using engine::TrainResult;

// Reports that a reply carries and a request id remembers: TrainResponse's promise.
constexpr size_t kMaxReports = 1'000;

void DropOldReports(TrainResult* result) {
  std::vector<EpochReport>& reports = result->epochs;
  if (reports.size() > kMaxReports) {
    reports.erase(reports.begin(), reports.end() - static_cast<ptrdiff_t>(kMaxReports));
  }
}

// One Train or Fit: read at its turn, then trained a slice at a time. What readers may
// see of it before it ends is what has a record: a long one keeps its progress now and
// then, and the reports of its epochs go out with that.
class TrainWrite : public Write {
 public:
  explicit TrainWrite(TrainCall call)
      : Write(Kind::kTrain, std::move(call.write)),
        options_(std::move(call.options)),
        read_(std::move(call.read)),
        on_epoch_(std::move(call.on_epoch)),
        done_(std::make_shared<Completion<Answer>>(std::move(call.done))) {}

  bool Run(Writer* writer, const engine::Executor& executor, absl::Time until) override {
    if (trainer_ == nullptr) {
      std::optional<Answer> answer = Begin(writer, executor);
      if (answer.has_value()) {
        writer->Then(AnswerWith<TrainReply>(done_, *std::move(answer)));
        return true;
      }
    }
    return Advance(writer, until);
  }

  void Fail(absl::Status status) override {
    trainer_.reset();
    input_.reset();
    (*done_)(std::move(status));
  }

 private:
  using Answer = absl::StatusOr<TrainReply>;

  // Makes the trainer, or answers without one.
  std::optional<Answer> Begin(Writer* writer, const engine::Executor& executor) {
    const absl::StatusOr<WriteOutcome*> seen = Admit(writer, [this] { return Read(); });
    if (!seen.ok()) return Answer(seen.status());
    std::optional<TrainProgress> progress;
    if (*seen != nullptr) {
      if (std::optional<Answer> stored = Stored(**seen)) return stored;
      progress = std::get<TrainProgress>(**seen);
      repeatable_ = false;  // a replay would have to begin in the middle, too
    }
    if (absl::Status status = CheckNormalization(*writer, progress); !status.ok()) {
      return Answer(std::move(status));
    }
    network_ = writer->network();
    trainer_ =
        std::make_unique<Trainer>(*network_, input_->examples, Validation(), options_,
                                  writer->state(), executor, cancellation(), std::move(progress));
    writer->SetTrainingBytes(trainer_->memory_bytes());
    told_ = trainer_->progress().epoch;
    kept_ = absl::Now();
    return std::nullopt;
  }

  absl::StatusOr<ContentDigest> Read() {
    absl::StatusOr<TrainInput> input = std::exchange(read_, nullptr)();
    if (!input.ok()) return input.status();
    input_ = *std::move(input);
    return input_->digest;
  }

  // What a final outcome answers; nothing for an interrupted one, which goes on.
  static std::optional<Answer> Stored(const WriteOutcome& outcome) {
    if (const auto* diverged = std::get_if<absl::Status>(&outcome)) return Answer(*diverged);
    const auto* stored = std::get_if<TrainReply>(&outcome);
    if (stored == nullptr) return std::nullopt;
    TrainReply reply = *stored;
    reply.replayed = true;
    return Answer(std::move(reply));
  }

  // A call that goes on has fitted already, unless it was interrupted before its first step.
  absl::Status CheckNormalization(const Writer& writer,
                                  const std::optional<TrainProgress>& progress) {
    if (!options_.fit_normalization || writer.state().step == 0) return absl::OkStatus();
    if (!progress.has_value() || progress->result.steps_taken == 0) {
      return AlreadyTrained(writer.id(), writer.state().step);
    }
    options_.fit_normalization = false;
    return absl::OkStatus();
  }

  const engine::Examples* Validation() const {
    return input_->validation.has_value() ? &*input_->validation : nullptr;
  }

  // Mini-batches until about `until`. Returns whether it is finished.
  bool Advance(Writer* writer, absl::Time until) {
    while (!trainer_->done()) {
      if (absl::Status status = trainer_->Step(); !status.ok()) {
        Stop(writer, status);
        return true;
      }
      Report(writer);
      if (absl::Now() >= until && !trainer_->done()) {
        writer->SetTrainingBytes(trainer_->memory_bytes());
        Show(writer);
        return false;
      }
    }
    Complete(writer);
    return true;
  }

  // Readers see a step before anybody hears of it.
  void Report(Writer* writer) {
    if (trainer_->progress().epoch == told_) return;
    Show(writer);
    if (writer->shows_steps()) writer->Then(TellReports());
  }

  void Show(Writer* writer) {
    if (writer->shows_steps() && trainer_->step() != writer->state().step) {
      writer->Show(trainer_->Share());
    }
    if (trainer_->done() || trainer_->step() == writer->state().step) return;
    if (writer->ProgressIsDue(kept_, ProgressBytes())) Keep(writer);
  }

  int64_t ProgressBytes() const {
    const int64_t state = StateBytes(*network_);
    return trainer_->progress().best_state.has_value() ? 2 * state : state;
  }

  // What is done so far, from which a repeat goes on.
  void Keep(Writer* writer) {
    repeatable_ = false;
    kept_ = absl::Now();
    engine::ModelState state = trainer_->Share();
    writer->Commit(state, MakeRecord(Progress(), state), TellReports());
  }

  TrainProgress Progress() const {
    TrainProgress progress = trainer_->progress();
    DropOldReports(&progress.result);
    return progress;
  }

  // Tells of the epochs that nobody was told of yet.
  Journal::Done TellReports() {
    const std::vector<EpochReport>& all = trainer_->result().epochs;
    const auto first = std::ranges::upper_bound(all, told_, {}, &EpochReport::epoch);
    std::vector<EpochReport> reports(first, all.end());
    told_ = trainer_->progress().epoch;
    return [on_epoch = on_epoch_, reports = std::move(reports)](const absl::Status& kept, int64_t) {
      if (!kept.ok() || !on_epoch) return;
      for (const EpochReport& report : reports) on_epoch(report);
    };
  }

  void Complete(Writer* writer) {
    TrainReply reply{.result = trainer_->result(), .model_step = trainer_->step()};
    DropOldReports(&reply.result);
    RecordBody body = Body(*writer);
    End(writer, reply, reply, std::move(body));
  }

  // What it takes to do it again, or the numbers after it, whichever is smaller. When patience
  // is out hangs on every bit: that is not left to a replay on another processor.
  RecordBody Body(const Writer& writer) const {
    if (!writer.keeps()) return std::monostate();
    const bool replayable =
        repeatable_ && !options_.time_limit.has_value() && !options_.early_stopping.has_value() &&
        !input_->validation.has_value() && input_->examples.spooled() == nullptr;
    if (!replayable || BodyBytes(input_->examples, *network_) >= StateBytes(*network_)) {
      return NumbersBody(writer);
    }
    return TrainBody{options_, network_->spec().optimizer.learning_rate, input_->examples};
  }

  RecordBody NumbersBody(const Writer& writer) const {
    if (trainer_->step() == writer.state().step) return std::monostate();
    return trainer_->Share();
  }

  // It diverged, for good; or it was interrupted and can go on. The steps done stay.
  void Stop(Writer* writer, const absl::Status& why) {
    const bool diverged = why.code() == absl::StatusCode::kFailedPrecondition;
    if (!diverged) trainer_->Interrupt();
    absl::Status status = diverged ? why : Interrupted(why, writer->id(), trainer_->step());
    WriteOutcome outcome = status;
    if (!diverged) outcome = Progress();
    RecordBody body = NumbersBody(*writer);
    End(writer, std::move(outcome), std::move(status), std::move(body));
  }

  // Gives the training's memory back before the caller hears that it ended.
  void End(Writer* writer, WriteOutcome outcome, Answer answer, RecordBody body) {
    engine::ModelState state = trainer_->Share();
    Journal::Done tell = TellReports();
    trainer_.reset();
    input_.reset();
    writer->SetTrainingBytes(0);
    writer->Commit(
        std::move(state), MakeRecord(std::move(outcome), std::move(body)),
        [tell = std::move(tell), done = AnswerWith<TrainReply>(done_, std::move(answer))](
            const absl::Status& kept, int64_t durable_step) {
          tell(kept, durable_step);
          done(kept, durable_step);
        });
  }

  engine::TrainOptions options_;
  std::function<absl::StatusOr<TrainInput>()> read_;
  const std::function<void(const EpochReport&)> on_epoch_;
  const SharedCompletion<TrainReply> done_;
  std::optional<TrainInput> input_;
  std::shared_ptr<const engine::Network> network_;
  std::unique_ptr<Trainer> trainer_;
  int64_t told_ = 0;        // the last epoch whose report was told
  bool repeatable_ = true;  // it is one run from the numbers that the model is at
  absl::Time kept_;         // when its progress was
};

}  // namespace

std::unique_ptr<Write> MakeWrite(TrainCall call) {
  return std::make_unique<TrainWrite>(std::move(call));
}

}  // namespace chainrule::server
