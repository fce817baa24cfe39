// FileSpool: an engine::RowSpool in a file that has no name, so that it is gone when its last user
// is, and when the process ends. It is written from its beginning on, and read through the
// page cache: by a mapping, so rows cost memory as long as there is some to spare.
// A disk that fails when a row is read back ends the process (SIGBUS): nothing of what was
// acknowledged is lost, for what is spooled was not.
#ifndef CHAINRULE_SERVER_STORE_FILE_SPOOL_H_
#define CHAINRULE_SERVER_STORE_FILE_SPOOL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/train/row_spool.h"

namespace chainrule::server {

class FileSpool : public engine::RowSpool {
 public:
  // A file in `folder`. UNAVAILABLE, STORAGE_FAILED.
  static absl::StatusOr<std::unique_ptr<engine::RowSpool>> Create(const std::string& folder);
  ~FileSpool() override;
  FileSpool(const FileSpool&) = delete;
  FileSpool& operator=(const FileSpool&) = delete;

  absl::Status Append(const engine::ExampleChunk& chunk) override;
  absl::StatusOr<std::vector<engine::ExampleChunk>> Read() override;

 private:
  // Where a chunk's parts begin in the file; -1: it has none.
  struct Place {
    int64_t inputs = -1;
    int64_t targets = -1;
    int64_t class_ids = -1;
    int64_t weights = -1;
  };
  struct Spooled {
    engine::ExampleChunk chunk;  // without elements
    Place place;
  };

  explicit FileSpool(int descriptor) : descriptor_(descriptor) {}
  int64_t Put(const void* data, int64_t bytes);
  int64_t Put(const engine::ElementRows& elements, int64_t rows);
  absl::Status Flush();
  absl::Status Write(const char* data, size_t bytes);
  absl::StatusOr<std::shared_ptr<const char>> Map() const;

  const int descriptor_;
  std::string buffer_;   // the file's end, not yet written
  int64_t written_ = 0;  // bytes before it
  absl::Status status_;  // of the writes so far
  std::vector<Spooled> chunks_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_FILE_SPOOL_H_
