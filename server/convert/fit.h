// FitRows: what a Fit has received so far, checked message by message.
#ifndef CHAINRULE_SERVER_CONVERT_FIT_H_
#define CHAINRULE_SERVER_CONVERT_FIT_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "chainrule/v1/training_service.pb.h"
#include "engine/train/examples.h"
#include "engine/train/row_spool.h"
#include "server/convert/context.h"
#include "server/convert/digest.h"
#include "server/models/calls.h"

namespace chainrule::server {

// Checks and digests rows as they come, and keeps them: in memory if that is enough, else all
// of them in spools, one for the rows to learn from and one for validation.
// Thread-compatible: Add while messages come, then Read, once; all on compute threads.
class FitRows {
 public:
  using MakeSpool =
      std::function<absl::StatusOr<std::unique_ptr<engine::RowSpool>>(const engine::NetworkSpec&)>;

  // `header` was found sound by CheckFitHeader. When the rows take more than `memory_bytes`
  // they go to what `make_spool` makes.
  FitRows(v1::FitHeader header, ModelContext model, int64_t memory_bytes, MakeSpool make_spool);

  // A message after the header.  Linear.  Refuses a second header, an empty message,
  // validation rows beside a validation_fraction, what ReadExampleChunk refuses, and, with
  // LIMIT_EXCEEDED, rows beyond max_fit_bytes.  Fails as the spool does.  A refused message
  // is not kept, and ends the collection.
  absl::Status Add(std::shared_ptr<const v1::FitRequest> message);

  // Those for validation included.
  int64_t rows_received() const { return rows_received_; }
  int64_t bytes() const { return bytes_; }
  // What they take in memory, with what holds them there.
  int64_t memory() const { return memory_; }
  // At the half-close: there must be rows to learn from, with a validation_fraction two.
  absl::Status CheckComplete() const;

  // TrainCall::read of a Fit; moves the rows out.  The digest is of the header and all rows,
  // however they were cut into messages.  Refuses weights that leave nothing to learn from
  // (or, of validation rows, to measure on).  Fails as the spool does.
  absl::StatusOr<TrainInput> Read();

 private:
  // Rows to learn from, or for validation.
  struct Part {
    explicit Part(const engine::NetworkSpec& network)
        : examples(network.input_width, network.output_width()) {}
    engine::Examples examples;
    std::unique_ptr<engine::RowSpool> spool;  // has the examples, if there is one
    RowsDigest digest;
    int64_t rows = 0;
    double weight_sum = 0;
  };
  absl::Status Keep(engine::ExampleChunk chunk, int64_t memory, Part* part);
  absl::Status Spool();
  absl::Status SpoolPart(Part* part);
  absl::Status ReadBack(Part* part);
  absl::Status CheckSplit() const;

  const v1::FitHeader header_;
  const ModelContext model_;
  const int64_t max_memory_;
  const MakeSpool make_spool_;
  Part training_;
  Part validation_;
  bool spooled_ = false;
  int64_t messages_ = 0;
  int64_t rows_received_ = 0;
  int64_t bytes_ = 0;
  int64_t memory_ = 0;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_FIT_H_
