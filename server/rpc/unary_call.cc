#include "server/rpc/unary_call.h"

namespace chainrule::server {

UnaryCallBase::UnaryCallBase(std::unique_ptr<Wire> wire, const Environment* environment,
                             RpcMetrics* metrics)
    : arena_(environment->arenas),
      wire_(std::move(wire)),
      environment_(*environment),
      scope_(environment, metrics, wire_->context()) {
  wire_->SetUser(this);
}

void UnaryCallBase::Begin(Entry entry) {
  entry_ = entry;
  const absl::Status status = entry == Entry::kAlways ? scope_.CheckToken() : scope_.CheckRoom();
  if (!status.ok()) return Finish(status);
  wire_->Read();
}

void UnaryCallBase::OnReadDone(bool ok) {
  if (!ok) return Finish(NoRequest(cancellation()));
  const size_t bytes = wire_->incoming()->Length();
  if (entry_ == Entry::kAlways) return Run();
  if (const absl::Status status = scope_.Admit(static_cast<int64_t>(bytes)); !status.ok()) {
    return Finish(status);
  }
  if (bytes < kLargeMessage) return Run();
  environment_.clerks->Submit([this] { Run(); });
}

void UnaryCallBase::Run() {
  absl::Status status = ParseBytes(wire_->incoming(), request_message_);
  if (status.ok()) status = Handle();
  if (!status.ok()) Finish(status);
}

void UnaryCallBase::Finish(const absl::Status& status) {
  const grpc::Status result = scope_.End(status);
  if (!result.ok()) return wire_->Finish(result);
  const grpc::ByteBuffer bytes = BytesOf(*response_message_);
  arena_.GiveBack();  // an answer that is read slowly holds its bytes alone
  answer_.emplace(environment_.admission, static_cast<int64_t>(bytes.Length()));
  wire_->WriteAndFinish(bytes, result);
}

}  // namespace chainrule::server
