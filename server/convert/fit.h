// FitRows: what a Fit has received so far, checked message by message.
#ifndef CHAINRULE_SERVER_CONVERT_FIT_H_
#define CHAINRULE_SERVER_CONVERT_FIT_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "chainrule/v1/training_service.pb.h"
#include "server/convert/context.h"
#include "server/models/calls.h"

namespace chainrule::server {

// Keeps the messages; Read makes views of them, which share them.
// Thread-compatible: Add while messages come, then Read, once, on a compute thread.
class FitRows {
 public:
  // `header` was found sound by CheckFitHeader.
  FitRows(v1::FitHeader header, ModelContext model);

  // A message after the header.  Constant cost.  Refuses a second header, an empty message,
  // validation rows beside a validation_fraction, what CheckExamples refuses, and, with
  // LIMIT_EXCEEDED, rows beyond max_fit_bytes.  A refused message is not kept.
  absl::Status Add(std::shared_ptr<const v1::FitRequest> message);

  // Those for validation included.
  int64_t rows_received() const { return rows_received_; }
  int64_t bytes() const { return bytes_; }
  // At the half-close: there must be rows to learn from, with a validation_fraction two.
  absl::Status CheckComplete() const;

  // Linear: TrainCall::read of a Fit.  The digest is of the header and all rows, however
  // they were cut into messages.
  absl::StatusOr<TrainInput> Read() const;

 private:
  const v1::FitHeader header_;
  const ModelContext model_;
  std::vector<std::shared_ptr<const v1::FitRequest>> messages_;
  int64_t training_rows_ = 0;
  int64_t rows_received_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_FIT_H_
