// Store: what survives the process, behind one interface: facts (models, versions,
// aliases, lifecycle requests), checkpoints of numbers, and the train log. FolderStore
// keeps it in a data folder, MemoryStore for as long as it lives.
//
// No fact lives in two of the three: what changes numbers is in checkpoints and log,
// the rest in the facts.
//
// Errors: UNAVAILABLE, STORAGE_FAILED: what the disk said; DATA_LOSS, MODEL_DAMAGED: what
// is stored is not what was written, with the file and what is wrong. After an error of
// a change the change is on the disk whole or not at all.
// Thread-safe. It waits for the disk, so it is not for gRPC's threads.
#ifndef CHAINRULE_SERVER_STORE_STORE_H_
#define CHAINRULE_SERVER_STORE_STORE_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/nn/network.h"
#include "engine/train/model_state.h"
#include "server/store/log.h"

namespace chainrule::server {

// A file of numbers, as the facts know it.
struct WeightsFile {
  std::string name;    // below the folder of weights
  std::string digest;  // XXH3-128 of the file, 32 hexadecimal digits
  int64_t bytes = 0;
};

struct StoredVersion {
  int64_t number = 0;  // from 1
  int64_t step = 0;
  std::map<std::string, std::string> labels;
  absl::Time create_time;
  WeightsFile weights;
};

// The facts about a model that its owner sets as one.
struct ModelFacts {
  std::string uid;
  std::string id;
  std::string spec;  // ModelSettings as they were created, in JSON; the store does not read it
  std::map<std::string, std::string> labels;
  std::map<std::string, int64_t> aliases;
  int64_t revision = 1;
  int64_t last_version = 0;  // the highest number ever given
  absl::Time create_time;
  absl::Time update_time;
};

// The checkpoint that a model is recovered from: its numbers at `step`, with what the
// log's records up to `sequence` brought.
struct CheckpointFacts {
  int64_t step = 0;
  uint64_t sequence = 0;
  WeightsFile weights;
};

struct StoredModel {
  ModelFacts facts;
  CheckpointFacts checkpoint;
  std::vector<StoredVersion> versions;  // by number
};

// A lifecycle call that was answered.
struct StoredRequest {
  std::string id;
  std::array<uint64_t, 2> digest{};
  absl::Time time;
  std::string outcome;  // the store does not read it
};

struct StoredRequests {
  std::vector<StoredRequest> requests;  // oldest first
  // The latest of StoreChange's.
  absl::Time forgotten_until = absl::InfinitePast();
};

// Facts that change together, or not at all. What is unset stays.
struct StoreChange {
  std::optional<ModelFacts> put_model;      // a new uid, or one that is there; not its checkpoint
  std::optional<std::string> remove_model;  // a uid: with its versions; files follow later
  struct Checkpoint {
    std::string uid;
    CheckpointFacts checkpoint;
  };
  std::optional<Checkpoint> put_checkpoint;
  struct Version {
    std::string uid;
    StoredVersion version;
  };
  std::optional<Version> put_version;
  struct VersionName {
    std::string uid;
    int64_t number = 0;
  };
  std::optional<VersionName> remove_version;
  std::optional<StoredRequest> put_request;
  std::vector<std::string> remove_requests;            // ids
  std::optional<absl::Time> requests_forgotten_until;  // RequestWindow::forgotten_until
};

// Numbers on their way to a file or back.
struct Checkpoint {
  engine::ModelState state;
  std::string window;                           // remembered requests; the store does not read it
  std::map<std::string, std::string> metadata;  // numerics, learning rate
};

class Store {
 public:
  virtual ~Store() = default;

  // What there is, by uid. For start-up.
  virtual absl::StatusOr<std::vector<StoredModel>> Models() = 0;
  virtual absl::StatusOr<StoredRequests> Requests() = 0;
  // Tells this life of the data from one in which acknowledged steps were lost
  // (Model.incarnation).
  virtual std::string incarnation() const = 0;

  // Durable when it returns OK. Removals come before what is put. NOT_FOUND: a checkpoint
  // or a version of a uid that is not there (any more); ALREADY_EXISTS: a model whose id
  // another uid has.
  virtual absl::Status Apply(const StoreChange& change) = 0;

  // Writes a new file for model `uid`; durable when it returns OK, and unknown to the
  // facts until Apply. `label` becomes part of the name.
  virtual absl::StatusOr<WeightsFile> WriteWeights(const std::string& uid, const std::string& label,
                                                   const engine::Network& network,
                                                   const Checkpoint& checkpoint) = 0;
  // Reads one back whole; its digest is checked. DATA_LOSS: it is gone, damaged, or not
  // of this network.
  virtual absl::StatusOr<Checkpoint> ReadWeights(const WeightsFile& file,
                                                 const engine::Network& network) = 0;
  // Removes a file that no fact names any more. What is left behind by a crash goes at
  // the next opening.
  virtual void RemoveWeights(const WeightsFile& file) = 0;

  // Reads the log from its beginning, calling `visit` with each record, then opens it
  // for more; `findings`, if not null, is what cannot be read, and what was cut off. At start,
  // and again after the log failed and was destroyed, or did not open: records whose fate was
  // unknown are visited if they are there, and are durable once this returned OK.
  virtual absl::StatusOr<std::unique_ptr<Log>> OpenLog(const LogVisitor& visit,
                                                       LogFindings* findings) = 0;
  // The payload of a record that was visited, and is needed still.
  virtual absl::StatusOr<std::string> ReadRecord(const RecordPlace& place) = 0;

  // Writes a little, and says whether the disk took it. After something else failed.
  virtual absl::Status Probe() = 0;

  // Says that this life ended in order: nothing is left in the log.
  virtual absl::Status Close() = 0;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_STORE_H_
