#include "server/rpc/health_service.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/core/error.h"
#include "engine/core/mutex.h"
#include "server/rpc/to_grpc_status.h"

namespace chainrule::server {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

HealthCheckResponse::ServingStatus ToProto(Health health) {
  return health == Health::kServing ? HealthCheckResponse::SERVING
                                    : HealthCheckResponse::NOT_SERVING;
}

absl::Status UnknownName(const std::string& name) {
  engine::ErrorDetail detail;
  detail.resource_type = "grpc.health.v1.service";
  detail.resource_name = name;
  return engine::MakeError(
      absl::StatusCode::kNotFound,
      absl::StrCat("service: nothing here is called '", Printable(name, 64), "'"), detail);
}

// One Watch. It writes what is newest; what changed twice while a write was under way
// is written once.
class WatchStream final : public grpc::ServerWriteReactor<HealthCheckResponse>,
                          public HealthBoard::Watcher,
                          public EndableStream {
 public:
  WatchStream(HealthBoard* board, OpenStreams* streams, std::string name)
      : board_(board), streams_(streams), name_(std::move(name)) {}

  void Begin() {
    board_->Watch(name_, this);
    streams_->Add(this);
  }

  void OnHealth(std::optional<Health> health) override {
    engine::MutexLock lock(&mutex_);
    if (end_.has_value()) return;
    newest_ = health ? ToProto(*health) : HealthCheckResponse::SERVICE_UNKNOWN;
    WriteNewest();
  }

  void EndForStop() override {
    End(Error(absl::StatusCode::kUnavailable, v1::ERROR_REASON_STOPPING, "the server is stopping"));
  }

 private:
  void WriteNewest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || !newest_.has_value()) return;
    response_.set_status(*std::exchange(newest_, std::nullopt));
    writing_ = true;
    StartWrite(&response_);
  }

  void End(const absl::Status& status) {
    bool now = false;
    {
      engine::MutexLock lock(&mutex_);
      if (end_.has_value()) return;
      end_ = ToGrpcStatus(status);
      now = !writing_;
    }
    if (now) Finish(*end_);
  }

  void OnWriteDone(bool ok) override {
    bool end = false;
    {
      engine::MutexLock lock(&mutex_);
      writing_ = false;
      if (ok) WriteNewest();
      end = !writing_ && end_.has_value();
    }
    if (end) {
      Finish(*end_);
    } else if (!ok) {
      End(absl::CancelledError("the client is gone"));
    }
  }

  void OnCancel() override { End(absl::CancelledError("the client is gone")); }

  void OnDone() override {
    board_->Unwatch(name_, this);
    streams_->Remove(this);
    { engine::MutexLock lock(&mutex_); }
    delete this;
  }

  HealthBoard* const board_;
  OpenStreams* const streams_;
  const std::string name_;

  engine::Mutex mutex_;
  HealthCheckResponse response_;  // of the write under way
  std::optional<HealthCheckResponse::ServingStatus> newest_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<grpc::Status> end_;  // set once, under the lock
};

}  // namespace

grpc::ServerUnaryReactor* HealthServiceImpl::Check(grpc::CallbackServerContext* context,
                                                   const HealthCheckRequest* request,
                                                   HealthCheckResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const std::optional<Health> health = board_->Get(request->service());
  if (health) response->set_status(ToProto(*health));
  reactor->Finish(health ? grpc::Status::OK : ToGrpcStatus(UnknownName(request->service())));
  return reactor;
}

grpc::ServerUnaryReactor* HealthServiceImpl::List(
    grpc::CallbackServerContext* context, const grpc::health::v1::HealthListRequest* /*request*/,
    grpc::health::v1::HealthListResponse* response) {
  for (const auto& [name, health] : board_->List()) {
    (*response->mutable_statuses())[name].set_status(ToProto(health));
  }
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerWriteReactor<HealthCheckResponse>* HealthServiceImpl::Watch(
    grpc::CallbackServerContext* /*context*/, const HealthCheckRequest* request) {
  auto* stream = new WatchStream(board_, streams_, request->service());
  stream->Begin();
  return stream;
}

}  // namespace chainrule::server
