// ExportCall: one ExportModel. The file is made and cut into messages on a clerk; a
// message is made when the one before it has left, so a client that does not read costs
// one message. It belongs to whoever works on it, and deletes itself when gRPC is done.
#ifndef CHAINRULE_SERVER_RPC_EXPORT_CALL_H_
#define CHAINRULE_SERVER_RPC_EXPORT_CALL_H_

#include <grpcpp/support/server_callback.h>

#include <optional>

#include "absl/status/status.h"
#include "chainrule/v1/model_service.pb.h"
#include "engine/core/mutex.h"
#include "server/convert/model_export.h"
#include "server/rpc/call_scope.h"
#include "server/rpc/environment.h"

namespace chainrule::server {

class ExportCall final : public grpc::ServerWriteReactor<v1::ExportModelResponse> {
 public:
  ExportCall(const Environment* environment, RpcMetrics* metrics,
             grpc::CallbackServerContext* context, const v1::ExportModelRequest* request)
      : environment_(*environment),
        scope_(environment, metrics, context),
        request_(*request),
        piece_bytes_(FilePieceBytes(environment->limits)) {}

  // Takes the call in. Once, before it goes to gRPC.
  void Begin();

 private:
  void Prepare();
  absl::Status MakeFile();
  void WriteNext();
  void End(const absl::Status& status);

  void OnWriteDone(bool ok) override;
  void OnCancel() override { scope_.Cancel(); }
  void OnDone() override;

  const Environment& environment_;
  CallScope scope_;
  const v1::ExportModelRequest request_;
  const size_t piece_bytes_;
  std::optional<ExportedFile> file_;
  v1::ExportModelResponse message_;
  engine::Mutex hand_over_;  // between the threads that work on it, one after another
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_EXPORT_CALL_H_
