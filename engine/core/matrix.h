// Matrices of float32, row-major, and views of them.
//   MatrixView, ConstMatrixView: [rows × columns], rows `stride` floats apart.
//     They own nothing, promise only alignof(float), and are passed by value.
//   Matrix: owns its elements, 64-byte aligned, stride = columns.
// Thread-compatible.
#ifndef CHAINRULE_ENGINE_CORE_MATRIX_H_
#define CHAINRULE_ENGINE_CORE_MATRIX_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "engine/core/aligned_buffer.h"

namespace chainrule::engine {

template <typename T>
struct BasicMatrixView {
  T* data = nullptr;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t stride = 0;

  BasicMatrixView() = default;
  BasicMatrixView(T* elements, int64_t row_count, int64_t column_count)
      : BasicMatrixView(elements, row_count, column_count, column_count) {}
  BasicMatrixView(T* elements, int64_t row_count, int64_t column_count, int64_t row_stride)
      : data(elements), rows(row_count), columns(column_count), stride(row_stride) {}
  // A view of mutable elements is one of constant elements.
  template <typename U>
  requires(!std::is_same_v<T, U> && std::is_same_v<T, const U>)
      // NOLINTNEXTLINE(google-explicit-constructor): as span<T> becomes span<const T>.
      BasicMatrixView(BasicMatrixView<U> view)
      : BasicMatrixView(view.data, view.rows, view.columns, view.stride) {}

  T& operator()(int64_t row, int64_t column) const { return data[row * stride + column]; }
  std::span<T> row(int64_t index) const {
    return {data + index * stride, static_cast<size_t>(columns)};
  }
  // Rows [first, first + count).
  BasicMatrixView Rows(int64_t first, int64_t count) const {
    return {data + first * stride, count, columns, stride};
  }
  // Rows [row, row + row_count), columns [column, column + column_count).
  BasicMatrixView Block(int64_t row, int64_t column, int64_t row_count,
                        int64_t column_count) const {
    return {data + row * stride + column, row_count, column_count, stride};
  }
  int64_t size() const { return rows * columns; }
  bool contiguous() const { return stride == columns || rows <= 1; }
};

using MatrixView = BasicMatrixView<float>;
using ConstMatrixView = BasicMatrixView<const float>;

// How far apart the rows of a matrix of ours stand. Rows that are a multiple of 512 bytes
// apart meet in a few sets of the caches; products of such matrices are 2 to 5 % slower.
constexpr int64_t RowStride(int64_t columns) {
  constexpr int64_t kBadMultiple = 128;
  constexpr int64_t kLine = 16;
  return columns > 0 && columns % kBadMultiple == 0 ? columns + kLine : columns;
}

class Matrix {
 public:
  Matrix() = default;
  // Zeros. Requires rows, columns ≥ 0 and a product that fits (CheckedMultiply).
  Matrix(int64_t rows, int64_t columns)
      : buffer_(static_cast<size_t>(rows * columns)), rows_(rows), columns_(columns) {}

  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  float* data() { return buffer_.data(); }
  const float* data() const { return buffer_.data(); }
  MatrixView view() { return {buffer_.data(), rows_, columns_}; }
  ConstMatrixView view() const { return {buffer_.data(), rows_, columns_}; }
  float& operator()(int64_t row, int64_t column) { return view()(row, column); }
  float operator()(int64_t row, int64_t column) const { return view()(row, column); }

 private:
  AlignedBuffer buffer_;
  int64_t rows_ = 0;
  int64_t columns_ = 0;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_CORE_MATRIX_H_
