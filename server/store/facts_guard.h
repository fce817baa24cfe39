// What can be seen of the facts' files before SQLite opens them. It would not say: where there
// is no database it begins one, and of its write-ahead log it takes what stands before the
// first frame that is damaged.
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_SERVER_STORE_FACTS_GUARD_H_
#define CHAINRULE_SERVER_STORE_FACTS_GUARD_H_

#include <string>

#include "absl/status/status.h"
#include "server/store/data_folder.h"
#include "server/store/file_system.h"

namespace chainrule::server {

// DATA_LOSS, MODEL_DAMAGED: the database is gone though there are files that it knew; its
// write-ahead log is gone though nobody ended in order; or a frame of that log is damaged:
// the file and the byte. `boot_id` tells one start of the machine from another, as in RUNNING.
absl::Status CheckFactsFiles(const DataFolder& folder, FileSystem* files,
                             const std::string& boot_id);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_FACTS_GUARD_H_
