#include "server/models/facts_book.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/models/errors.h"

namespace chainrule::server {

using engine::MutexLock;

ModelFacts FactsBook::facts() const {
  MutexLock lock(&mutex_);
  return stored_.facts;
}

CheckpointFacts FactsBook::checkpoint() const {
  MutexLock lock(&mutex_);
  return stored_.checkpoint;
}

std::vector<StoredVersion> FactsBook::versions() const {
  MutexLock lock(&mutex_);
  return stored_.versions;
}

std::optional<StoredVersion> FactsBook::version(int64_t number) const {
  MutexLock lock(&mutex_);
  const auto found = std::ranges::find(stored_.versions, number, &StoredVersion::number);
  return found == stored_.versions.end() ? std::nullopt : std::optional(*found);
}

std::optional<int64_t> FactsBook::alias(absl::string_view name) const {
  MutexLock lock(&mutex_);
  const auto found = stored_.facts.aliases.find(std::string(name));
  return found == stored_.facts.aliases.end() ? std::nullopt : std::optional(found->second);
}

absl::Status FactsBook::Change(Edit edit) {
  MutexLock alone(&changes_mutex_);
  StoredModel edited;
  {
    MutexLock lock(&mutex_);
    if (removed_) return ModelDeleted(stored_.facts.id);
    edited = stored_;
  }
  StoreChange change;
  if (absl::Status status = edit(&edited, &change); !status.ok()) return status;
  if (keeper_ != nullptr) {
    if (absl::Status status = keeper_->store()->Apply(change); !status.ok()) return status;
  }
  MutexLock lock(&mutex_);
  stored_ = std::move(edited);
  removed_ = change.remove_model.has_value();
  return absl::OkStatus();
}

std::string EtagOf(const ModelFacts& facts) {
  return absl::StrCat(facts.uid.substr(0, 8), "-", facts.revision);
}

absl::Status CheckEtag(const ModelFacts& facts, const std::string& etag) {
  if (etag.empty() || etag == EtagOf(facts)) return absl::OkStatus();
  return EtagMismatch(facts.id, EtagOf(facts));
}

}  // namespace chainrule::server
