// The safetensors format: 8 bytes of header length (little-endian), a JSON header that
// names each tensor's dtype, shape and place, then the tensors' bytes.  Parsing is
// strict, since files come from anywhere: a header describes its bytes exactly, without
// holes, overlaps or bytes left over, or it is refused.
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_ENGINE_IO_SAFETENSORS_H_
#define CHAINRULE_ENGINE_IO_SAFETENSORS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chainrule::engine {

// Longest header that is read, as in the reference reader.
inline constexpr uint64_t kMaxSafetensorsHeaderBytes = 100'000'000;

struct SafetensorsTensor {
  std::string name;
  std::string dtype;  // "F32", "U8", …: one of the format's
  std::vector<int64_t> shape;
  int64_t begin = 0;  // of its bytes, from the start of the data
  int64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsTensor> tensors;  // in the order of their bytes
  std::map<std::string, std::string> metadata;
  int64_t data_begin = 0;  // of the data, from the start of the file
  int64_t data_bytes = 0;

  // Null if there is no tensor of that name.
  const SafetensorsTensor* Find(absl::string_view name) const;
};

// Bits of an element, or 0 for a dtype that the format does not have.
int64_t SafetensorsBits(absl::string_view dtype);

// The header's length from a file's first 8 bytes, checked against the file's length.
// INVALID_ARGUMENT: it does not fit, or is too long.
absl::StatusOr<int64_t> SafetensorsHeaderBytes(absl::string_view first_bytes, int64_t file_bytes);

// Reads the header from the JSON that follows the first 8 bytes. INVALID_ARGUMENT names
// the tensor and what is wrong with it.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(absl::string_view json,
                                                         int64_t file_bytes);

// The first bytes of a file, length and header, padded to a multiple of 8. Fills in
// begin and end of each tensor, in the order given. Requires known dtypes.
std::string WriteSafetensorsHeader(std::vector<SafetensorsTensor>* tensors,
                                   const std::map<std::string, std::string>& metadata);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_IO_SAFETENSORS_H_
