// RejoinedRows: rows that were read already, then those of their source. Single-threaded.
#ifndef CHAINRULE_CLIENT_LIB_REJOINED_ROWS_H_
#define CHAINRULE_CLIENT_LIB_REJOINED_ROWS_H_

#include <algorithm>
#include <cstdint>

#include "absl/status/status.h"
#include "client/data/rows.h"

namespace chainrule::client {

class RejoinedRows : public RowSource {
 public:
  // Both outlive it.
  RejoinedRows(const Rows& first, RowSource* rest) : first_(first), rest_(*rest) {}

  int64_t width() const override { return rest_.width(); }
  int64_t bytes_per_row() const override { return rest_.bytes_per_row(); }
  absl::Status Next(int64_t max_rows, Rows* rows) override {
    if (next_ == first_.count) return rest_.Next(max_rows, rows);
    const int64_t end = std::min(first_.count, next_ + max_rows);
    *rows = Rows();
    rows->width = first_.width;
    rows->target_width = first_.target_width;
    for (; next_ < end; ++next_) rows->Append(first_, next_);
    return absl::OkStatus();
  }

 private:
  const Rows& first_;
  RowSource& rest_;
  int64_t next_ = 0;
};

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_LIB_REJOINED_ROWS_H_
