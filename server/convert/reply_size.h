// ReplySize: what a reply will weigh, counted before any of it is allocated.
#ifndef CHAINRULE_SERVER_CONVERT_REPLY_SIZE_H_
#define CHAINRULE_SERVER_CONVERT_REPLY_SIZE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/models/limits.h"

namespace chainrule::server {

// Counts upwards; never less than the message's bytes, by a little more.  Sums that
// overflow stay at the largest number.  Requires counts of 0 or more.  Thread-compatible.
class ReplySize {
 public:
  void AddTensor(int64_t rows, int64_t columns);
  void Add(int64_t count, int64_t bytes_each);

  // The bytes. LIMIT_EXCEEDED, max_message_bytes; `field` is what asks for so much.
  absl::StatusOr<int64_t> Check(absl::string_view field, const Limits& limits) const;

 private:
  int64_t bytes_ = 256;  // scalars and framing
};

// What a message of a streamed reply may weigh: 2 MiB, as a client's default takes 4, or
// max_message_bytes.
int64_t MaxStreamedBytes(const Limits& limits);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_REPLY_SIZE_H_
