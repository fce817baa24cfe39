#include "server/store/facts_guard.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/boot.h"
#include "server/store/errors.h"
#include "server/store/wal_scan.h"

namespace chainrule::server {
namespace {

// A file that is there with something in it.
bool HasContent(FileSystem* files, const std::string& path) {
  const absl::StatusOr<int64_t> size = files->Size(path);
  return size.ok() ? *size > 0 : !absl::IsNotFound(size.status());
}

// The facts were there before the first file of weights, and before the first segment.
absl::Status CheckDatabase(const DataFolder& folder, FileSystem* files) {
  if (HasContent(files, folder.facts())) return absl::OkStatus();
  for (const std::string& of : {folder.weights(), folder.log()}) {
    const absl::StatusOr<std::vector<std::string>> names = files->List(of);
    if (!names.ok() || names->empty()) continue;
    return StorageDamaged(folder.facts(), absl::StrCat("is gone or empty, and ", of, " has '",
                                                       names->front(), "'; restore a backup"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckFactsFiles(const DataFolder& folder, FileSystem* files,
                             const std::string& boot_id) {
  if (absl::Status status = CheckDatabase(folder, files); !status.ok()) return status;
  const std::string wal = folder.facts() + "-wal";
  const absl::StatusOr<std::string> running = files->Read(folder.running(), 0, 64);
  if (!running.ok() && !absl::IsNotFound(running.status())) return running.status();
  if (!HasContent(files, wal)) {
    if (!running.ok()) return absl::OkStatus();
    return StorageDamaged(
        wal, absl::StrCat("is gone or empty, and the last server did not end in order; restore a "
                          "backup, or remove ",
                          folder.running(), " to go on without what it held"));
  }
  const absl::StatusOr<WalScan> scan = ScanWal(files, wal);
  if (!scan.ok()) return scan.status();
  // While the machine runs on, what was written is there, in order. After its fall one
  // transaction, that was not synced, may be there in parts.
  const bool same_boot = running.ok() && *running == boot_id && boot_id != kUnknownBootId;
  const bool damaged =
      scan->header_broken || (same_boot ? scan->broken : scan->commits_from_there > 1);
  if (!damaged) return absl::OkStatus();
  return StorageDamaged(
      wal, absl::StrCat("byte ", scan->broken_at, ": damaged, with ", scan->commits_from_there,
                        " commits from there on; ", "restore a backup, or remove it and ",
                        folder.running(), " to go on without them"));
}

}  // namespace chainrule::server
