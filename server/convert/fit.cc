#include "server/convert/fit.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/core/error.h"
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

FitRows::FitRows(v1::FitHeader header, ModelContext model)
    : header_(std::move(header)), model_(std::move(model)) {}

absl::Status FitRows::Add(std::shared_ptr<const v1::FitRequest> message) {
  const auto number = static_cast<int64_t>(messages_.size()) + 1;
  if (absl::Status kind = CheckKind(*message, header_); !kind.ok()) {
    return InMessage(number, kind);
  }
  const v1::Examples& examples = RowsOf(*message);
  const absl::StatusOr<int64_t> rows = CheckExamples(examples, FieldOf(*message), model_);
  if (!rows.ok()) return InMessage(number, rows.status());
  const int64_t bytes = bytes_ + Bytes(examples);
  if (bytes > model_.limits->max_fit_bytes) {
    return InMessage(number, engine::LimitExceeded(FieldOf(*message), "max_fit_bytes", bytes,
                                                   model_.limits->max_fit_bytes));
  }
  bytes_ = bytes;
  rows_received_ += *rows;
  if (!IsValidation(*message)) training_rows_ += *rows;
  messages_.push_back(std::move(message));
  return absl::OkStatus();
}

absl::Status FitRows::CheckComplete() const {
  const int64_t needed = header_.validation_fraction() > 0 ? 2 : 1;
  if (training_rows_ >= needed) return absl::OkStatus();
  return InvalidField("examples",
                      absl::StrCat(training_rows_, " rows; must be ", needed, " or more",
                                   needed > 1 ? ", one of them to be "
                                                "kept for validation"
                                              : ""));
}

absl::StatusOr<TrainInput> FitRows::Read() const {
  engine::Examples training(model_.network().input_width, model_.network().output_width());
  engine::Examples validation = training;
  RowsDigest training_digest;
  RowsDigest validation_digest;
  for (size_t i = 0; i < messages_.size(); ++i) {
    const v1::FitRequest& message = *messages_[i];
    const std::shared_ptr<const v1::Examples> rows(messages_[i], &RowsOf(message));
    absl::StatusOr<engine::ExampleChunk> chunk = ReadExampleChunk(rows, FieldOf(message), model_);
    if (!chunk.ok()) return InMessage(static_cast<int64_t>(i) + 1, chunk.status());
    (IsValidation(message) ? validation_digest : training_digest).Add(*chunk);
    (IsValidation(message) ? validation : training).Append(*std::move(chunk));
  }
  if (absl::Status sum = CheckWeightSum(training, "examples"); !sum.ok()) return sum;
  Digest digest;
  digest.AddDigest(DigestMessage(header_));
  digest.AddDigest(training_digest.Finish());
  digest.AddDigest(validation_digest.Finish());
  if (validation.rows() == 0) return TrainInput{std::move(training), std::nullopt, digest.Finish()};
  absl::Status sum = CheckWeightSum(validation, "validation_examples");
  if (!sum.ok()) return sum;
  return TrainInput{std::move(training), std::move(validation), digest.Finish()};
}

}  // namespace chainrule::server
