#include "server/store/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "engine/core/check.h"
#include "server/store/errors.h"

namespace chainrule::server {
namespace {

absl::Status Error(sqlite3* database) {
  const char* const name = sqlite3_db_filename(database, "main");
  const std::string path = name == nullptr ? "" : name;
  const std::string message = sqlite3_errmsg(database);
  switch (sqlite3_errcode(database)) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
      return StorageDamaged(path, message);
    case SQLITE_CONSTRAINT:
      return absl::AlreadyExistsError(message);
    default:
      return StorageFailed(absl::StrCat(path, ": ", message));
  }
}

// SQLite would let others read it; its other files take over this one's mode.
void MakePrivate(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor >= 0) close(descriptor);
}

}  // namespace

void SqliteStatement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

SqliteStatement& SqliteStatement::Bind(int parameter, int64_t number) {
  CHAINRULE_CHECK(sqlite3_bind_int64(statement_.get(), parameter, number) == SQLITE_OK);
  return *this;
}

SqliteStatement& SqliteStatement::Bind(int parameter, absl::string_view text) {
  const int code = sqlite3_bind_text64(statement_.get(), parameter, text.data(), text.size(),
                                       SQLITE_STATIC, SQLITE_UTF8);
  CHAINRULE_CHECK(code == SQLITE_OK);
  return *this;
}

SqliteStatement& SqliteStatement::BindBlob(int parameter, absl::string_view bytes) {
  const int code = sqlite3_bind_blob64(
      statement_.get(), parameter, bytes.empty() ? "" : bytes.data(), bytes.size(), SQLITE_STATIC);
  CHAINRULE_CHECK(code == SQLITE_OK);
  return *this;
}

absl::StatusOr<bool> SqliteStatement::Step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  absl::Status status;
  if (code != SQLITE_DONE) status = Error(sqlite3_db_handle(statement_.get()));
  sqlite3_reset(statement_.get());
  if (!status.ok()) return status;
  return false;
}

absl::Status SqliteStatement::Run() {
  while (true) {
    const absl::StatusOr<bool> row = Step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
  }
}

int64_t SqliteStatement::Number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string SqliteStatement::Text(int column) const {
  const void* const bytes = sqlite3_column_blob(statement_.get(), column);
  const int length = sqlite3_column_bytes(statement_.get(), column);
  if (bytes == nullptr) return "";
  return {static_cast<const char*>(bytes), static_cast<size_t>(length)};
}

void Sqlite::Close::operator()(sqlite3* database) const { sqlite3_close(database); }

absl::StatusOr<Sqlite> Sqlite::Open(const std::string& path, const char* vfs) {
  if (vfs == nullptr) MakePrivate(path);
  sqlite3* database = nullptr;
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &database, kFlags, vfs);
  Sqlite sqlite;
  sqlite.database_.reset(database);
  if (code != SQLITE_OK) return StorageFailed(absl::StrCat(path, ": ", sqlite3_errstr(code)));
  return sqlite;
}

absl::Status Sqlite::Run(const std::string& sql) {
  const int code = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : Error(database_.get());
}

absl::StatusOr<SqliteStatement> Sqlite::Prepare(absl::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return Error(database_.get());
  SqliteStatement prepared;
  prepared.statement_.reset(statement);
  return prepared;
}

void Sqlite::KeepWalAtClose() {
  const int code = sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  CHAINRULE_CHECK(code == SQLITE_OK);
}

bool Sqlite::in_transaction() const { return sqlite3_get_autocommit(database_.get()) == 0; }

}  // namespace chainrule::server
