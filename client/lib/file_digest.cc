#include "client/lib/file_digest.h"

// The state lies in ours, so its definition is needed.
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include "absl/strings/str_format.h"

namespace chainrule::client {

struct FileDigest::State {
  XXH3_state_t hash;
};

FileDigest::FileDigest() : state_(std::make_unique<State>()) {
  XXH3_INITSTATE(&state_->hash);
  XXH3_128bits_reset(&state_->hash);
}
FileDigest::~FileDigest() = default;

void FileDigest::Add(absl::string_view bytes) {
  XXH3_128bits_update(&state_->hash, bytes.data(), bytes.size());
}

std::string FileDigest::Hex() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(&state_->hash);
  return absl::StrFormat("%016x%016x", hash.high64, hash.low64);
}

}  // namespace chainrule::client
