#include "server/convert/fit.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/core/error.h"
#include "engine/train/batches.h"
#include "engine/train/row_feed.h"
#include "server/convert/digest.h"
#include "server/convert/examples.h"
#include "server/convert/violations.h"

namespace chainrule::server {
namespace {

using engine::InvalidField;

// What a name costs beside its characters.
constexpr int64_t kNameBytes = sizeof(std::string);

int64_t Bytes(const v1::Tensor& tensor) {
  return int64_t{4} * tensor.values_size() + static_cast<int64_t>(tensor.raw().size());
}

// Of the rows as they are kept.
int64_t Bytes(const v1::Examples& examples) {
  int64_t bytes = Bytes(examples.inputs()) + Bytes(examples.targets()) +
                  Bytes(examples.sample_weights()) +
                  int64_t{4} * examples.class_labels().ids_size();
  for (const std::string& name : examples.class_labels().names()) {
    bytes += kNameBytes + static_cast<int64_t>(name.size());
  }
  return bytes;
}

// Of the message as it is kept, with its chunk.
int64_t MemoryOf(const v1::FitRequest& message) {
  return static_cast<int64_t>(message.SpaceUsedLong() + sizeof(engine::ExampleChunk));
}

bool IsValidation(const v1::FitRequest& message) { return message.has_validation_examples(); }

const v1::Examples& RowsOf(const v1::FitRequest& message) {
  return IsValidation(message) ? message.validation_examples() : message.examples();
}

const char* FieldOf(const v1::FitRequest& message) {
  return IsValidation(message) ? "validation_examples" : "examples";
}

absl::Status CheckKind(const v1::FitRequest& message, const v1::FitHeader& header) {
  switch (message.kind_case()) {
    case v1::FitRequest::kExamples:
      return absl::OkStatus();
    case v1::FitRequest::kValidationExamples:
      if (header.validation_fraction() == 0) return absl::OkStatus();
      return InvalidField("validation_examples",
                          "set; not allowed beside the header's validation_fraction");
    case v1::FitRequest::kHeader:
      return InvalidField("header", "set; only the first message has one");
    case v1::FitRequest::KIND_NOT_SET:
      break;
  }
  return InvalidField("kind", "unset; must be examples or validation_examples");
}

}  // namespace

FitRows::FitRows(v1::FitHeader header, ModelContext model, int64_t memory_bytes,
                 MakeSpool make_spool)
    : header_(std::move(header)),
      model_(std::move(model)),
      max_memory_(memory_bytes),
      make_spool_(std::move(make_spool)),
      training_(model_.network()),
      validation_(model_.network()) {}

absl::Status FitRows::Add(std::shared_ptr<const v1::FitRequest> message) {
  const int64_t number = ++messages_;
  if (absl::Status kind = CheckKind(*message, header_); !kind.ok()) {
    return InMessage(number, kind);
  }
  const v1::Examples& examples = RowsOf(*message);
  const char* const field = FieldOf(*message);
  Part& part = IsValidation(*message) ? validation_ : training_;
  const int64_t message_bytes = Bytes(examples);
  const int64_t memory = MemoryOf(*message);
  const absl::StatusOr<int64_t> rows = CheckExamples(examples, field, model_);
  if (!rows.ok()) return InMessage(number, rows.status());
  if (bytes_ + message_bytes > model_.limits->max_fit_bytes) {
    return InMessage(number, engine::LimitExceeded(field, "max_fit_bytes", bytes_ + message_bytes,
                                                   model_.limits->max_fit_bytes));
  }
  absl::StatusOr<engine::ExampleChunk> chunk =
      ReadExampleChunk({std::move(message), &examples}, field, model_);
  if (!chunk.ok()) return InMessage(number, chunk.status());
  bytes_ += message_bytes;
  rows_received_ += chunk->rows;
  part.rows += chunk->rows;
  part.weight_sum += WeightSum(*chunk);
  part.digest.Add(*chunk);
  return Keep(*std::move(chunk), memory, &part);
}

absl::Status FitRows::Keep(engine::ExampleChunk chunk, int64_t memory, Part* part) {
  if (!spooled_ && memory_ + memory > max_memory_) {
    if (absl::Status status = Spool(); !status.ok()) return status;
  }
  if (spooled_) {
    if (absl::Status status = SpoolPart(part); !status.ok()) return status;
    return part->spool->Append(chunk);
  }
  memory_ += memory;
  part->examples.Append(std::move(chunk));
  return absl::OkStatus();
}

// From now on.
absl::Status FitRows::Spool() {
  spooled_ = true;
  for (Part* part : {&training_, &validation_}) {
    if (part->examples.rows() == 0) continue;
    if (absl::Status status = SpoolPart(part); !status.ok()) return status;
  }
  memory_ = 0;
  return absl::OkStatus();
}

absl::Status FitRows::SpoolPart(Part* part) {
  if (part->spool != nullptr) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<engine::RowSpool>> spool = make_spool_(model_.network());
  if (!spool.ok()) return spool.status();
  part->spool = *std::move(spool);
  for (const engine::ExampleChunk& chunk : part->examples.chunks()) {
    if (absl::Status status = part->spool->Append(chunk); !status.ok()) return status;
  }
  part->examples.Clear();
  return absl::OkStatus();
}

absl::Status FitRows::ReadBack(Part* part) {
  if (part->spool == nullptr) return absl::OkStatus();
  absl::StatusOr<std::shared_ptr<const engine::SpooledRows>> rows = part->spool->Finish();
  if (!rows.ok()) return rows.status();
  part->spool.reset();
  part->examples.Spool(*std::move(rows));
  return absl::OkStatus();
}

absl::Status FitRows::CheckComplete() const {
  const int64_t needed = header_.validation_fraction() > 0 ? 2 : 1;
  if (training_.rows >= needed) return absl::OkStatus();
  return InvalidField("examples",
                      absl::StrCat(training_.rows, " rows; must be ", needed, " or more",
                                   needed > 1 ? ", one of them to be "
                                                "kept for validation"
                                              : ""));
}

// The rows that the split leaves to learn from must weigh something.
absl::Status FitRows::CheckSplit() const {
  const double fraction = header_.validation_fraction();
  const engine::Examples& examples = training_.examples;
  if (!(fraction > 0) || !examples.weighted()) return absl::OkStatus();
  const engine::RowSplit split =
      engine::SplitRows(model_.network().seed, examples.rows(), fraction);
  engine::RowFeed feed(examples);
  feed.Begin(*split.training);
  const absl::StatusOr<double> sum = feed.WeightSum(split.training->size());
  feed.End();
  if (!sum.ok() || *sum > 0) return sum.status();
  return InvalidField("examples.sample_weights",
                      absl::StrCat("sum 0 over the ", split.training->size(),
                                   " rows that validation_fraction leaves to learn from; must be "
                                   "above 0"));
}

absl::StatusOr<TrainInput> FitRows::Read() {
  absl::Status sum = CheckWeightSum(training_.rows, training_.weight_sum, "examples");
  if (!sum.ok()) return sum;
  if (validation_.rows > 0) {
    sum = CheckWeightSum(validation_.rows, validation_.weight_sum, "validation_examples");
    if (!sum.ok()) return sum;
  }
  for (Part* part : {&training_, &validation_}) {
    if (absl::Status status = ReadBack(part); !status.ok()) return status;
  }
  if (absl::Status status = CheckSplit(); !status.ok()) return status;
  Digest digest;
  digest.AddDigest(DigestMessage(header_));
  digest.AddDigest(training_.digest.Finish());
  digest.AddDigest(validation_.digest.Finish());
  TrainInput input{std::move(training_.examples), std::nullopt, digest.Finish()};
  if (validation_.rows > 0) input.validation = std::move(validation_.examples);
  return input;
}

}  // namespace chainrule::server
