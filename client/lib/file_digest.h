// FileDigest: XXH3-128 of a file's bytes as they come, 32 hexadecimal digits as the protos
// and xxhsum write them.
// Thread-compatible.
#ifndef CHAINRULE_CLIENT_LIB_FILE_DIGEST_H_
#define CHAINRULE_CLIENT_LIB_FILE_DIGEST_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace chainrule::client {

class FileDigest {
 public:
  FileDigest();
  ~FileDigest();
  FileDigest(const FileDigest&) = delete;
  FileDigest& operator=(const FileDigest&) = delete;

  void Add(absl::string_view bytes);
  // Of what was added so far.
  std::string Hex() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_LIB_FILE_DIGEST_H_
