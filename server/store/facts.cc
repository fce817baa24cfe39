#include "server/store/facts.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/errors.h"
#include "server/store/facts_schema.h"

namespace chainrule::server {

using engine::MutexLock;

Facts::Facts(const Options& options, FileSystem* files, Sqlite database)
    : database_(std::move(database)),
      wal_(options.path + "-wal", options.running, options.boot_id, files) {}

Facts::~Facts() {
  MutexLock lock(&mutex_);
  wal_.End(&database_);
}

absl::StatusOr<std::unique_ptr<Facts>> Facts::Open(const Options& options, FileSystem* files) {
  absl::StatusOr<Sqlite> database = Sqlite::Open(options.path, files->sqlite_vfs());
  if (!database.ok()) return database.status();
  auto facts = std::unique_ptr<Facts>(new Facts(options, files, *std::move(database)));
  MutexLock lock(&facts->mutex_);
  if (absl::Status status = facts->Prepare(); !status.ok()) return status;
  return facts;
}

absl::Status Facts::Prepare() {
  if (absl::Status status = database_.Run(kFactsPragmas); !status.ok()) return status;
  absl::StatusOr<SqliteStatement> asked = database_.Prepare("PRAGMA user_version");
  if (!asked.ok()) return asked.status();
  if (absl::StatusOr<bool> row = asked->Step(); !row.ok()) return row.status();
  const int64_t version = asked->Number(0);
  if (absl::Status status = asked->Run(); !status.ok()) return status;
  if (version == kFactsVersion) return absl::OkStatus();
  if (version > kFactsVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("facts of version ", version, ", this server knows ", kFactsVersion));
  }
  return database_.Run(absl::StrCat("BEGIN IMMEDIATE;", kFactsSchema,
                                    "PRAGMA user_version=", kFactsVersion, ";COMMIT"));
}

// Statements are prepared when first used, and kept; `sql` is a literal.
absl::StatusOr<SqliteStatement*> Facts::Statement(const char* sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return &found->second;
  absl::StatusOr<SqliteStatement> statement = database_.Prepare(sql);
  if (!statement.ok()) return statement.status();
  return &statements_.emplace(sql, *std::move(statement)).first->second;
}

// Runs a statement with these for its parameters: numbers and texts.
template <typename... Bound>
absl::Status Facts::Run(const char* sql, const Bound&... values) {
  const absl::StatusOr<SqliteStatement*> statement = Statement(sql);
  if (!statement.ok()) return statement.status();
  int parameter = 0;
  (((*statement)->Bind(++parameter, values)), ...);
  return (*statement)->Run();
}

template <typename Changes>
absl::Status Facts::InTransaction(const Changes& changes) {
  absl::Status status = wal_.Prepare(&database_);
  if (status.ok()) status = database_.Run("BEGIN IMMEDIATE");
  if (status.ok()) status = changes();
  if (status.ok()) status = database_.Run("COMMIT");
  // The error is the first one's; what it undoes is nothing, if it fails as well.
  if (!status.ok() && database_.in_transaction()) database_.Run("ROLLBACK").IgnoreError();
  if (status.ok()) wal_.Committed();
  if (absl::IsUnavailable(status)) wal_.Failed();
  return status;
}

absl::Status Facts::Apply(const StoreChange& change) {
  MutexLock lock(&mutex_);
  return InTransaction([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return Change(change); });
}

absl::Status Facts::PutValues(const std::map<std::string, std::string>& values) {
  MutexLock lock(&mutex_);
  return InTransaction([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (const auto& [name, value] : values) {
      absl::Status status = Run(kPutValue, name, value);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  });
}

absl::Status Facts::Change(const StoreChange& change) {
  absl::Status status;
  if (change.remove_model) status.Update(Run(kRemoveModel, *change.remove_model));
  if (change.remove_version && status.ok()) status = RequireModel(change.remove_version->uid);
  if (change.remove_version && status.ok()) {
    status = Run(kRemoveVersion, change.remove_version->uid, change.remove_version->number);
  }
  for (const std::string& id : change.remove_requests) {
    if (status.ok()) status = Run(kRemoveRequest, id);
  }
  if (change.requests_forgotten_until && status.ok()) {
    status = Run(kPutForgottenUntil, absl::ToUnixNanos(*change.requests_forgotten_until));
  }
  if (change.put_model && status.ok()) status = PutModel(*change.put_model);
  if (change.put_checkpoint && status.ok()) status = PutCheckpoint(*change.put_checkpoint);
  if (change.put_version && status.ok()) status = PutVersion(*change.put_version);
  if (change.put_request && status.ok()) status = PutRequest(*change.put_request);
  return status;
}

absl::Status Facts::PutModel(const ModelFacts& facts) {
  absl::Status status =
      Run(kPutModel, facts.uid, facts.id, facts.spec, facts.revision, facts.last_version,
          absl::ToUnixNanos(facts.create_time), absl::ToUnixNanos(facts.update_time));
  if (status.ok()) status = Run(kRemoveLabels, facts.uid);
  if (status.ok()) status = Run(kRemoveAliases, facts.uid);
  for (const auto& [name, value] : facts.labels) {
    if (status.ok()) status = Run(kPutLabel, facts.uid, name, value);
  }
  for (const auto& [name, version] : facts.aliases) {
    if (status.ok()) status = Run(kPutAlias, facts.uid, name, version);
  }
  return status;
}

absl::Status Facts::PutCheckpoint(const StoreChange::Checkpoint& checkpoint) {
  if (absl::Status status = RequireModel(checkpoint.uid); !status.ok()) return status;
  const CheckpointFacts& facts = checkpoint.checkpoint;
  return Run(kPutCheckpoint, checkpoint.uid, facts.step, static_cast<int64_t>(facts.sequence),
             facts.weights.name, facts.weights.digest, facts.weights.bytes);
}

absl::Status Facts::PutVersion(const StoreChange::Version& change) {
  if (absl::Status status = RequireModel(change.uid); !status.ok()) return status;
  const StoredVersion& version = change.version;
  absl::Status status = Run(kRemoveVersion, change.uid, version.number);
  if (status.ok()) {
    status = Run(kPutVersion, change.uid, version.number, version.step,
                 absl::ToUnixNanos(version.create_time), version.weights.name,
                 version.weights.digest, version.weights.bytes);
  }
  for (const auto& [name, value] : version.labels) {
    if (status.ok()) status = Run(kPutVersionLabel, change.uid, version.number, name, value);
  }
  return status;
}

absl::Status Facts::PutRequest(const StoredRequest& request) {
  if (absl::Status status = Run(kRemoveRequest, request.id); !status.ok()) return status;
  const absl::StatusOr<SqliteStatement*> statement = Statement(kPutRequest);
  if (!statement.ok()) return statement.status();
  (*statement)
      ->Bind(1, request.id)
      .Bind(2, static_cast<int64_t>(request.digest[0]))
      .Bind(3, static_cast<int64_t>(request.digest[1]))
      .Bind(4, absl::ToUnixNanos(request.time))
      .BindBlob(5, request.outcome);
  return (*statement)->Run();
}

absl::Status Facts::RequireModel(const std::string& uid) {
  const absl::StatusOr<SqliteStatement*> statement = Statement(kFindModel);
  if (!statement.ok()) return statement.status();
  const absl::StatusOr<bool> found = (*statement)->Bind(1, uid).Step();
  if (!found.ok()) return found.status();
  if (!*found) return absl::NotFoundError(absl::StrCat("no model of uid ", uid));
  return (*statement)->Run();
}

}  // namespace chainrule::server
