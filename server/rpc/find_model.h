// Finds the model that a request names. Find… is of constant cost and touches no disk.
#ifndef CHAINRULE_SERVER_RPC_FIND_MODEL_H_
#define CHAINRULE_SERVER_RPC_FIND_MODEL_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/convert/context.h"
#include "server/models/model.h"
#include "server/models/snapshot.h"
#include "server/rpc/environment.h"

namespace chainrule::server {

struct FoundModel {
  std::shared_ptr<Model> model;
  // What a reader reads, at one step: of the live model, or of the version that was named.
  // Null where it is not in memory, but not from LoadReadModel.
  std::shared_ptr<const Snapshot> snapshot;
  int64_t version = 0;  // 0: the live model
  ModelContext context;
};

// `field` is where the request has the name. INVALID_ARGUMENT: it is no name; NOT_FOUND.
// For what changes the live model:
absl::StatusOr<FoundModel> FindLiveModel(const Environment& environment, absl::string_view name,
                                         absl::string_view field);
// Where weights are only read:
absl::StatusOr<FoundModel> FindReadModel(const Environment& environment, absl::string_view name,
                                         absl::string_view field = "model");
// The version of `id` that `alias` names, or the live weights where there is no such alias.
absl::StatusOr<FoundModel> FindDefaultModel(const Environment& environment, absl::string_view id,
                                            absl::string_view alias);
// The same as FindReadModel, in memory: for worker threads, as it may wait for the disk. DATA_LOSS,
// MODEL_DAMAGED; UNAVAILABLE, STORAGE_FAILED.
absl::StatusOr<FoundModel> LoadReadModel(const Environment& environment, absl::string_view name,
                                         absl::string_view field = "model");

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_FIND_MODEL_H_
