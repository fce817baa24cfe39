// ExportCall: one ExportModel. The file is made and cut into messages on a clerk; a
// message is made when the one before it has left, so a client that does not read costs
// one message. It belongs to whoever works on it, and deletes itself when gRPC is done.
#ifndef CHAINRULE_SERVER_RPC_EXPORT_CALL_H_
#define CHAINRULE_SERVER_RPC_EXPORT_CALL_H_

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "chainrule/v1/model_service.pb.h"
#include "server/convert/model_export.h"
#include "server/rpc/call_scope.h"
#include "server/rpc/environment.h"
#include "server/rpc/typed_wire.h"

namespace chainrule::server {

class ExportCall final : public TypedWire<v1::ExportModelRequest, v1::ExportModelResponse> {
 public:
  ExportCall(std::unique_ptr<Wire> wire, const Environment* environment, RpcMetrics* metrics);

  // Takes the call in. Once.
  void Begin();

 private:
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override { scope_.Cancel(); }
  void OnDone() override { delete this; }

  void Prepare();
  absl::Status MakeFile();
  void WriteNext();
  void End(const absl::Status& status) { Finish(scope_.End(status)); }

  const Environment& environment_;
  CallScope scope_;
  const size_t piece_bytes_;
  std::shared_ptr<const v1::ExportModelRequest> request_;
  std::optional<ExportedFile> file_;
  v1::ExportModelResponse message_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_EXPORT_CALL_H_
