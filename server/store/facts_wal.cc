#include "server/store/facts_wal.h"

#include <utility>

#include "server/store/errors.h"

namespace chainrule::server {
namespace {

constexpr int64_t kLongEnough = int64_t{4} << 20;

// Puts the log into the database; TRUNCATE cuts it, too.
absl::Status Checkpoint(Sqlite* database, const char* sql) {
  absl::StatusOr<SqliteStatement> checkpoint = database->Prepare(sql);
  if (!checkpoint.ok()) return checkpoint.status();
  const absl::StatusOr<bool> row = checkpoint->Step();
  if (!row.ok()) return row.status();
  const bool busy = !*row || checkpoint->Number(0) != 0;
  return busy ? StorageFailed("the facts' write-ahead log is being read") : checkpoint->Run();
}

}  // namespace

FactsWal::FactsWal(std::string wal, std::string running, std::string boot_id, FileSystem* files)
    : wal_(std::move(wal)),
      running_(std::move(running)),
      boot_id_(std::move(boot_id)),
      files_(files) {}

// SQLite begins its log anew over the old one, which is cut here first.
absl::Status FactsWal::Prepare(Sqlite* database) {
  if (!begin_anew_) return absl::OkStatus();
  absl::Status status = Disown(database);
  if (status.ok()) status = Checkpoint(database, "PRAGMA wal_checkpoint(TRUNCATE)");
  begin_anew_ = !status.ok();
  return status;
}

// RUNNING goes when the database has all that it vouches for.
absl::Status FactsWal::Disown(Sqlite* database) {
  absl::Status status = Checkpoint(database, "PRAGMA wal_checkpoint(PASSIVE)");
  if (!status.ok()) return status;
  vouched_ = false;
  status = files_->Remove(running_);
  if (status.ok() || absl::IsNotFound(status)) status = files_->SyncFolder(FolderOf(running_));
  return status.ok() ? status : StorageFailed(status.message());
}

// What cannot be vouched for now is with the next transaction.
void FactsWal::Committed() {
  if (!vouched_) vouched_ = WriteFileAtomically(*files_, running_, {boot_id_}).ok();
  begin_anew_ = files_->Size(wal_).value_or(0) >= kLongEnough;
}

void FactsWal::End(Sqlite* database) {
  if (!Disown(database).ok()) database->KeepWalAtClose();
}

}  // namespace chainrule::server
