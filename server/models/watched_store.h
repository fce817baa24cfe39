// WatchedStore: a store as it is, but that somebody hears when it could not keep what it
// was given.
// Thread-safe.
#ifndef CHAINRULE_SERVER_MODELS_WATCHED_STORE_H_
#define CHAINRULE_SERVER_MODELS_WATCHED_STORE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/store/store.h"

namespace chainrule::server {

class WatchedStore : public Store {
 public:
  // `store` outlives this. `failed` is told why, on the caller's thread; it must not wait.
  WatchedStore(Store* store, std::function<void(const absl::Status& why)> failed)
      : store_(store), failed_(std::move(failed)) {}

  absl::StatusOr<std::vector<StoredModel>> Models() override { return store_->Models(); }
  absl::StatusOr<StoredRequests> Requests() override { return store_->Requests(); }
  std::string incarnation() const override { return store_->incarnation(); }
  absl::Status Apply(const StoreChange& change) override { return Told(store_->Apply(change)); }
  absl::StatusOr<WeightsFile> WriteWeights(const std::string& uid, const std::string& label,
                                           const engine::Network& network,
                                           const Checkpoint& checkpoint) override {
    absl::StatusOr<WeightsFile> file = store_->WriteWeights(uid, label, network, checkpoint);
    if (!file.ok()) return Told(file.status());
    return file;
  }
  absl::StatusOr<Checkpoint> ReadWeights(const WeightsFile& file,
                                         const engine::Network& network) override {
    return store_->ReadWeights(file, network);
  }
  void RemoveWeights(const WeightsFile& file) override { store_->RemoveWeights(file); }
  absl::StatusOr<std::unique_ptr<Log>> OpenLog(const LogVisitor& visit,
                                               LogFindings* findings) override {
    return store_->OpenLog(visit, findings);
  }
  absl::StatusOr<std::string> ReadRecord(const RecordPlace& place) override {
    return store_->ReadRecord(place);
  }
  absl::Status Probe() override { return store_->Probe(); }
  absl::Status Close() override { return store_->Close(); }

 private:
  absl::Status Told(absl::Status status) {
    if (absl::IsUnavailable(status)) failed_(status);
    return status;
  }

  Store* const store_;
  const std::function<void(const absl::Status& why)> failed_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_WATCHED_STORE_H_
