#include "server/store/log_indexer.h"

#include <algorithm>
#include <utility>

namespace chainrule::server {
namespace {

// An index is written after so many bytes, and reaches back twice as far, or over some
// records if these are longer.
constexpr int64_t kEveryBytes = int64_t{16} << 10;
constexpr size_t kLeastRecords = 8;

}  // namespace

LogIndexer::LogIndexer(std::map<std::string, LogDamage::Lost> latest, uint64_t since)
    : latest_(std::move(latest)), since_(since) {}

void LogIndexer::BeginSegment(uint64_t first_kept) {
  segment_begins_ = true;
  since_ = std::max(since_, first_kept);
  std::erase_if(latest_, [&](const auto& entry) { return entry.second.sequence < since_; });
}

std::optional<LogIndex> LogIndexer::Due(bool group_begins, uint64_t next) {
  if (!group_begins && bytes_since_index_ < kEveryBytes) return std::nullopt;
  bytes_since_index_ = 0;
  const bool whole = std::exchange(segment_begins_, false);
  LogIndex index = whole ? Whole() : Last();
  if (index.owners.empty() && index.since >= next) return std::nullopt;
  return index;
}

void LogIndexer::Add(const RecordKey& key, uint64_t sequence, int64_t bytes) {
  const LogDamage::Lost record = {key.owner, sequence, key.step};
  latest_[key.owner] = record;
  recent_.push_back({record, bytes});
  recent_bytes_ += bytes;
  bytes_since_index_ += bytes;
  while (recent_.size() > kLeastRecords &&
         recent_bytes_ - recent_.front().bytes >= 2 * kEveryBytes) {
    recent_bytes_ -= recent_.front().bytes;
    recent_.pop_front();
  }
}

LogIndex LogIndexer::Whole() const {
  LogIndex index{since_, {}};
  for (const auto& [owner, record] : latest_) index.owners.push_back(record);
  return index;
}

LogIndex LogIndexer::Last() const {
  std::map<std::string, LogDamage::Lost> last;
  for (const Recent& recent : recent_) last[recent.record.owner] = recent.record;
  LogIndex index{recent_.empty() ? since_ : recent_.front().record.sequence, {}};
  for (const auto& [owner, record] : last) index.owners.push_back(record);
  return index;
}

}  // namespace chainrule::server
