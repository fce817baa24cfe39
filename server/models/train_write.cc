#include <memory>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "server/models/completion.h"
#include "server/models/errors.h"
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

// One Train or Fit: read at its turn, then trained a slice at a time.
class TrainWrite : public Write {
 public:
  explicit TrainWrite(TrainCall call)
      : Write(Kind::kTrain, std::move(call.write)),
        options_(std::move(call.options)),
        read_(std::move(call.read)),
        on_epoch_(std::move(call.on_epoch)),
        done_(std::move(call.done)) {}

  bool Run(Writer* writer, const engine::Executor& executor, absl::Time until) override {
    if (trainer_ == nullptr) {
      std::optional<absl::StatusOr<TrainReply>> answer = Begin(writer, executor);
      if (answer.has_value()) return Finish(*std::move(answer));
    }
    return Advance(writer, until);
  }

  void Fail(absl::Status status) override { done_(std::move(status)); }

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
    }
    if (absl::Status status = CheckNormalization(*writer, progress); !status.ok()) {
      return Answer(std::move(status));
    }
    writer->SetTraining(true);
    network_ = writer->network();
    trainer_ =
        std::make_unique<Trainer>(*network_, input_->examples, Validation(), options_,
                                  writer->state(), executor, cancellation(), std::move(progress));
    reports_ = trainer_->result().epochs.size();
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
      if (absl::Status status = trainer_->Step(); !status.ok()) return Stop(writer, status);
      Report(writer);
      if (absl::Now() >= until && !trainer_->done()) {
        Publish(writer);
        return false;
      }
    }
    return Complete(writer);
  }

  // Readers see a step before anybody hears of it.
  void Report(Writer* writer) {
    const std::vector<EpochReport>& reports = trainer_->result().epochs;
    if (reports.size() == reports_) return;
    Publish(writer);
    for (; reports_ < reports.size(); ++reports_) {
      if (on_epoch_) on_epoch_(reports[reports_]);
    }
  }

  void Publish(Writer* writer) {
    if (trainer_->step() != writer->state().step) writer->Commit(trainer_->Share());
  }

  bool Complete(Writer* writer) {
    Publish(writer);
    TrainReply reply{.result = trainer_->result(), .model_step = trainer_->step()};
    DropOldReports(&reply.result);
    Remember(writer, reply);
    Release(writer);
    return Finish(std::move(reply));
  }

  // It diverged, for good; or it was interrupted and can go on. The steps done stay.
  bool Stop(Writer* writer, const absl::Status& why) {
    const bool diverged = why.code() == absl::StatusCode::kFailedPrecondition;
    if (!diverged) trainer_->Interrupt();
    Publish(writer);
    absl::Status status = diverged ? why : Interrupted(why, writer->id(), trainer_->step());
    if (diverged) {
      Remember(writer, status);
    } else {
      TrainProgress progress = trainer_->progress();
      DropOldReports(&progress.result);
      Remember(writer, std::move(progress));
    }
    Release(writer);
    return Finish(std::move(status));
  }

  // Gives the training's memory back before the caller hears that it ended.
  void Release(Writer* writer) {
    trainer_.reset();
    input_.reset();
    writer->SetTraining(false);
  }

  bool Finish(Answer answer) {
    done_(std::move(answer));
    return true;
  }

  engine::TrainOptions options_;
  std::function<absl::StatusOr<TrainInput>()> read_;
  const std::function<void(const EpochReport&)> on_epoch_;
  Completion<Answer> done_;
  std::optional<TrainInput> input_;
  std::shared_ptr<const engine::Network> network_;
  std::unique_ptr<Trainer> trainer_;
  size_t reports_ = 0;  // that were told
};

}  // namespace

std::unique_ptr<Write> MakeWrite(TrainCall call) {
  return std::make_unique<TrainWrite>(std::move(call));
}

}  // namespace chainrule::server
