// ByteWriter and ByteReader: values as bytes, little-endian, without names or gaps, for
// what is kept in the train log and in checkpoints.
// A reader never reads beyond its bytes and allocates no more than they can fill: what
// does not fit makes it fail, once and for good, and every later value is zero or empty.
// Single-threaded.
#ifndef CHAINRULE_SERVER_MODELS_CODEC_H_
#define CHAINRULE_SERVER_MODELS_CODEC_H_

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace chainrule::server {

static_assert(std::endian::native == std::endian::little);

// Numbers that are written as they lie in memory.
template <typename T>
concept Plain = (std::integral<T> || std::floating_point<T>)&&!std::same_as<T, bool>;

class ByteWriter {
 public:
  template <Plain T>
  void Put(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void PutBool(bool value) { Put<uint8_t>(value ? 1 : 0); }
  template <typename Enum>
  requires std::is_enum_v<Enum>
  void PutEnum(Enum value) { Put(static_cast<uint8_t>(value)); }
  void PutText(absl::string_view text) {  // with its length
    Put<uint64_t>(text.size());
    bytes_.append(text.data(), text.size());
  }
  template <Plain T>
  void PutNumbers(std::span<const T> values) {  // without their count
    bytes_.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  }
  template <Plain T>
  void PutVector(const std::vector<T>& values) {
    Put<uint64_t>(values.size());
    PutNumbers(std::span<const T>(values));
  }
  template <Plain T>
  void PutOptional(const std::optional<T>& value) {
    PutBool(value.has_value());
    if (value.has_value()) Put(*value);
  }
  // Nanoseconds since 1970, what lies outside as the nearest there is.
  void PutTime(absl::Time time) { Put<int64_t>(absl::ToUnixNanos(time)); }

  void Reserve(size_t bytes) { bytes_.reserve(bytes_.size() + bytes); }
  const std::string& bytes() const { return bytes_; }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class ByteReader {
 public:
  // `bytes` is borrowed.
  explicit ByteReader(absl::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  // Everything was read, and nothing failed.
  bool AtEnd() const { return ok_ && bytes_.empty(); }
  size_t left() const { return bytes_.size(); }
  void Fail() {
    ok_ = false;
    bytes_ = {};
  }

  template <Plain T>
  T Get() {
    T value{};
    const absl::string_view part = Bytes(sizeof(T));
    if (ok_) std::memcpy(&value, part.data(), sizeof(T));
    return value;
  }
  // Anything but 0 and 1 fails.
  bool GetBool() { return GetUpTo(1) == 1; }
  // One of the values up to `last`; others fail.
  template <typename Enum>
  requires std::is_enum_v<Enum> Enum GetEnum(Enum last) {
    return static_cast<Enum>(GetUpTo(static_cast<uint8_t>(last)));
  }
  // Borrows the reader's bytes.
  absl::string_view GetText() { return Bytes(Get<uint64_t>()); }
  // Fills `values`.
  template <Plain T>
  void GetNumbers(std::span<T> values) {
    const absl::string_view part = Bytes(values.size_bytes());
    if (ok_ && !part.empty()) std::memcpy(values.data(), part.data(), part.size());
  }
  // `count` of them.
  template <Plain T>
  std::vector<T> GetNumbers(uint64_t count) {
    if (count > bytes_.size() / sizeof(T)) Fail();
    std::vector<T> values(ok_ ? count : 0);
    GetNumbers(std::span<T>(values));
    return values;
  }
  template <Plain T>
  std::vector<T> GetVector() {
    return GetNumbers<T>(Get<uint64_t>());
  }
  template <Plain T>
  std::optional<T> GetOptional() {
    if (!GetBool()) return std::nullopt;
    return Get<T>();
  }
  absl::Time GetTime() { return absl::FromUnixNanos(Get<int64_t>()); }
  // How many elements follow that take at least `bytes_each`; fails if they cannot.
  uint64_t GetCount(size_t bytes_each) {
    const auto count = Get<uint64_t>();
    if (count > bytes_.size() / bytes_each) Fail();
    return ok_ ? count : 0;
  }

 private:
  absl::string_view Bytes(uint64_t count) {
    if (count > bytes_.size()) Fail();
    if (!ok_) return {};
    const absl::string_view part = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return part;
  }
  uint8_t GetUpTo(uint8_t last) {
    const auto value = Get<uint8_t>();
    if (value <= last) return value;
    Fail();
    return 0;
  }

  absl::string_view bytes_;
  bool ok_ = true;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_CODEC_H_
