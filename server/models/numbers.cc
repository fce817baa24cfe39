#include "server/models/numbers.h"

#include <algorithm>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/models/errors.h"
#include "server/models/outcome_codec.h"
#include "server/models/record.h"
#include "server/models/settings_json.h"

namespace chainrule::server {
namespace {

// What a checkpoint says beside the numbers.
constexpr char kNumberKey[] = "chainrule.record";
constexpr char kNumericsKey[] = "chainrule.numerics";

absl::StatusOr<uint64_t> NumberOf(const Checkpoint& checkpoint) {
  const auto found = checkpoint.metadata.find(kNumberKey);
  uint64_t number = 0;
  if (found == checkpoint.metadata.end() || !absl::SimpleAtoi(found->second, &number)) {
    return absl::DataLossError("the checkpoint does not say which records it holds");
  }
  return number;
}

}  // namespace

Numbers::Numbers(std::string id, std::string uid, const Limits& limits, Keeper* keeper,
                 std::shared_ptr<Journal> journal, std::function<ModelDescription()> describe)
    : id_(std::move(id)),
      uid_(std::move(uid)),
      limits_(limits),
      keeper_(keeper),
      journal_(std::move(journal)),
      describe_(std::move(describe)),
      window_(NewWindow()) {}

WriteWindow Numbers::NewWindow() const {
  return WriteWindow(limits_.request_id_count, limits_.request_id_age, kWriteOutcomeSize);
}

void Numbers::Begin(std::shared_ptr<const ModelSettings> settings, engine::ModelState state) {
  network_ = std::make_shared<const engine::Network>(settings->network);
  settings_ = std::move(settings);
  state_ = std::move(state);
  journal_->Show(settings_, network_, state_);
}

absl::Status Numbers::Load(const std::string& settings_json, const CheckpointFacts& checkpoint) {
  if (!damage_.ok()) return damage_;
  // A power loss may still take what is behind the checkpoint.
  absl::Status status = tail_.empty() ? absl::OkStatus() : keeper_->recovered();
  if (status.ok()) status = Read(settings_json, checkpoint);
  if (status.code() == absl::StatusCode::kDataLoss) {
    status = damage_ = Damaged(absl::StrCat(status.message(), log_damage_));
  }
  return status;
}

absl::Status Numbers::Read(const std::string& settings_json, const CheckpointFacts& checkpoint) {
  absl::StatusOr<StoredSettings> stored = DecodeSettings(settings_json);
  if (!stored.ok()) return stored.status();
  auto network = std::make_shared<const engine::Network>(stored->settings->network);
  absl::StatusOr<Checkpoint> read = keeper_->store()->ReadWeights(checkpoint.weights, *network);
  if (!read.ok()) return read.status();
  const absl::StatusOr<uint64_t> number = NumberOf(*read);
  if (!number.ok()) return number.status();
  WriteWindow window = NewWindow();
  if (absl::Status status = DecodeWindow(*network, read->window, &window); !status.ok()) {
    return status;
  }
  Recovered recovered{std::move(stored->settings), std::move(network), std::move(read->state),
                      &window, *number};
  const uint64_t last = tail_.empty() ? checkpoint.sequence : tail_.back().sequence;
  if (absl::Status status = ReplayTail(checkpoint, &recovered); !status.ok()) return status;
  tail_.clear();
  log_damage_.clear();
  lost_ = std::nullopt;
  if (!recovered.other_numerics.empty()) TellInexact(recovered);
  last_sequence_ = last;
  window_ = std::move(window);
  journal_->SetWindowBytes(window_.bytes());
  number_ = recovered.number;
  settings_ = std::move(recovered.settings);
  network_ = std::move(recovered.network);
  state_ = std::move(recovered.state);
  journal_->Show(settings_, network_, state_);
  return absl::OkStatus();
}

// One record after another is read where it lies: they may be more than memory holds.
absl::Status Numbers::ReplayTail(const CheckpointFacts& checkpoint, Recovered* recovered) {
  for (const TailRecord& next : tail_) {
    if (next.sequence <= checkpoint.sequence) continue;
    const absl::StatusOr<std::string> payload = keeper_->store()->ReadRecord(next.place);
    if (!payload.ok()) return payload.status();
    absl::StatusOr<Record> record = DecodeRecord(*recovered->network, *payload);
    if (!record.ok()) return record.status();
    const absl::Status replayed = server::Replay(*std::move(record), keeper_->options().numerics,
                                                 keeper_->executor(), recovered);
    if (!replayed.ok()) return replayed;
  }
  return absl::OkStatus();
}

absl::Status Numbers::Damaged(absl::string_view why) const {
  return ModelDamaged(id_, absl::StrCat(why, "; restore a version, import weights, or delete it"));
}

void Numbers::TellInexact(const Recovered& recovered) {
  inexact_ = true;
  keeper_->inexact().Tell(
      {id_, recovered.state.step, recovered.other_numerics, keeper_->options().numerics});
}

void Numbers::Unload() {
  settings_ = nullptr;
  network_ = nullptr;
  state_ = {};
  window_ = NewWindow();
  journal_->SetWindowBytes(0);
}

void Numbers::Forget() {
  Unload();
  ++life_;
  damage_ = absl::OkStatus();
  inexact_ = false;
  first_uncovered_ = first_since_capture_ = std::nullopt;
  tail_.clear();
  log_damage_.clear();
  lost_ = std::nullopt;
  lost_step_ = 0;
}

void Numbers::Recover(std::vector<TailRecord> tail, const std::vector<LogDamage>& damage,
                      uint64_t covered) {
  Forget();
  tail_ = std::move(tail);
  if (!tail_.empty()) first_uncovered_ = tail_.front().sequence;
  const uint64_t last_read = tail_.empty() ? 0 : tail_.back().sequence;
  for (const LogDamage& each : damage) {
    if (each.last < each.first || each.last <= covered) continue;
    absl::StrAppend(&log_damage_, "; ", each.what);
    if (!lost_.has_value()) lost_ = {each.first, each.last};
    lost_->last = std::max(lost_->last, each.last);
    for (const LogDamage::Lost& lost : each.owners) {
      if (lost.owner == uid_ && lost.sequence > covered)
        lost_step_ = std::max(lost_step_, lost.step);
    }
  }
  const absl::Status complete = CheckComplete(damage, uid_, covered, last_read);
  if (!complete.ok()) damage_ = Damaged(absl::StrCat("it lost records: ", complete.message()));
}

std::optional<SequenceRange> Numbers::needed() const {
  if (damage_.ok()) {
    if (!first_uncovered_.has_value()) return std::nullopt;
    return SequenceRange{*first_uncovered_, std::numeric_limits<uint64_t>::max()};
  }
  std::optional<SequenceRange> range = lost_;
  if (tail_.empty()) return range;
  if (!range.has_value()) range = {tail_.front().sequence, tail_.back().sequence};
  range->first = std::min(range->first, tail_.front().sequence);
  range->last = std::max(range->last, tail_.back().sequence);
  return range;
}

void Numbers::Replace(const Capture& capture, WriteWindow window) {
  Forget();
  settings_ = capture.settings;
  network_ = capture.network;
  state_ = capture.checkpoint.state;
  window_ = std::move(window);
  journal_->SetWindowBytes(window_.bytes());
  number_ = 0;
  last_sequence_ = capture.sequence;
  journal_->Show(settings_, network_, state_);
}

std::optional<int64_t> Numbers::TailStep() const {
  if (tail_.empty() && lost_step_ == 0) return std::nullopt;
  return std::max(lost_step_, tail_.empty() ? 0 : tail_.back().step);
}

Numbers::Capture Numbers::Take() {
  Capture capture;
  capture.checkpoint = MakeCheckpoint(state_, keeper_->options().numerics, number_);
  capture.checkpoint.window = EncodeWindow(*network_, window_);
  capture.settings = settings_;
  capture.network = network_;
  capture.sequence = last_sequence_;
  capture.life = life_;
  first_since_capture_ = std::nullopt;
  return capture;
}

Checkpoint MakeCheckpoint(engine::ModelState state, const std::string& numerics, uint64_t number) {
  Checkpoint checkpoint;
  checkpoint.state = std::move(state);
  checkpoint.metadata = {{kNumberKey, absl::StrCat(number)}, {kNumericsKey, numerics}};
  return checkpoint;
}

void Numbers::Covered(const Capture& capture) {
  if (!Holds(capture)) return;
  first_uncovered_ = first_since_capture_;
  inexact_ = false;
}

ModelDescription Numbers::Describe(const engine::ModelState& state) const {
  ModelDescription description = describe_();
  description.settings = settings_;
  description.normalization = state.normalization;
  description.step = state.step;
  return description;
}

bool Numbers::shows_steps() const { return keeper_ == nullptr || keeper_->options().relaxed; }

bool Numbers::ProgressIsDue(absl::Time last, int64_t bytes) const {
  if (keeper_ == nullptr) return false;
  const Keeper::Options& options = keeper_->options();
  const absl::Duration cost =
      absl::Seconds(static_cast<double>(bytes) / static_cast<double>(options.progress_bytes));
  return absl::Now() - last >= std::max(options.progress_interval, cost);
}

void Numbers::Commit(engine::ModelState state, Record record, Journal::Done done) {
  record.header.time = absl::Now();
  record.header.first_step = state_.step;
  record.header.last_step = state.step;
  if (!record.request_id.empty() && record.outcome.has_value()) {
    window_.Store(record.request_id, record.digest, *record.outcome, record.header.time);
    journal_->SetWindowBytes(window_.bytes());
  }
  Journal::Change change;
  change.step = state.step;
  if (state.step != state_.step) change.state = state;
  change.done = std::move(done);
  const bool empty = !change.state.has_value() && record.request_id.empty();
  state_ = std::move(state);
  if (empty) return journal_->Then(std::move(change.done));
  Append(std::move(record), std::move(change));
}

void Numbers::Append(Record record, Journal::Change change) {
  if (keeper_ != nullptr) {
    record.header.uid = uid_;
    record.header.number = ++number_;
    record.header.numerics = keeper_->options().numerics;
    change.key = {uid_, number_, record.header.last_step};
    change.record = EncodeRecord(*network_, record);
  }
  const uint64_t sequence = journal_->Commit(std::move(change));
  if (sequence == 0) return;
  last_sequence_ = sequence;
  if (!first_uncovered_) first_uncovered_ = sequence;
  if (!first_since_capture_) first_since_capture_ = sequence;
}

// What runs keeps the rate that it began with.
void Numbers::SetLearningRate(double learning_rate, Journal::Done done) {
  Record record;
  record.header.time = absl::Now();
  record.header.first_step = record.header.last_step = state_.step;
  record.body = LearningRateBody{learning_rate};
  settings_ = WithLearningRate(*settings_, learning_rate);
  network_ = std::make_shared<const engine::Network>(settings_->network);
  Journal::Change change;
  change.settings = settings_;
  change.network = network_;
  change.step = state_.step;
  change.done = std::move(done);
  Append(std::move(record), std::move(change));
}

}  // namespace chainrule::server
