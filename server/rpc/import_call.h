// ImportCall: one ImportModel. It receives the file on gRPC's threads, bounded by what
// the header announced and counted in admission; after the half-close the file is read on
// a clerk (a new model) or in the model's queue (the weights of one that is there).
// It is ended by whom its phase says: while it receives, by what comes from the client or
// a server that stops; then by who works on it. It deletes itself when gRPC is done.
#ifndef CHAINRULE_SERVER_RPC_IMPORT_CALL_H_
#define CHAINRULE_SERVER_RPC_IMPORT_CALL_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "chainrule/v1/model_service.pb.h"
#include "engine/core/mutex.h"
#include "server/convert/model_import.h"
#include "server/rpc/call_scope.h"
#include "server/rpc/environment.h"
#include "server/rpc/find_model.h"
#include "server/rpc/typed_wire.h"

namespace chainrule::server {

class ImportCall final : public TypedWire<v1::ImportModelRequest, v1::Model>, public EndableStream {
 public:
  ImportCall(std::unique_ptr<Wire> wire, const Environment* environment, RpcMetrics* metrics)
      : TypedWire(std::move(wire)),
        environment_(*environment),
        scope_(environment, metrics, context()) {}

  // Takes the call in and begins to read. Once.
  void Begin();

  void EndForStop() override;

 private:
  void OnReadDone(bool ok) override;
  void OnCancel() override { scope_.Cancel(); }
  void OnDone() override;

  void Received(absl::Status status, std::shared_ptr<v1::ImportModelRequest> message);
  absl::Status Receive(std::shared_ptr<v1::ImportModelRequest> message)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckComplete() const;
  // Whether it was receiving until now.
  bool StopReceiving();
  void EndWhileReceiving(const absl::Status& status);
  void End(const absl::Status& status);

  void Complete();
  absl::Status Create();
  absl::Status QueueWeights();
  void WeightsDone(const absl::StatusOr<SetWeightsReply>& reply);

  const Environment& environment_;
  CallScope scope_;
  v1::Model response_;
  ImportArguments arguments_;
  std::optional<ImportedFile> file_;
  std::shared_ptr<Model> model_;

  engine::Mutex mutex_;
  bool receiving_ ABSL_GUARDED_BY(mutex_) = true;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_IMPORT_CALL_H_
