// Sqlite, SqliteStatement: SQLite's C interface with owners and absl::Status.
//
// Errors: UNAVAILABLE, STORAGE_FAILED: what SQLite and the disk said (no space, read-only,
// input/output error); DATA_LOSS, MODEL_DAMAGED: the file is no sound database;
// ALREADY_EXISTS: a value that must be unique is there.
// Thread-compatible.
#ifndef CHAINRULE_SERVER_STORE_SQLITE_H_
#define CHAINRULE_SERVER_STORE_SQLITE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct sqlite3;
struct sqlite3_stmt;

namespace chainrule::server {

// A prepared statement. Its database outlives it.
class SqliteStatement {
 public:
  // Parameters and columns count from 1 and from 0, as SQLite counts them. What is bound
  // stays so until it is bound anew, and outlives the steps.
  SqliteStatement& Bind(int parameter, int64_t number);
  SqliteStatement& Bind(int parameter, absl::string_view text);
  SqliteStatement& BindBlob(int parameter, absl::string_view bytes);
  // Goes to the next row: false at the end. After the end, or an error, it begins anew.
  absl::StatusOr<bool> Step();
  // Step to the end.
  absl::Status Run();

  int64_t Number(int column) const;
  std::string Text(int column) const;  // bytes, too

 private:
  friend class Sqlite;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Sqlite {
 public:
  // Opens a database for reading and writing, made if it is not there. `vfs` is the name of
  // SQLite's way to its files; null: the disk.
  static absl::StatusOr<Sqlite> Open(const std::string& path, const char* vfs);

  // Runs statements that give no rows that matter.
  absl::Status Run(const std::string& sql);
  absl::StatusOr<SqliteStatement> Prepare(absl::string_view sql);
  bool in_transaction() const;
  // The write-ahead log stays when the database is closed.
  void KeepWalAtClose();

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_SQLITE_H_
