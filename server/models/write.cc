#include "server/models/write.h"

#include "absl/time/clock.h"
#include "server/models/errors.h"

namespace chainrule::server {

absl::StatusOr<WriteOutcome*> Write::Admit(
    Writer* writer, absl::FunctionRef<absl::StatusOr<ContentDigest>()> read) {
  if (absl::Status why = cancellation().Check(); !why.ok()) {
    return Interrupted(why, writer->id(), writer->state().step);
  }
  const bool named = !options_.request_id.empty();
  // Without an id nothing needs the content before if_step is judged.
  if (!named) {
    if (absl::Status status = CheckStep(*writer); !status.ok()) return status;
  }
  absl::StatusOr<ContentDigest> digest = read();
  if (!digest.ok()) return digest.status();
  if (!named) return nullptr;
  digest_ = *digest;
  digest_[0] ^= static_cast<uint64_t>(kind_);  // the same rows of another RPC are other content
  auto seen = writer->window().Find(options_.request_id, digest_, absl::Now());
  if (!seen.ok() || *seen != nullptr) return seen;
  if (absl::Status status = CheckStep(*writer); !status.ok()) return status;
  return nullptr;
}

absl::Status Write::CheckStep(const Writer& writer) const {
  const int64_t step = writer.state().step;
  if (!options_.if_step.has_value() || *options_.if_step == step) return absl::OkStatus();
  return StepMismatch(writer.id(), step, *options_.if_step);
}

Record Write::MakeRecord(WriteOutcome outcome, RecordBody body) const {
  Record record;
  record.body = std::move(body);
  if (options_.request_id.empty()) return record;
  record.request_id = options_.request_id;
  record.digest = digest_;
  record.outcome = std::move(outcome);
  return record;
}

}  // namespace chainrule::server
