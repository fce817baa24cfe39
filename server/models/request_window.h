// RequestWindow: the request ids that were seen lately and what was answered, so that
// a repeat gets the stored answer and changes nothing. One for each model and one for
// lifecycle calls; bounded by count and age, the oldest go first.
// Thread-compatible: its owner's lock or queue guards it.
#ifndef CHAINRULE_SERVER_MODELS_REQUEST_WINDOW_H_
#define CHAINRULE_SERVER_MODELS_REQUEST_WINDOW_H_

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace chainrule::server {

// 128 bits of a request's decoded content.
using ContentDigest = std::array<uint64_t, 2>;

template <typename Outcome>
class RequestWindow {
 public:
  RequestWindow(int64_t max_count, absl::Duration max_age)
      : max_count_(max_count), max_age_(max_age) {}

  // The stored outcome, or null if the id was not seen. ALREADY_EXISTS,
  // REQUEST_ID_REUSED: it was, with other content. FAILED_PRECONDITION,
  // REQUEST_ID_EXPIRED: a time-ordered id (UUIDv7) from before the window.
  absl::StatusOr<Outcome*> Find(absl::string_view request_id, const ContentDigest& digest,
                                absl::Time now);
  // Stores, or replaces, the outcome of an id.
  void Store(absl::string_view request_id, const ContentDigest& digest, Outcome outcome,
             absl::Time now);

 private:
  struct Entry {
    ContentDigest digest;
    absl::Time time;
    Outcome outcome;
  };
  void Expire(absl::Time now);

  const int64_t max_count_;
  const absl::Duration max_age_;
  absl::Time forgotten_until_ = absl::InfinitePast();
  std::unordered_map<std::string, Entry> entries_;
  std::deque<std::string> order_;  // as first stored
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_REQUEST_WINDOW_H_
