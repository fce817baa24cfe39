#ifndef CHAINRULE_CLIENT_DATA_INPUT_FILE_H_
#define CHAINRULE_CLIENT_DATA_INPUT_FILE_H_

#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct gzFile_s;

namespace chainrule::client {

// InputFile: a file's bytes from front to back; gzip is undone where the content has it.
// Single-threaded. Failures name the file: NOT_FOUND or PERMISSION_DENIED from Open,
// DATA_LOSS for gzip that is cut short or damaged.
class InputFile {
 public:
  static absl::StatusOr<InputFile> Open(absl::string_view path);

  // Fills the front of `buffer` and returns how many bytes; fewer than asked only at the
  // end of the file, 0 after it.
  absl::StatusOr<size_t> Read(std::span<char> buffer);

  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(gzFile_s* file) const;
  };

  InputFile(absl::string_view path, gzFile_s* file) : path_(path), file_(file) {}
  absl::Status ReadFault() const;

  std::string path_;
  std::unique_ptr<gzFile_s, Close> file_;
};

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_DATA_INPUT_FILE_H_
