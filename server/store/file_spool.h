// FileSpool: an engine::RowSpool in a file that has no name, so that it is gone when its last
// user is, and when the process ends.  It is written from its beginning on; SpooledFile reads
// it.  Beside the file it takes a buffer, and a few bytes for each kind of rows, of which
// there are kMaxRuns at most: where clients change the kind more often, rows become float32
// on their way, which they would in training.
#ifndef CHAINRULE_SERVER_STORE_FILE_SPOOL_H_
#define CHAINRULE_SERVER_STORE_FILE_SPOOL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/train/row_spool.h"
#include "server/store/spool_file.h"
#include "server/store/spool_layout.h"

namespace chainrule::server {

class FileSpool : public engine::RowSpool {
 public:
  static constexpr size_t kMaxRuns = 64;

  // A file in `folder`, for rows of these widths. UNAVAILABLE, STORAGE_FAILED.
  static absl::StatusOr<std::unique_ptr<engine::RowSpool>> Create(const std::string& folder,
                                                                  int64_t input_width,
                                                                  int64_t output_width,
                                                                  LookAtDisk look = SpaceOfDisk);

  absl::Status Append(const engine::ExampleChunk& chunk) override;
  absl::StatusOr<std::shared_ptr<const engine::SpooledRows>> Finish() override;

 private:
  FileSpool(std::shared_ptr<const SpoolFile> file, int64_t input_width, int64_t output_width);
  void AppendRows(const engine::ExampleChunk& chunk);
  void AppendConverted(const engine::ExampleChunk& chunk);
  RowRun& RunOf(const RowLayout& layout);
  void FlushIfLarge();
  absl::Status Flush();

  const std::shared_ptr<const SpoolFile> file_;
  const int64_t input_width_;
  const int64_t output_width_;
  std::string buffer_;   // the file's end, not yet written
  int64_t written_ = 0;  // bytes before it
  absl::Status status_;  // of the writes so far
  std::vector<RowRun> runs_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_FILE_SPOOL_H_
