#include "server/rpc/export_call.h"

#include <utility>

#include "server/rpc/find_model.h"

namespace chainrule::server {

using engine::MutexLock;

void ExportCall::Begin() {
  // A message is the call's, beside the request.
  const auto bytes = static_cast<int64_t>(request_.ByteSizeLong() + piece_bytes_);
  if (absl::Status status = scope_.Admit(bytes); !status.ok()) return End(status);
  environment_.clerks->Submit([this] { Prepare(); });
}

void ExportCall::Prepare() {
  absl::Status status = scope_.cancellation()->Check();
  if (status.ok()) status = MakeFile();
  if (!status.ok()) return End(status);
  MutexLock lock(&hand_over_);
  StartWrite(&message_);
}

absl::Status ExportCall::MakeFile() {
  const absl::StatusOr<ExportArguments> arguments = CheckExportModel(request_);
  if (!arguments.ok()) return arguments.status();
  const absl::StatusOr<FoundModel> found = LoadReadModel(environment_, request_.model());
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
  { MutexLock lock(&hand_over_); }
  if (!ok) return End(absl::CancelledError("the client is gone"));
  environment_.clerks->Submit([this] { WriteNext(); });
}

void ExportCall::WriteNext() {
  if (absl::Status status = scope_.cancellation()->Check(); !status.ok()) return End(status);
  if (!file_->Next(piece_bytes_, message_.mutable_data())) return End(absl::OkStatus());
  MutexLock lock(&hand_over_);
  StartWrite(&message_);
}

void ExportCall::End(const absl::Status& status) {
  grpc::Status result;
  {
    MutexLock lock(&hand_over_);
    result = scope_.End(status);
  }
  Finish(std::move(result));
}

void ExportCall::OnDone() {
  { MutexLock lock(&hand_over_); }
  delete this;
}

}  // namespace chainrule::server
