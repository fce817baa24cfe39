#include "server/rpc/export_call.h"

#include <utility>

#include "server/rpc/find_model.h"

namespace chainrule::server {

ExportCall::ExportCall(std::unique_ptr<Wire> wire, const Environment* environment,
                       RpcMetrics* metrics)
    : TypedWire(std::move(wire)),
      environment_(*environment),
      scope_(environment, metrics, context()),
      piece_bytes_(FilePieceBytes(environment->limits)) {}

void ExportCall::Begin() {
  const absl::Status status = scope_.CheckRoom();
  if (!status.ok()) return End(status);
  StartRead();
}

void ExportCall::OnReadDone(bool ok) {
  if (!ok) return End(NoRequest(*scope_.cancellation()));
  TakeRequest(environment_.readers, [this](absl::Status status, auto request) {
    // A message is the call's, beside the request.
    if (status.ok()) {
      status = scope_.Admit(static_cast<int64_t>(request->ByteSizeLong() + piece_bytes_));
    }
    if (!status.ok()) return End(status);
    request_ = std::move(request);
    environment_.clerks->Submit([this] { Prepare(); });
  });
}

void ExportCall::Prepare() {
  absl::Status status = scope_.cancellation()->Check();
  if (status.ok()) status = MakeFile();
  if (!status.ok()) return End(status);
  StartWrite(message_);
}

absl::Status ExportCall::MakeFile() {
  const absl::StatusOr<ExportArguments> arguments = CheckExportModel(*request_);
  if (!arguments.ok()) return arguments.status();
  const absl::StatusOr<FoundModel> found = LoadReadModel(environment_, request_->model());
  if (!found.ok()) return found.status();
  const Snapshot& snapshot = *found->snapshot;
  absl::StatusOr<ExportedFile> file =
      ExportedFile::Make(*arguments, snapshot.settings(), snapshot.network(), snapshot.state());
  if (!file.ok()) return file.status();
  file_ = *std::move(file);
  file_->WriteHeader(message_.mutable_header());
  message_.mutable_header()->set_version(found->version);
  return absl::OkStatus();
}

void ExportCall::OnWriteDone(bool ok) {
  if (!ok) return End(absl::CancelledError("the client is gone"));
  environment_.clerks->Submit([this] { WriteNext(); });
}

void ExportCall::WriteNext() {
  if (absl::Status status = scope_.cancellation()->Check(); !status.ok()) return End(status);
  if (!file_->Next(piece_bytes_, message_.mutable_data())) return End(absl::OkStatus());
  StartWrite(message_);
}

}  // namespace chainrule::server
