// RequestWindow: the request ids that were seen lately and what was answered, so that
// a repeat gets the stored answer and changes nothing. One for each model and one for
// lifecycle calls; bounded by count and age, the oldest go first. Of outcomes that hold a
// whole model it remembers the newest two; a repeat of an older one is refused.
// Thread-compatible: its owner's lock or queue guards it.
#ifndef CHAINRULE_SERVER_MODELS_REQUEST_WINDOW_H_
#define CHAINRULE_SERVER_MODELS_REQUEST_WINDOW_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/models/errors.h"
#include "server/models/identity.h"

namespace chainrule::server {

// 128 bits of a request's decoded content.
using ContentDigest = std::array<uint64_t, 2>;

// How far ahead of the server's clock the time of a time-ordered id may be. When it is
// forgotten no id from before that time is taken any more, so that one client's clock must
// not be years ahead.
inline constexpr absl::Duration kMaxRequestIdLead = absl::Minutes(10);

// How a window learns what an outcome takes. Null: nothing, none is large.
template <typename Outcome>
struct OutcomeSize {
  // What it takes beside itself.
  int64_t (*extra_bytes)(const Outcome& outcome) = nullptr;
  // Whether it holds so much that only the newest few may.
  bool (*is_large)(const Outcome& outcome) = nullptr;
  // What is remembered of a large one when there are more of them; not a large one.
  Outcome (*shrink)(absl::string_view request_id) = nullptr;
};

template <typename Outcome>
class RequestWindow {
 public:
  // Large outcomes that are remembered whole, the newest.
  static constexpr size_t kMaxLarge = 2;

  RequestWindow(int64_t max_count, absl::Duration max_age, OutcomeSize<Outcome> size = {})
      : max_count_(max_count), max_age_(max_age), size_(size) {}

  // The stored outcome, or null if the id was not seen; valid until the next call.
  // ALREADY_EXISTS, REQUEST_ID_REUSED: it was, with other content.
  // FAILED_PRECONDITION, REQUEST_ID_EXPIRED: a time-ordered id (UUIDv7) from before
  // the window.
  // INVALID_ARGUMENT, INVALID_FIELD: it was not seen, and its time is more than
  // kMaxRequestIdLead ahead.
  absl::StatusOr<Outcome*> Find(absl::string_view request_id, const ContentDigest& digest,
                                absl::Time now);
  // Stores, or replaces, the outcome of an id, which counts as the newest then.
  void Store(absl::string_view request_id, const ContentDigest& digest, Outcome outcome,
             absl::Time now);
  // Told of each id that is forgotten. May be empty.
  void SetListener(std::function<void(const std::string& id)> listener) {
    listener_ = std::move(listener);
  }
  int64_t size() const { return static_cast<int64_t>(entries_.size()); }
  // What it takes of memory, about.
  int64_t bytes() const { return bytes_; }

  // Calls `visit(id, digest, time, outcome)` with each, oldest first.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const std::string& id : order_) {
      const Entry& entry = entries_.at(id);
      visit(id, entry.digest, entry.time, entry.outcome);
    }
  }
  // The latest time at which one that is no longer remembered was stored, or that it has in
  // itself where the client's clock was ahead.
  absl::Time forgotten_until() const { return forgotten_until_; }
  // What was stored or made until then counts as forgotten.
  void ForgetUntil(absl::Time time) { forgotten_until_ = std::max(forgotten_until_, time); }

 private:
  struct Entry {
    ContentDigest digest;
    absl::Time time;
    Outcome outcome;
    std::list<std::string>::iterator place;
  };
  // Two nodes and their strings, as malloc gives them out.
  static constexpr int64_t kNodeBytes = 240;

  void Forget(absl::Time now);
  void ForgetOldest();
  void Erase(typename std::unordered_map<std::string, Entry>::iterator entry);
  void ShrinkLarge();
  int64_t BytesOf(const Entry& entry) const {
    const int64_t extra = size_.extra_bytes == nullptr ? 0 : size_.extra_bytes(entry.outcome);
    return static_cast<int64_t>(sizeof(Entry)) + kNodeBytes + extra;
  }

  int64_t max_count_;
  absl::Duration max_age_;
  OutcomeSize<Outcome> size_;
  int64_t bytes_ = 0;
  absl::Time forgotten_until_ = absl::InfinitePast();
  std::unordered_map<std::string, Entry> entries_;
  std::list<std::string> order_;    // as last stored
  std::vector<std::string> large_;  // of those, the ones whose outcome is large
  std::function<void(const std::string& id)> listener_;
};

template <typename Outcome>
absl::StatusOr<Outcome*> RequestWindow<Outcome>::Find(absl::string_view request_id,
                                                      const ContentDigest& digest, absl::Time now) {
  Forget(now);
  const auto found = entries_.find(std::string(request_id));
  if (found != entries_.end()) {
    if (found->second.digest != digest) return RequestIdReused(request_id);
    return &found->second.outcome;
  }
  const std::optional<absl::Time> made = TimeOfUuid(request_id);
  if (made.has_value() && *made <= forgotten_until_) return RequestIdExpired(request_id);
  if (made.has_value() && *made > now + kMaxRequestIdLead) {
    return RequestIdAhead(request_id, *made, now + kMaxRequestIdLead);
  }
  return nullptr;
}

template <typename Outcome>
void RequestWindow<Outcome>::Store(absl::string_view request_id, const ContentDigest& digest,
                                   Outcome outcome, absl::Time now) {
  const std::string id(request_id);
  const auto found = entries_.find(id);
  if (found != entries_.end()) Erase(found);
  const auto place = order_.insert(order_.end(), id);
  const auto entry = entries_.emplace(id, Entry{digest, now, std::move(outcome), place}).first;
  bytes_ += BytesOf(entry->second);
  if (size_.is_large != nullptr && size_.is_large(entry->second.outcome)) {
    large_.push_back(id);
    if (large_.size() > kMaxLarge) ShrinkLarge();
  }
  Forget(now);
}

template <typename Outcome>
void RequestWindow<Outcome>::ShrinkLarge() {
  Entry& entry = entries_.at(large_.front());
  bytes_ -= BytesOf(entry);
  entry.outcome = size_.shrink(large_.front());
  bytes_ += BytesOf(entry);
  large_.erase(large_.begin());
}

template <typename Outcome>
void RequestWindow<Outcome>::Erase(
    typename std::unordered_map<std::string, Entry>::iterator entry) {
  bytes_ -= BytesOf(entry->second);
  std::erase(large_, entry->first);
  order_.erase(entry->second.place);
  entries_.erase(entry);
}

template <typename Outcome>
void RequestWindow<Outcome>::Forget(absl::Time now) {
  while (!order_.empty() &&
         (size() > max_count_ || entries_.at(order_.front()).time + max_age_ < now)) {
    ForgetOldest();
  }
}

// An id of an earlier release may be any time ahead; a repeat of it is refused for that.
template <typename Outcome>
void RequestWindow<Outcome>::ForgetOldest() {
  const auto oldest = entries_.find(order_.front());
  const absl::Time stored = oldest->second.time;
  const absl::Time made = TimeOfUuid(oldest->first).value_or(stored);
  ForgetUntil(std::max(stored, std::min(made, stored + kMaxRequestIdLead)));
  if (listener_) listener_(order_.front());
  Erase(oldest);
}

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_REQUEST_WINDOW_H_
