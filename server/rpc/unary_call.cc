#include "server/rpc/unary_call.h"

namespace chainrule::server {

UnaryCallBase::UnaryCallBase(std::unique_ptr<Wire> wire, const Environment* environment,
                             RpcMetrics* metrics, Entry entry)
    : arena_(environment->arenas),
      wire_(std::move(wire)),
      environment_(*environment),
      scope_(environment, metrics, wire_->context(),
             entry == Entry::kAlways ? Admission::Presence::Kind::kProbe
                                     : Admission::Presence::Kind::kCall),
      entry_(entry) {
  wire_->SetUser(this);
}

void UnaryCallBase::Begin() {
  const absl::Status status = entry_ == Entry::kAlways ? scope_.CheckProbe() : scope_.CheckRoom();
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
  environment_.readers->Submit([this] { Run(); });
}

void UnaryCallBase::Run() {
  absl::Status status = ParseBytes(wire_->incoming(), request_message_);
  if (status.ok()) status = Handle();
  if (!status.ok()) Finish(status);
}

void UnaryCallBase::Finish(const absl::Status& status) {
  if (!status.ok()) return wire_->Finish(scope_.End(status));
  const grpc::ByteBuffer bytes = BytesOf(*response_message_);
  arena_.GiveBack();  // an answer that is read slowly holds its bytes alone
  answer_.emplace(environment_.admission, static_cast<int64_t>(bytes.Length()));
  wire_->WriteAndFinish(bytes, scope_.End(status));
}

}  // namespace chainrule::server
