#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/facts.h"
#include "server/store/facts_schema.h"

namespace chainrule::server {
namespace {

using engine::MutexLock;

// Calls `read` for each row. It is given the columns.
template <typename Read>
absl::Status ForEachRow(absl::StatusOr<SqliteStatement*> statement, const Read& read) {
  if (!statement.ok()) return statement.status();
  while (true) {
    const absl::StatusOr<bool> row = (*statement)->Step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    read(**statement);
  }
}

WeightsFile ReadFile(const SqliteStatement& row, int column) {
  return {row.Text(column), row.Text(column + 1), row.Number(column + 2)};
}

StoredModel ReadModel(const SqliteStatement& row) {
  StoredModel model;
  ModelFacts& facts = model.facts;
  facts.uid = row.Text(0);
  facts.id = row.Text(1);
  facts.spec = row.Text(2);
  facts.revision = row.Number(3);
  facts.last_version = row.Number(4);
  facts.create_time = absl::FromUnixNanos(row.Number(5));
  facts.update_time = absl::FromUnixNanos(row.Number(6));
  model.checkpoint.step = row.Number(7);
  model.checkpoint.sequence = static_cast<uint64_t>(row.Number(8));
  model.checkpoint.weights = ReadFile(row, 9);
  return model;
}

StoredRequest ReadRequest(const SqliteStatement& row) {
  StoredRequest request;
  request.id = row.Text(0);
  request.digest = {static_cast<uint64_t>(row.Number(1)), static_cast<uint64_t>(row.Number(2))};
  request.time = absl::FromUnixNanos(row.Number(3));
  request.outcome = row.Text(4);
  return request;
}

}  // namespace

absl::StatusOr<std::vector<StoredModel>> Facts::Models() {
  MutexLock lock(&mutex_);
  std::map<std::string, StoredModel> models;
  absl::Status status = ForEachRow(Statement(kReadModels), [&](const SqliteStatement& row) {
    models.emplace(row.Text(0), ReadModel(row));
  });
  if (status.ok()) status = ReadMaps(&models);
  if (status.ok()) status = ReadVersions(&models);
  if (!status.ok()) return status;
  std::vector<StoredModel> list;
  list.reserve(models.size());
  for (auto& [uid, model] : models) list.push_back(std::move(model));
  return list;
}

absl::Status Facts::ReadMaps(std::map<std::string, StoredModel>* models) {
  absl::Status status = ForEachRow(Statement(kReadLabels), [&](const SqliteStatement& row) {
    (*models)[row.Text(0)].facts.labels[row.Text(1)] = row.Text(2);
  });
  if (!status.ok()) return status;
  return ForEachRow(Statement(kReadAliases), [&](const SqliteStatement& row) {
    (*models)[row.Text(0)].facts.aliases[row.Text(1)] = row.Number(2);
  });
}

absl::Status Facts::ReadVersions(std::map<std::string, StoredModel>* models) {
  absl::Status status = ForEachRow(Statement(kReadVersions), [&](const SqliteStatement& row) {
    StoredVersion version;
    version.number = row.Number(1);
    version.step = row.Number(2);
    version.create_time = absl::FromUnixNanos(row.Number(3));
    version.weights = ReadFile(row, 4);
    (*models)[row.Text(0)].versions.push_back(std::move(version));
  });
  if (!status.ok()) return status;
  return ForEachRow(Statement(kReadVersionLabels), [&](const SqliteStatement& row) {
    std::vector<StoredVersion>& versions = (*models)[row.Text(0)].versions;
    const auto version = std::find_if(versions.begin(), versions.end(), [&](const auto& each) {
      return each.number == row.Number(1);
    });
    if (version != versions.end()) version->labels[row.Text(2)] = row.Text(3);
  });
}

absl::StatusOr<StoredRequests> Facts::Requests() {
  MutexLock lock(&mutex_);
  StoredRequests stored;
  absl::Status status = ForEachRow(Statement(kReadRequests), [&](const SqliteStatement& row) {
    stored.requests.push_back(ReadRequest(row));
  });
  if (!status.ok()) return status;
  status = ForEachRow(Statement(kReadForgottenUntil), [&](const SqliteStatement& row) {
    stored.forgotten_until = absl::FromUnixNanos(row.Number(0));
  });
  if (!status.ok()) return status;
  return stored;
}

absl::StatusOr<std::vector<WeightsFile>> Facts::Weights() {
  MutexLock lock(&mutex_);
  std::vector<WeightsFile> files;
  const absl::Status status = ForEachRow(Statement(kReadWeights), [&](const SqliteStatement& row) {
    files.push_back(ReadFile(row, 0));
  });
  if (!status.ok()) return status;
  return files;
}

absl::StatusOr<uint64_t> Facts::LastSequence() {
  MutexLock lock(&mutex_);
  uint64_t sequence = 0;
  const absl::Status status = ForEachRow(
      Statement(kReadLastSequence),
      [&](const SqliteStatement& row) { sequence = static_cast<uint64_t>(row.Number(0)); });
  if (!status.ok()) return status;
  return sequence;
}

absl::StatusOr<std::map<std::string, std::string>> Facts::Values() {
  MutexLock lock(&mutex_);
  std::map<std::string, std::string> values;
  const absl::Status status = ForEachRow(Statement(kReadValues), [&](const SqliteStatement& row) {
    values[row.Text(0)] = row.Text(1);
  });
  if (!status.ok()) return status;
  return values;
}

absl::StatusOr<std::vector<std::string>> Facts::CheckIntegrity() {
  MutexLock lock(&mutex_);
  std::vector<std::string> findings;
  absl::Status status =
      ForEachRow(Statement("PRAGMA integrity_check"), [&](const SqliteStatement& row) {
        if (row.Text(0) != "ok") findings.push_back(row.Text(0));
      });
  if (status.ok()) {
    status = ForEachRow(Statement("PRAGMA foreign_key_check"), [&](const SqliteStatement& row) {
      findings.push_back(absl::StrCat("a row of ", row.Text(0), " belongs to nothing"));
    });
  }
  if (!status.ok()) return status;
  return findings;
}

}  // namespace chainrule::server
