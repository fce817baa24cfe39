// Rows as messages.
#ifndef CHAINRULE_CLIENT_LIB_EXAMPLES_H_
#define CHAINRULE_CLIENT_LIB_EXAMPLES_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "chainrule/v1/server_service.pb.h"
#include "chainrule/v1/tensor.pb.h"
#include "client/data/rows.h"

namespace chainrule::client {

// The inputs as [count, width]: numbers as `values`, pixels as `raw` UINT8.
v1::Tensor ToInputs(const Rows& rows);

// Inputs, and whatever labels and weights the rows have.
v1::Examples ToExamples(const Rows& rows);

// How many rows of this size go into a message of about `wanted_bytes` that the server
// takes; at least 1.
int64_t RowsPerMessage(const v1::Limits& limits, int64_t bytes_per_row, int64_t wanted_bytes);

// The next rows of `source`, at most `most`. Returns whether there are no more.
absl::StatusOr<bool> ReadUpTo(RowSource* source, int64_t most, Rows* rows);

// All rows of `source` in one message. INVALID_ARGUMENT: there are none, or more than the
// server takes in one, with the limit that says so.
absl::StatusOr<v1::Examples> ReadExamples(const v1::Limits& limits, RowSource* source);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_LIB_EXAMPLES_H_
