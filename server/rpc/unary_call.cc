#include "server/rpc/unary_call.h"

namespace chainrule::server {

void UnaryCallBase::Finish(const absl::Status& status) {
  grpc::Status result;
  {
    engine::MutexLock lock(&hand_over_);
    result = scope_.End(status);
  }
  grpc::ServerUnaryReactor::Finish(std::move(result));
}

void UnaryCallBase::OnDone() {
  { engine::MutexLock lock(&hand_over_); }
  delete this;
}

}  // namespace chainrule::server
