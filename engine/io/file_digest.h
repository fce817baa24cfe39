// FileDigest: XXH3-128 of a file's bytes as they come, 32 hexadecimal digits as xxhsum
// writes them. It tells damage, not malice.
// Thread-compatible.
#ifndef CHAINRULE_ENGINE_IO_FILE_DIGEST_H_
#define CHAINRULE_ENGINE_IO_FILE_DIGEST_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace chainrule::engine {

class FileDigest {
 public:
  FileDigest();
  ~FileDigest();
  FileDigest(FileDigest&&) noexcept;
  FileDigest& operator=(FileDigest&&) noexcept;

  void Add(absl::string_view bytes);
  // Of what was added so far.
  std::string Hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_IO_FILE_DIGEST_H_
