#include "server/convert/reply_size.h"

#include <algorithm>
#include <limits>

#include "engine/core/checked_math.h"
#include "engine/core/error.h"

namespace chainrule::server {
namespace {

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
// Type, shape and lengths of a tensor on the wire.
constexpr int64_t kTensorBytes = 64;
constexpr int64_t kMaxStreamedBytes = int64_t{2} << 20;
// Protocol Buffers' own bound on a message.
constexpr int64_t kMaxProtoBytes = std::numeric_limits<int32_t>::max();

}  // namespace

void ReplySize::AddTensor(int64_t rows, int64_t columns) {
  Add(1, kTensorBytes);
  Add(engine::CheckedMultiply(rows, columns).value_or(kMost), sizeof(float));
}

void ReplySize::Add(int64_t count, int64_t bytes_each) {
  const int64_t bytes = engine::CheckedMultiply(count, bytes_each).value_or(kMost);
  bytes_ = engine::CheckedAdd(bytes_, bytes).value_or(kMost);
}

absl::StatusOr<int64_t> ReplySize::Check(absl::string_view field, const Limits& limits) const {
  const int64_t maximum = std::min(limits.max_message_bytes, kMaxProtoBytes);
  if (bytes_ <= maximum) return bytes_;
  return engine::LimitExceeded(field, "max_message_bytes", bytes_, maximum);
}

int64_t MaxStreamedBytes(const Limits& limits) {
  return std::min(limits.max_message_bytes, kMaxStreamedBytes);
}

}  // namespace chainrule::server
