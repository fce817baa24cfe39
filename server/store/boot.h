// Whether the machine was started anew since the log was written: what was written before,
// and not synced, need then not be on the disk.
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_SERVER_STORE_BOOT_H_
#define CHAINRULE_SERVER_STORE_BOOT_H_

#include <map>
#include <string>

#include "server/store/file_system.h"
#include "server/store/log_reader.h"

namespace chainrule::server {

// The folder's value that tells in which start of the machine its last segment was begun.
// It is put when the log was read and repaired: a life that ended before left what an
// earlier one wrote.
inline constexpr char kLogBootId[] = "log_boot_id";
inline constexpr char kUnknownBootId[] = "unknown";

// `known`, unless it is empty; else the kernel's id of this start, or kUnknownBootId.
std::string BootId(const std::string& known, FileSystem* files);
// What a log is read with in this start, by the folder's values.
LogTail TailLeft(const std::map<std::string, std::string>& values, const std::string& boot_id);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_BOOT_H_
