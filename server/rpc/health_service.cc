#include "server/rpc/health_service.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/core/error.h"
#include "engine/core/mutex.h"
#include "server/compute/admission.h"
#include "server/rpc/to_grpc_status.h"
#include "server/rpc/typed_wire.h"

namespace chainrule::server {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using grpc::health::v1::HealthListRequest;
using grpc::health::v1::HealthListResponse;

constexpr char kService[] = "grpc.health.v1.Health";

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

// A Check or List, answered where it came.
template <typename Request, typename Response>
class AtOnceCall final : public TypedWire<Request, Response> {
 public:
  using Answer = std::function<absl::Status(const Request& request, Response* response)>;

  AtOnceCall(std::unique_ptr<Wire> wire, Admission* admission, Answer answer)
      : TypedWire<Request, Response>(std::move(wire)),
        admission_(*admission),
        presence_(admission, Admission::Presence::Kind::kProbe),
        answer_(std::move(answer)) {}

  void Begin() {
    const absl::Status room = admission_.CheckProbeRoom();
    if (!room.ok()) return this->Finish(ToGrpcStatus(room));
    this->StartRead();
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return this->Finish(ToGrpcStatus(absl::CancelledError("the client is gone")));
    Request request;
    Response response;
    absl::Status status = this->TakeRequest(&request);
    if (status.ok()) status = answer_(request, &response);
    if (!status.ok()) return this->Finish(ToGrpcStatus(status));
    this->WriteAndFinish(response, grpc::Status::OK);
  }
  void OnDone() override { delete this; }

  const Admission& admission_;
  const Admission::Presence presence_;
  const Answer answer_;
};

// One Watch. It writes what is newest; what changed twice while a write was under way
// is written once.
class WatchStream final : public TypedWire<HealthCheckRequest, HealthCheckResponse>,
                          public HealthBoard::Watcher,
                          public EndableStream {
 public:
  WatchStream(std::unique_ptr<Wire> wire, HealthBoard* board, OpenStreams* streams,
              Admission* admission)
      : TypedWire(std::move(wire)),
        board_(board),
        streams_(streams),
        admission_(*admission),
        presence_(admission, Admission::Presence::Kind::kProbe) {}

  void Begin() {
    if (const absl::Status room = admission_.CheckProbeRoom(); !room.ok()) return End(room);
    StartRead();
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
  void OnReadDone(bool ok) override {
    HealthCheckRequest request;
    const absl::Status status = ok ? TakeRequest(&request) : ClientIsGone();
    name_ = request.service();
    if (!status.ok()) return End(status);
    board_->Watch(name_, this);
    streams_->Add(this);
  }

  static absl::Status ClientIsGone() { return absl::CancelledError("the client is gone"); }

  void WriteNewest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || !newest_.has_value()) return;
    HealthCheckResponse response;
    response.set_status(*std::exchange(newest_, std::nullopt));
    writing_ = true;
    StartWrite(response);
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
      End(ClientIsGone());
    }
  }

  void OnCancel() override { End(ClientIsGone()); }

  void OnDone() override {
    board_->Unwatch(name_, this);
    streams_->Remove(this);
    delete this;
  }

  HealthBoard* const board_;
  OpenStreams* const streams_;
  const Admission& admission_;
  const Admission::Presence presence_;
  std::string name_;

  engine::Mutex mutex_;
  std::optional<HealthCheckResponse::ServingStatus> newest_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<grpc::Status> end_;  // set once, under the lock
};

}  // namespace

HealthServiceImpl::HealthServiceImpl(HealthBoard* board, OpenStreams* streams, Admission* admission,
                                     Methods* methods)
    : board_(board), streams_(streams), admission_(admission) {
  AddAtOnce(methods, "Check", &HealthServiceImpl::Check);
  AddAtOnce(methods, "List", &HealthServiceImpl::List);
  methods->Add(kService, "Watch", HealthCheckRequest::descriptor(),
               HealthCheckResponse::descriptor(), [this](std::unique_ptr<Wire> wire) {
                 (new WatchStream(std::move(wire), board_, streams_, admission_))->Begin();
               });
}

template <typename Request, typename Response>
void HealthServiceImpl::AddAtOnce(Methods* methods, const std::string& method,
                                  absl::Status (HealthServiceImpl::*answer)(const Request&,
                                                                            Response*) const) {
  methods->Add(kService, method, Request::descriptor(), Response::descriptor(),
               [this, answer](std::unique_ptr<Wire> wire) {
                 const auto at_once = [this, answer](const Request& request, Response* response) {
                   return (this->*answer)(request, response);
                 };
                 (new AtOnceCall<Request, Response>(std::move(wire), admission_, at_once))->Begin();
               });
}

absl::Status HealthServiceImpl::Check(const HealthCheckRequest& request,
                                      HealthCheckResponse* response) const {
  const std::optional<Health> health = board_->Get(request.service());
  if (!health) return UnknownName(request.service());
  response->set_status(ToProto(*health));
  return absl::OkStatus();
}

absl::Status HealthServiceImpl::List(const HealthListRequest& /*request*/,
                                     HealthListResponse* response) const {
  for (const auto& [name, health] : board_->List()) {
    (*response->mutable_statuses())[name].set_status(ToProto(health));
  }
  return absl::OkStatus();
}

}  // namespace chainrule::server
