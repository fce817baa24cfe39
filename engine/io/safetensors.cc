#include "engine/io/safetensors.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/core/check.h"
#include "engine/core/checked_math.h"
#include "engine/io/strict_json.h"

namespace chainrule::engine {
namespace {

constexpr int64_t kLengthBytes = 8;

absl::Status Bad(absl::string_view tensor, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("tensor '", tensor.substr(0, 64), "': ", what));
}

// Bytes that a dtype and shape need, or nothing on overflow or a part of a byte.
std::optional<int64_t> BytesOf(const SafetensorsTensor& tensor) {
  std::optional<int64_t> bits = SafetensorsBits(tensor.dtype);
  for (const int64_t length : tensor.shape) {
    bits = CheckedMultiply(*bits, length);
    if (!bits) return std::nullopt;
  }
  if (*bits % 8 != 0) return std::nullopt;
  return *bits / 8;
}

absl::StatusOr<std::vector<int64_t>> ReadSizes(const nlohmann::json& array, absl::string_view name,
                                               absl::string_view key) {
  if (!array.is_array()) return Bad(name, absl::StrCat(key, " is not a list"));
  std::vector<int64_t> sizes;
  for (const nlohmann::json& element : array) {
    if (!element.is_number_unsigned() ||
        element.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
      return Bad(name, absl::StrCat(key, ": ", element.dump().substr(0, 64),
                                    " is not a size from 0 to 2^63 - 1"));
    }
    sizes.push_back(element.get<int64_t>());
  }
  return sizes;
}

absl::StatusOr<SafetensorsTensor> ReadTensor(const std::string& name, const nlohmann::json& entry) {
  if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") ||
      !entry.contains("shape") || !entry.contains("data_offsets")) {
    return Bad(name, "must have dtype, shape and data_offsets, and nothing else");
  }
  SafetensorsTensor tensor;
  tensor.name = name;
  if (!entry["dtype"].is_string()) return Bad(name, "dtype is not a string");
  tensor.dtype = entry["dtype"].get<std::string>();
  if (SafetensorsBits(tensor.dtype) == 0) {
    return Bad(name, absl::StrCat("dtype '", tensor.dtype.substr(0, 64), "' is unknown"));
  }
  absl::StatusOr<std::vector<int64_t>> shape = ReadSizes(entry["shape"], name, "shape");
  if (!shape.ok()) return shape.status();
  tensor.shape = *std::move(shape);
  absl::StatusOr<std::vector<int64_t>> offsets =
      ReadSizes(entry["data_offsets"], name, "data_offsets");
  if (!offsets.ok()) return offsets.status();
  if (offsets->size() != 2) return Bad(name, "data_offsets must be [begin, end]");
  tensor.begin = (*offsets)[0];
  tensor.end = (*offsets)[1];
  return tensor;
}

absl::Status CheckSize(const SafetensorsTensor& tensor) {
  if (tensor.end < tensor.begin) {
    return Bad(tensor.name,
               absl::StrCat("ends at ", tensor.end, ", before it begins at ", tensor.begin));
  }
  const std::optional<int64_t> bytes = BytesOf(tensor);
  if (!bytes || *bytes != tensor.end - tensor.begin) {
    return Bad(tensor.name, absl::StrCat("shape [", absl::StrJoin(tensor.shape, ", "), "] of ",
                                         tensor.dtype, " does not take the ",
                                         tensor.end - tensor.begin, " bytes of its data_offsets"));
  }
  return absl::OkStatus();
}

// The tensors, in order, tile the data exactly.
absl::Status CheckCoverage(const SafetensorsHeader& header) {
  int64_t expected = 0;
  for (const SafetensorsTensor& tensor : header.tensors) {
    if (tensor.begin != expected) {
      return Bad(tensor.name, absl::StrCat("begins at byte ", tensor.begin, " where ", expected,
                                           " is expected: tensors ",
                                           tensor.begin < expected ? "overlap" : "leave a hole"));
    }
    expected = tensor.end;
  }
  if (expected != header.data_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the tensors take ", expected, " bytes, the file holds ", header.data_bytes));
  }
  return absl::OkStatus();
}

absl::Status ReadMetadata(const nlohmann::json& entry, SafetensorsHeader* header) {
  if (!entry.is_object()) return absl::InvalidArgumentError("__metadata__ is not an object");
  for (const auto& [key, value] : entry.items()) {
    if (!value.is_string()) {
      return absl::InvalidArgumentError(
          absl::StrCat("__metadata__ '", key.substr(0, 64), "' is not a string"));
    }
    header->metadata[key] = value.get<std::string>();
  }
  return absl::OkStatus();
}

}  // namespace

const SafetensorsTensor* SafetensorsHeader::Find(absl::string_view name) const {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const auto& tensor) { return tensor.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

int64_t SafetensorsBits(absl::string_view dtype) {
  static constexpr std::pair<absl::string_view, int64_t> kBits[] = {
      {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
      {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
      {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
      {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
      {"I64", 64},        {"U64", 64}};
  for (const auto& [name, bits] : kBits) {
    if (name == dtype) return bits;
  }
  return 0;
}

absl::StatusOr<int64_t> SafetensorsHeaderBytes(absl::string_view first_bytes, int64_t file_bytes) {
  if (static_cast<int64_t>(first_bytes.size()) < kLengthBytes || file_bytes < kLengthBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the file has ", file_bytes, " bytes, too few for a header"));
  }
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i) {
    length = length << 8 | static_cast<unsigned char>(first_bytes[static_cast<size_t>(i)]);
  }
  if (length > kMaxSafetensorsHeaderBytes ||
      static_cast<int64_t>(length) > file_bytes - kLengthBytes) {
    return absl::InvalidArgumentError(absl::StrCat("header of ", length, " bytes in a file of ",
                                                   file_bytes, "; at most ",
                                                   kMaxSafetensorsHeaderBytes));
  }
  return static_cast<int64_t>(length);
}

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(absl::string_view json,
                                                         int64_t file_bytes) {
  const int64_t header_bytes = kLengthBytes + static_cast<int64_t>(json.size());
  if (json.empty() || json.front() != '{') {
    return absl::InvalidArgumentError("the header does not begin with '{'");
  }
  if (header_bytes > file_bytes) {
    return absl::InvalidArgumentError("the header is longer than the file");
  }
  absl::StatusOr<nlohmann::json> document = ParseStrictJson(json);
  if (!document.ok()) return document.status();
  SafetensorsHeader header;
  header.data_begin = header_bytes;
  header.data_bytes = file_bytes - header_bytes;
  for (const auto& [name, entry] : document->items()) {
    if (name == "__metadata__") {
      if (absl::Status status = ReadMetadata(entry, &header); !status.ok()) return status;
      continue;
    }
    absl::StatusOr<SafetensorsTensor> tensor = ReadTensor(name, entry);
    if (!tensor.ok()) return tensor.status();
    if (absl::Status status = CheckSize(*tensor); !status.ok()) return status;
    header.tensors.push_back(*std::move(tensor));
  }
  std::sort(header.tensors.begin(), header.tensors.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  if (absl::Status status = CheckCoverage(header); !status.ok()) return status;
  return header;
}

std::string WriteSafetensorsHeader(std::vector<SafetensorsTensor>* tensors,
                                   const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json document = nlohmann::ordered_json::object();
  if (!metadata.empty()) document["__metadata__"] = metadata;
  int64_t next = 0;
  for (SafetensorsTensor& tensor : *tensors) {
    const std::optional<int64_t> bytes = BytesOf(tensor);
    CHAINRULE_CHECK(bytes.has_value());
    tensor.begin = next;
    tensor.end = next += *bytes;
    document[tensor.name] = {{"dtype", tensor.dtype},
                             {"shape", tensor.shape},
                             {"data_offsets", {tensor.begin, tensor.end}}};
  }
  std::string json = document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  json.append((8 - json.size() % 8) % 8, ' ');
  std::string header;
  for (int i = 0; i < 8; ++i) header.push_back(static_cast<char>(json.size() >> (8 * i) & 0xFF));
  return header + json;
}

}  // namespace chainrule::engine
