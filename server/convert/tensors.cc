#include "server/convert/tensors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/core/check.h"
#include "engine/core/checked_math.h"
#include "engine/core/error.h"
#include "server/convert/violations.h"

namespace chainrule::server {
namespace {

using engine::ElementType;
using engine::InvalidField;

std::optional<ElementType> TypeOf(v1::DataType dtype) {
  switch (dtype) {
    case v1::DATA_TYPE_UNSPECIFIED:
    case v1::DATA_TYPE_FLOAT32:
      return ElementType::kFloat32;
    case v1::DATA_TYPE_FLOAT64:
      return ElementType::kFloat64;
    case v1::DATA_TYPE_UINT8:
      return ElementType::kUint8;
    default:
      return std::nullopt;
  }
}

std::span<const int64_t> ShapeOf(const v1::Tensor& tensor) {
  return {tensor.shape().data(), static_cast<size_t>(tensor.shape_size())};
}

std::string Path(absl::string_view field, absl::string_view name) {
  return absl::StrCat(field, ".", name);
}

// The product of a shape, or what is wrong with one of its dimensions.
absl::StatusOr<int64_t> CountElements(const v1::Tensor& tensor, absl::string_view field) {
  int64_t count = 1;
  for (int i = 0; i < tensor.shape_size(); ++i) {
    const std::string path = absl::StrCat(field, ".shape[", i, "]");
    if (tensor.shape(i) < 0) {
      return InvalidField(path, absl::StrCat(tensor.shape(i), "; must be 0 or more"));
    }
    const std::optional<int64_t> product = engine::CheckedMultiply(count, tensor.shape(i));
    if (!product) {
      return InvalidField(
          path, absl::StrCat(tensor.shape(i),
                             "; the shape must have no more elements than can be counted"));
    }
    count = *product;
  }
  return count;
}

absl::Status WrongSize(absl::string_view field, absl::string_view found, const v1::Tensor& tensor,
                       const std::string& wanted) {
  return InvalidField(
      field, absl::StrCat(found, "; the shape ", ShapeText(ShapeOf(tensor)), " needs ", wanted));
}

// The elements, where `count` of them are where they should be.
absl::StatusOr<engine::ElementRows> CheckElements(const v1::Tensor& tensor, absl::string_view field,
                                                  int64_t count) {
  const std::optional<ElementType> type = TypeOf(tensor.dtype());
  if (!type) {
    return InvalidField(Path(field, "dtype"),
                        UnknownEnum(tensor.dtype(), *v1::DataType_descriptor()));
  }
  if (!tensor.values().empty() && !tensor.raw().empty()) {
    return InvalidField(field, "both values and raw are filled; exactly one must be");
  }
  if (!tensor.raw().empty()) {
    const auto wanted = engine::CheckedMultiply(count, engine::ElementBytes(*type));
    if (!wanted || *wanted != static_cast<int64_t>(tensor.raw().size())) {
      return WrongSize(Path(field, "raw"), absl::StrCat(tensor.raw().size(), " bytes"), tensor,
                       absl::StrCat(count, " elements of ", engine::ElementBytes(*type)));
    }
    return engine::ElementRows{*type, tensor.raw().data(), 1};
  }
  if (*type != ElementType::kFloat32 && count > 0) {
    return InvalidField(Path(field, "values"),
                        absl::StrCat(v1::DataType_Name(tensor.dtype()), "; must come in raw"));
  }
  if (tensor.values_size() != count) {
    return WrongSize(Path(field, "values"), absl::StrCat(tensor.values_size(), " elements"), tensor,
                     absl::StrCat(count));
  }
  return engine::ElementRows{*type, tensor.values().data(), 1};
}

std::string WantedShape(const RowsWanted& wanted) {
  if (!wanted.matrix_allowed) return "[rows]";
  return absl::StrCat("[rows, ", wanted.columns, "]");
}

bool IsVectorOf(const v1::Tensor& tensor, const RowsWanted& wanted) {
  return tensor.shape_size() == 1 && wanted.vector_allowed && wanted.columns == 1;
}

absl::Status CheckForm(const v1::Tensor& tensor, absl::string_view field,
                       const RowsWanted& wanted) {
  if (IsVectorOf(tensor, wanted)) return absl::OkStatus();
  if (tensor.shape_size() != 2 || !wanted.matrix_allowed) {
    const std::string shape = ShapeText(ShapeOf(tensor));
    return InvalidFieldSaying(
        absl::StrCat(field, ": shape ", shape, ", ", wanted.expected_by, " ", WantedShape(wanted)),
        Path(field, "shape"),
        absl::StrCat(shape, "; ", wanted.expected_by, " ", WantedShape(wanted)));
  }
  if (tensor.shape(1) == wanted.columns) return absl::OkStatus();
  return InvalidFieldSaying(
      absl::StrCat(field, ": ", tensor.shape(1), " columns, ", wanted.expected_by, " ",
                   wanted.columns),
      Path(field, "shape[1]"),
      absl::StrCat(tensor.shape(1), "; ", wanted.expected_by, " ", wanted.columns));
}

std::string ColumnText(int64_t column, const std::vector<std::string>& names) {
  const auto index = static_cast<size_t>(column);
  if (index >= names.size()) return absl::StrCat(column);
  const std::string name = Echo(names[index]);
  return absl::StrCat(column, " (", name.substr(1, name.size() - 2), ")");
}

// Room for `count` floats in the field that the encoding says.
float* Allocate(int64_t count, v1::TensorEncoding encoding, v1::Tensor* tensor) {
  CHAINRULE_CHECK(count >= 0 && count <= std::numeric_limits<int>::max());
  tensor->set_dtype(v1::DATA_TYPE_FLOAT32);
  if (count == 0) return nullptr;
  if (encoding == v1::TENSOR_ENCODING_RAW) {
    std::string* raw = tensor->mutable_raw();
    raw->resize(static_cast<size_t>(count) * sizeof(float));
    CHAINRULE_CHECK(reinterpret_cast<uintptr_t>(raw->data()) % alignof(float) == 0);
    return reinterpret_cast<float*>(raw->data());
  }
  tensor->mutable_values()->Reserve(static_cast<int>(count));
  return tensor->mutable_values()->AddNAlreadyReserved(static_cast<int>(count));
}

}  // namespace

std::string ShapeText(std::span<const int64_t> shape) {
  constexpr size_t kShown = 4;
  const auto shown = shape.first(std::min(shape.size(), kShown));
  return absl::StrCat("[", absl::StrJoin(shown.begin(), shown.end(), ", "),
                      shape.size() > kShown ? ", …]" : "]");
}

absl::StatusOr<TensorRows> CheckRows(const v1::Tensor& tensor, absl::string_view field,
                                     const RowsWanted& wanted, const Limits& limits) {
  if (absl::Status status = CheckForm(tensor, field, wanted); !status.ok()) return status;
  const absl::StatusOr<int64_t> count = CountElements(tensor, field);
  if (!count.ok()) return count.status();
  const int64_t rows = tensor.shape(0);
  if (rows > limits.max_rows) {
    return engine::LimitExceeded(Path(field, "shape[0]"), "max_rows", rows, limits.max_rows);
  }
  absl::StatusOr<engine::ElementRows> elements = CheckElements(tensor, field, *count);
  if (!elements.ok()) return elements.status();
  elements->columns = wanted.columns;
  return TensorRows{*elements, rows, tensor.shape_size() == 1};
}

absl::StatusOr<TensorRows> CheckShape(const v1::Tensor& tensor, absl::string_view field,
                                      std::span<const int64_t> shape,
                                      absl::string_view expected_by) {
  if (!std::ranges::equal(ShapeOf(tensor), shape)) {
    return InvalidField(Path(field, "shape"), absl::StrCat(ShapeText(ShapeOf(tensor)), "; ",
                                                           expected_by, " ", ShapeText(shape)));
  }
  const absl::StatusOr<int64_t> count = CountElements(tensor, field);
  if (!count.ok()) return count.status();
  absl::StatusOr<engine::ElementRows> elements = CheckElements(tensor, field, *count);
  if (!elements.ok()) return elements.status();
  const bool vector = shape.size() == 1;
  elements->columns = vector ? 1 : shape.back();
  return TensorRows{*elements, shape.front(), vector};
}

absl::Status BadElement(const TensorRows& rows, int64_t row, int64_t column,
                        absl::string_view field, const std::vector<std::string>& column_names,
                        absl::string_view allowed) {
  const double value = rows.elements.ElementAt(row * rows.elements.columns + column);
  const std::string place =
      rows.vector ? "" : absl::StrCat(", column ", ColumnText(column, column_names));
  return InvalidField(
      field, absl::StrCat("row ", row, place, ": ", EchoNumber(value), "; must be ", allowed));
}

absl::Status NotFinite(const TensorRows& rows, int64_t row, int64_t column, absl::string_view field,
                       const std::vector<std::string>& column_names) {
  const bool was_finite =
      std::isfinite(rows.elements.ElementAt(row * rows.elements.columns + column));
  return BadElement(rows, row, column, field, column_names,
                    was_finite ? "finite as float32" : "finite");
}

absl::Status CheckFinite(const TensorRows& rows, absl::string_view field,
                         const std::vector<std::string>& column_names) {
  if (rows.elements.type == ElementType::kUint8) return absl::OkStatus();
  std::vector<float> row(static_cast<size_t>(rows.elements.columns));
  for (int64_t i = 0; i < rows.rows; ++i) {
    rows.elements.CopyRow(i, row);
    const auto fault = std::ranges::find_if(row, [](float v) { return !std::isfinite(v); });
    if (fault == row.end()) continue;
    return NotFinite(rows, i, fault - row.begin(), field, column_names);
  }
  return absl::OkStatus();
}

absl::Status WithNames(const absl::Status& status, const TensorRows& rows, absl::string_view field,
                       const std::vector<std::string>& column_names) {
  if (status.code() != absl::StatusCode::kInvalidArgument) return status;
  absl::Status named = CheckFinite(rows, field, column_names);
  return named.ok() ? status : named;
}

absl::StatusOr<v1::TensorEncoding> ResolveEncoding(v1::TensorEncoding asked,
                                                   const v1::Tensor* sent) {
  if (!v1::TensorEncoding_IsValid(asked)) {
    return InvalidField("encoding", UnknownEnum(asked, *v1::TensorEncoding_descriptor()));
  }
  if (asked != v1::TENSOR_ENCODING_UNSPECIFIED) return asked;
  const bool raw = sent != nullptr && !sent->raw().empty();
  return raw ? v1::TENSOR_ENCODING_RAW : v1::TENSOR_ENCODING_VALUES;
}

engine::MatrixView PlaceMatrix(int64_t rows, int64_t columns, v1::TensorEncoding encoding,
                               v1::Tensor* tensor) {
  tensor->add_shape(rows);
  tensor->add_shape(columns);
  return {Allocate(rows * columns, encoding, tensor), rows, columns};
}

engine::MatrixView PlaceVector(int64_t length, v1::TensorEncoding encoding, v1::Tensor* tensor) {
  tensor->add_shape(length);
  return {Allocate(length, encoding, tensor), 1, length};
}

}  // namespace chainrule::server
