// FactsBook: what a model is beside its numbers, in memory and in the store: labels,
// aliases, versions, the checkpoint. A change is in the store before it is seen.
// Thread-safe. Changes wait for the disk, and for each other.
#ifndef CHAINRULE_SERVER_MODELS_FACTS_BOOK_H_
#define CHAINRULE_SERVER_MODELS_FACTS_BOOK_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/core/mutex.h"
#include "server/models/keeper.h"
#include "server/store/store.h"

namespace chainrule::server {

class FactsBook {
 public:
  // `keeper` may be null, and outlives this.
  FactsBook(Keeper* keeper, StoredModel stored) : keeper_(keeper), stored_(std::move(stored)) {}

  ModelFacts facts() const;
  CheckpointFacts checkpoint() const;
  std::vector<StoredVersion> versions() const;
  // One of them, without a copy of the others; none: there is none.
  std::optional<StoredVersion> version(int64_t number) const;
  std::optional<int64_t> alias(absl::string_view name) const;

  // Runs `edit(&stored, &change)`, which may refuse, brings what it leaves in `change` to
  // the store, and then lets it be seen. `edit` may wait for the disk; it runs alone.
  // ABORTED, MODEL_DELETED: a change before it removed the model.
  using Edit = absl::FunctionRef<absl::Status(StoredModel* stored, StoreChange* change)>;
  absl::Status Change(Edit edit);

 private:
  Keeper* const keeper_;
  engine::Mutex changes_mutex_;  // one change at a time; before mutex_
  mutable engine::Mutex mutex_;
  StoredModel stored_ ABSL_GUARDED_BY(mutex_);
  bool removed_ ABSL_GUARDED_BY(mutex_) = false;
};

// Of labels, aliases and settings; unlike that of a later model of the same name.
std::string EtagOf(const ModelFacts& facts);
// ABORTED, ETAG_MISMATCH: `etag` is not empty and not the facts' one.
absl::Status CheckEtag(const ModelFacts& facts, const std::string& etag);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_FACTS_BOOK_H_
