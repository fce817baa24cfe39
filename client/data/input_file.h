#ifndef CHAINRULE_CLIENT_DATA_INPUT_FILE_H_
#define CHAINRULE_CLIENT_DATA_INPUT_FILE_H_

#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chainrule::client {

// InputFile: a file's bytes from front to back; gzip is undone where the content has it, one
// member after another. `-` is standard input; it and a pipe may be opened more than once
// (spool.h). Single-threaded. Failures name the file: NOT_FOUND or PERMISSION_DENIED from Open,
// DATA_LOSS for gzip that is cut short or damaged, or has something else behind it.
class InputFile {
 public:
  static absl::StatusOr<InputFile> Open(absl::string_view path);

  InputFile(InputFile&&) noexcept;
  InputFile& operator=(InputFile&&) noexcept;
  ~InputFile();

  // Fills the front of `buffer` and returns how many bytes; fewer than asked only before the
  // end of the file, where it returns 0, or before a fault, which the next call returns.
  absl::StatusOr<size_t> Read(std::span<char> buffer);

  const std::string& path() const;

 private:
  class Stream;

  explicit InputFile(std::unique_ptr<Stream> stream);

  std::unique_ptr<Stream> stream_;
};

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_DATA_INPUT_FILE_H_
