// LogIndexer: the indexes that a log writes among its records: which tell, if a record
// cannot be read, whose it was. The first in a segment is of all records that are kept;
// the others of the last ones, and come so often that damage of a few sectors is followed
// by one that reaches back before it.
// Single-threaded.
#ifndef CHAINRULE_SERVER_STORE_LOG_INDEXER_H_
#define CHAINRULE_SERVER_STORE_LOG_INDEXER_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "server/store/log.h"
#include "server/store/log_format.h"

namespace chainrule::server {

class LogIndexer {
 public:
  // `latest`: the last record of each owner, of all from `since` on.
  LogIndexer(std::map<std::string, LogDamage::Lost> latest, uint64_t since);

  // A segment begins; records before `first_kept` are no longer there.
  void BeginSegment(uint64_t first_kept);
  // A group of records begins, or goes on: the index that is due before record `next`.
  std::optional<LogIndex> Due(bool group_begins, uint64_t next);
  // A record was written, in so many bytes.
  void Add(const RecordKey& key, uint64_t sequence, int64_t bytes);

 private:
  struct Recent {
    LogDamage::Lost record;
    int64_t bytes = 0;
  };
  LogIndex Whole() const;
  LogIndex Last() const;

  std::map<std::string, LogDamage::Lost> latest_;
  uint64_t since_;
  bool segment_begins_ = true;
  std::deque<Recent> recent_;
  int64_t recent_bytes_ = 0;
  int64_t bytes_since_index_ = 0;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_LOG_INDEXER_H_
