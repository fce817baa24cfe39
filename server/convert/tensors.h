// v1::Tensor and the engine's views.  Nothing here copies elements: a request's tensor is
// looked at where it lies, a reply's is allocated once and written in place.
#ifndef CHAINRULE_SERVER_CONVERT_TENSORS_H_
#define CHAINRULE_SERVER_CONVERT_TENSORS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "chainrule/v1/tensor.pb.h"
#include "engine/core/matrix.h"
#include "engine/train/examples.h"
#include "server/models/limits.h"

namespace chainrule::server {

// A request's tensor as rows.  Borrows the tensor's memory.
struct TensorRows {
  engine::ElementRows elements;  // data may be null where there are none
  int64_t rows = 0;
  bool vector = false;  // it came as [rows], so its elements have no column to name
};

// What a tensor should be.  `expected_by` ends the message: "model 'iris' expects".
struct RowsWanted {
  int64_t columns = 0;
  std::string expected_by;
  bool vector_allowed = false;  // [rows] is taken as [rows, 1], where columns is 1
  bool matrix_allowed = true;
};

// Constant cost.  Refuses: an unknown dtype, FLOAT64 or UINT8 in `values`, both fields
// filled, a negative dimension, another rank or width than wanted, an element count that
// is not the shape's, rows beyond max_rows (LIMIT_EXCEEDED).
absl::StatusOr<TensorRows> CheckRows(const v1::Tensor& tensor, absl::string_view field,
                                     const RowsWanted& wanted, const Limits& limits);
// The same for a tensor of exactly this shape, of one or two dimensions (parameters).
absl::StatusOr<TensorRows> CheckShape(const v1::Tensor& tensor, absl::string_view field,
                                      std::span<const int64_t> shape,
                                      absl::string_view expected_by);

// INVALID_FIELD: "row 3, column 2 (petal_width_cm): -1; must be 0 or more" with the value as
// sent and `allowed` at the end.  `column_names` may be empty.
absl::Status BadElement(const TensorRows& rows, int64_t row, int64_t column,
                        absl::string_view field, const std::vector<std::string>& column_names,
                        absl::string_view allowed);
// The same of one that is not finite as float32.
absl::Status NotFinite(const TensorRows& rows, int64_t row, int64_t column, absl::string_view field,
                       const std::vector<std::string>& column_names);

// INVALID_FIELD names the first element that is not finite as float32: "row 3, column 2
// (petal_width_cm): nan; must be finite".  `column_names` may be empty.  One pass: for
// compute threads.
absl::Status CheckFinite(const TensorRows& rows, absl::string_view field,
                         const std::vector<std::string>& column_names = {});

// The batcher knows that an input is not finite; which one it is, with its column's name, is
// looked for only then: `status`, or, of an INVALID_ARGUMENT, what CheckFinite says.
absl::Status WithNames(const absl::Status& status, const TensorRows& rows, absl::string_view field,
                       const std::vector<std::string>& column_names);

// The encoding of a reply: as asked, or, unset, as the request's tensor (null: VALUES).
// Refuses unknown ones.
absl::StatusOr<v1::TensorEncoding> ResolveEncoding(v1::TensorEncoding asked,
                                                   const v1::Tensor* sent);

// "[3, 4]", of long shapes the beginning.
std::string ShapeText(std::span<const int64_t> shape);

// Makes `tensor` a FLOAT32 one of this shape with elements still to be written, and returns
// the view to write them to, valid while the tensor is not changed: [rows × columns], of a
// vector [1 × length].  `encoding` is VALUES or RAW.  The elements number below 2^31 (see
// ReplySize).  Floats in `raw` lie aligned: std::string's memory is, at least to 8
// bytes (its own and operator new's); a CHECK holds it.
engine::MatrixView PlaceMatrix(int64_t rows, int64_t columns, v1::TensorEncoding encoding,
                               v1::Tensor* tensor);
engine::MatrixView PlaceVector(int64_t length, v1::TensorEncoding encoding, v1::Tensor* tensor);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_TENSORS_H_
