// SpooledFile: the rows that a FileSpool took, read back in any order.
// Thread-safe: immutable.
#ifndef CHAINRULE_SERVER_STORE_SPOOLED_FILE_H_
#define CHAINRULE_SERVER_STORE_SPOOLED_FILE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/train/spooled_rows.h"
#include "server/store/spool_file.h"
#include "server/store/spool_layout.h"

namespace chainrule::server {

class SpooledFile : public engine::SpooledRows {
 public:
  SpooledFile(std::shared_ptr<const SpoolFile> file, std::vector<RowRun> runs);

  int64_t rows() const override { return rows_; }
  bool weighted() const override { return weighted_; }
  int64_t bytes() const override { return bytes_; }
  int64_t largest_row_bytes() const override { return largest_row_bytes_; }
  std::unique_ptr<engine::RowStage> NewStage() const override;
  absl::Status AddWeights(std::span<const int64_t> rows, double* sum) const override;

 private:
  const RowRun& RunOf(int64_t row) const;
  class Stage;

  const std::shared_ptr<const SpoolFile> file_;
  const std::vector<RowRun> runs_;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
  int64_t largest_row_bytes_ = 1;
  bool weighted_ = false;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_SPOOLED_FILE_H_
