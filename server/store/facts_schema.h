// The tables of the facts, and the statements on them. A later version adds a step from
// this one to the next; what is here stays as it is.
#ifndef CHAINRULE_SERVER_STORE_FACTS_SCHEMA_H_
#define CHAINRULE_SERVER_STORE_FACTS_SCHEMA_H_

#include <cstdint>

namespace chainrule::server {

inline constexpr int64_t kFactsVersion = 1;

inline constexpr char kFactsPragmas[] =
    "PRAGMA locking_mode=EXCLUSIVE;"
    "PRAGMA journal_mode=WAL;"
    "PRAGMA wal_autocheckpoint=0;"  // FactsWal does
    "PRAGMA cache_spill=OFF;"       // it would write over frames of the transaction
    "PRAGMA synchronous=FULL;"
    "PRAGMA foreign_keys=ON;"
    "PRAGMA trusted_schema=OFF;"
    "PRAGMA cell_size_check=ON;";

// Times are nanoseconds since 1970; `file` is a name below the folder of weights.
inline constexpr char kFactsSchema[] = R"sql(
CREATE TABLE folder (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE models (
  uid TEXT PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  spec TEXT NOT NULL,
  revision INTEGER NOT NULL,
  last_version INTEGER NOT NULL,
  create_time INTEGER NOT NULL,
  update_time INTEGER NOT NULL,
  step INTEGER NOT NULL DEFAULT 0,
  sequence INTEGER NOT NULL DEFAULT 0,
  file TEXT NOT NULL DEFAULT '',
  digest TEXT NOT NULL DEFAULT '',
  bytes INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE labels (
  uid TEXT NOT NULL REFERENCES models ON DELETE CASCADE,
  name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (uid, name)
) WITHOUT ROWID;
CREATE TABLE aliases (
  uid TEXT NOT NULL REFERENCES models ON DELETE CASCADE,
  name TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (uid, name)
) WITHOUT ROWID;
CREATE TABLE versions (
  uid TEXT NOT NULL REFERENCES models ON DELETE CASCADE,
  number INTEGER NOT NULL,
  step INTEGER NOT NULL,
  create_time INTEGER NOT NULL,
  file TEXT NOT NULL,
  digest TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (uid, number)
) WITHOUT ROWID;
CREATE TABLE version_labels (
  uid TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (uid, number, name),
  FOREIGN KEY (uid, number) REFERENCES versions ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE requests (
  place INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  digest_0 INTEGER NOT NULL,
  digest_1 INTEGER NOT NULL,
  time INTEGER NOT NULL,
  outcome BLOB NOT NULL
);
)sql";

inline constexpr char kReadValues[] = "SELECT name, value FROM folder";
// Of the requests: nanoseconds since 1970.
inline constexpr char kReadForgottenUntil[] =
    "SELECT value FROM folder WHERE name = 'requests_forgotten_until'";
inline constexpr char kPutForgottenUntil[] =
    "INSERT INTO folder VALUES ('requests_forgotten_until', ?1) ON CONFLICT (name) DO UPDATE"
    " SET value = max(CAST(value AS INTEGER), ?1)";

inline constexpr char kPutValue[] = "INSERT OR REPLACE INTO folder VALUES (?, ?)";

inline constexpr char kReadModels[] =
    "SELECT uid, id, spec, revision, last_version, create_time, update_time, step, sequence, file,"
    " digest, bytes FROM models";
inline constexpr char kFindModel[] = "SELECT 1 FROM models WHERE uid = ?";
inline constexpr char kPutModel[] =
    "INSERT INTO models (uid, id, spec, revision, last_version, create_time, update_time)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (uid) DO UPDATE SET id = ?2, spec = ?3,"
    " revision = ?4, last_version = ?5, create_time = ?6, update_time = ?7";
inline constexpr char kPutCheckpoint[] =
    "UPDATE models SET step = ?2, sequence = ?3, file = ?4, digest = ?5, bytes = ?6"
    " WHERE uid = ?1";
inline constexpr char kRemoveModel[] = "DELETE FROM models WHERE uid = ?";
inline constexpr char kReadLastSequence[] = "SELECT max(sequence) FROM models";

inline constexpr char kReadLabels[] = "SELECT uid, name, value FROM labels";
inline constexpr char kPutLabel[] = "INSERT INTO labels VALUES (?, ?, ?)";
inline constexpr char kRemoveLabels[] = "DELETE FROM labels WHERE uid = ?";
inline constexpr char kReadAliases[] = "SELECT uid, name, version FROM aliases";
inline constexpr char kPutAlias[] = "INSERT INTO aliases VALUES (?, ?, ?)";
inline constexpr char kRemoveAliases[] = "DELETE FROM aliases WHERE uid = ?";

inline constexpr char kReadVersions[] =
    "SELECT uid, number, step, create_time, file, digest, bytes FROM versions"
    " ORDER BY uid, number";
inline constexpr char kReadVersionLabels[] = "SELECT uid, number, name, value FROM version_labels";
inline constexpr char kPutVersion[] = "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?)";
inline constexpr char kPutVersionLabel[] = "INSERT INTO version_labels VALUES (?, ?, ?, ?)";
inline constexpr char kRemoveVersion[] = "DELETE FROM versions WHERE uid = ? AND number = ?";

inline constexpr char kReadWeights[] =
    "SELECT file, digest, bytes FROM models WHERE file <> ''"
    " UNION SELECT file, digest, bytes FROM versions WHERE file <> '' ORDER BY file";

inline constexpr char kReadRequests[] =
    "SELECT id, digest_0, digest_1, time, outcome FROM requests ORDER BY time, place";
inline constexpr char kPutRequest[] =
    "INSERT INTO requests (id, digest_0, digest_1, time, outcome) VALUES (?, ?, ?, ?, ?)";
inline constexpr char kRemoveRequest[] = "DELETE FROM requests WHERE id = ?";

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_FACTS_SCHEMA_H_
