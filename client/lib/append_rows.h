#ifndef CHAINRULE_CLIENT_LIB_APPEND_ROWS_H_
#define CHAINRULE_CLIENT_LIB_APPEND_ROWS_H_

#include <utility>

#include "chainrule/v1/tensor.pb.h"

namespace chainrule::client {

// The elements of `more` after those of *all, whose shape stays.
inline void AppendElements(const v1::Tensor& more, v1::Tensor* all) {
  all->mutable_values()->MergeFrom(more.values());
  all->mutable_raw()->append(more.raw());
}

// The rows of `more` below those of *all, of the same width and encoding; or of nothing yet.
inline void AppendRows(v1::Tensor more, v1::Tensor* all) {
  if (all->shape_size() == 0) {
    *all = std::move(more);
    return;
  }
  all->set_shape(0, all->shape(0) + more.shape(0));
  AppendElements(more, all);
}

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_LIB_APPEND_ROWS_H_
