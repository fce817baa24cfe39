#include "server/rpc/reflection_service.h"

#include <memory>
#include <optional>
#include <utility>

#include "engine/core/mutex.h"
#include "server/compute/admission.h"
#include "server/models/errors.h"
#include "server/rpc/reflection.h"
#include "server/rpc/to_grpc_status.h"
#include "server/rpc/typed_wire.h"

namespace chainrule::server {
namespace {

using engine::MutexLock;
using grpc::reflection::v1alpha::ServerReflectionRequest;
using grpc::reflection::v1alpha::ServerReflectionResponse;

// Reads a request when the answer to the one before has left.
class ReflectionStream final : public TypedWire<ServerReflectionRequest, ServerReflectionResponse>,
                               public EndableStream {
 public:
  ReflectionStream(std::unique_ptr<Wire> wire, OpenStreams* streams, Admission* admission,
                   const Methods* methods)
      : TypedWire(std::move(wire)),
        streams_(*streams),
        admission_(*admission),
        presence_(admission, Admission::Presence::Kind::kProbe),
        methods_(*methods) {}

  void Begin() {
    streams_.Add(this);
    if (const absl::Status room = admission_.CheckProbeRoom(); !room.ok()) return End(room);
    MutexLock lock(&mutex_);
    if (!end_.has_value()) StartRead();
  }

  void EndForStop() override { End(Stopping()); }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return End(absl::OkStatus());
    ServerReflectionRequest request;
    if (const absl::Status status = TakeRequest(&request); !status.ok()) return End(status);
    const ServerReflectionResponse response = Reflect(request, methods_.services());
    MutexLock lock(&mutex_);
    if (end_.has_value()) return;
    writing_ = true;
    StartWrite(response);
  }

  void OnWriteDone(bool ok) override {
    bool end = false;
    {
      MutexLock lock(&mutex_);
      writing_ = false;
      end = end_.has_value();
      if (ok && !end) StartRead();
    }
    if (end) return Finish(*end_);
    if (!ok) End(absl::CancelledError("the client is gone"));
  }

  void OnDone() override {
    streams_.Remove(this);
    delete this;
  }

  // Once, after what is being written.
  void End(const absl::Status& status) {
    bool now = false;
    {
      MutexLock lock(&mutex_);
      if (end_.has_value()) return;
      end_ = ToGrpcStatus(status);
      now = !writing_;
    }
    if (now) Finish(*end_);
  }

  OpenStreams& streams_;
  const Admission& admission_;
  const Admission::Presence presence_;
  const Methods& methods_;
  engine::Mutex mutex_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<grpc::Status> end_;  // set once, under the lock
};

}  // namespace

void AddReflection(OpenStreams* streams, Admission* admission, Methods* methods) {
  methods->Add("grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo",
               ServerReflectionRequest::descriptor(), ServerReflectionResponse::descriptor(),
               [streams, admission, methods](std::unique_ptr<Wire> wire) {
                 (new ReflectionStream(std::move(wire), streams, admission, methods))->Begin();
               });
}

}  // namespace chainrule::server
