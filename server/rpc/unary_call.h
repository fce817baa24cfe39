// UnaryCall: one call with one request and one answer. It belongs to whoever works on
// it until that one calls Finish, exactly once, and to gRPC from then on; it deletes
// itself when gRPC is done. Request and response live until Finish.
#ifndef CHAINRULE_SERVER_RPC_UNARY_CALL_H_
#define CHAINRULE_SERVER_RPC_UNARY_CALL_H_

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "engine/core/mutex.h"
#include "server/rpc/call_scope.h"
#include "server/rpc/environment.h"

namespace chainrule::server {

class UnaryCallBase : public grpc::ServerUnaryReactor {
 public:
  UnaryCallBase(const Environment* environment, RpcMetrics* metrics,
                grpc::CallbackServerContext* context)
      : scope_(environment, metrics, context) {}

  CallScope& scope() { return scope_; }
  const engine::Cancellation& cancellation() const { return *scope_.cancellation(); }

  // Nothing of the call may be touched afterwards.
  void Finish(const absl::Status& status);

 private:
  void OnCancel() override { scope_.Cancel(); }
  void OnDone() override;
  // OnDone and OnCancel take no time, so gRPC calls them where it is, instead of waking a
  // thread for each call: adr/0001-inline-reactions.md.
  bool InternalInlineable() override { return true; }

  CallScope scope_;
  engine::Mutex hand_over_;  // between the thread that finishes and gRPC's
};

template <typename Request, typename Response>
class UnaryCall final : public UnaryCallBase {
 public:
  UnaryCall(const Environment* environment, RpcMetrics* metrics,
            grpc::CallbackServerContext* context, const Request* request, Response* response)
      : UnaryCallBase(environment, metrics, context), request_(request), response_(response) {}

  const Request& request() const { return *request_; }
  // Borrows: as long-lived as the call.
  std::shared_ptr<const Request> borrowed_request() const {
    return {std::shared_ptr<const Request>(), request_};
  }
  Response* response() { return response_; }

 private:
  const Request* const request_;
  Response* const response_;
};

// One RPC: the name under which it is counted, how its calls begin, and the workers that
// answer them, if any do.
class Rpc {
 public:
  Rpc(const Environment* environment, absl::string_view name, Workers* workers = nullptr)
      : environment_(environment),
        metrics_(environment->metrics->AddRpc(name)),
        workers_(workers) {}

  // Takes the call in and gives it to `handler(call)`. If that returns OK it has handed
  // the call over; any other status is the answer.
  template <typename Request, typename Response, typename Handler>
  grpc::ServerUnaryReactor* Start(grpc::CallbackServerContext* context, const Request* request,
                                  Response* response, Handler handler) const {
    auto* call =
        new UnaryCall<Request, Response>(environment_, metrics_, context, request, response);
    absl::Status status = call->scope().Admit(static_cast<int64_t>(request->ByteSizeLong()));
    if (status.ok()) status = handler(call);
    if (!status.ok()) call->Finish(status);
    return call;
  }

  // The same where `answer(call)` runs on a worker and its status is the answer's.
  template <typename Request, typename Response, typename Answer>
  grpc::ServerUnaryReactor* StartOnWorker(grpc::CallbackServerContext* context,
                                          const Request* request, Response* response,
                                          Answer answer) const {
    return Start(context, request, response, [this, &answer](auto* call) {
      workers_->Submit([call, answer = std::move(answer)] {
        const absl::Status wanted = call->cancellation().Check();
        call->Finish(wanted.ok() ? answer(call) : wanted);
      });
      return absl::OkStatus();
    });
  }

  RpcMetrics* metrics() const { return metrics_; }

 private:
  const Environment* const environment_;
  RpcMetrics* const metrics_;
  Workers* const workers_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_UNARY_CALL_H_
