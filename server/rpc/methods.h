// Methods: which methods this server has, and who begins their calls. Services add theirs
// when they are made; constant from then on, and thread-safe.
#ifndef CHAINRULE_SERVER_RPC_METHODS_H_
#define CHAINRULE_SERVER_RPC_METHODS_H_

#include <google/protobuf/descriptor.h>

#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/rpc/unary_call.h"
#include "server/rpc/wire.h"

namespace chainrule::server {

class Methods {
 public:
  // `service`: its full name. Requires that the .proto files have the method, with these
  // messages, and that it is added once.
  void Add(const std::string& service, const std::string& method,
           const google::protobuf::Descriptor* request,
           const google::protobuf::Descriptor* response, Wire::Begin begin);

  // Full names of the services.
  const std::set<std::string>& services() const { return services_; }

  // Begins the call; there is no such method: ends it with UNIMPLEMENTED.
  void Begin(std::unique_ptr<Wire> wire) const;

 private:
  std::map<std::string, Wire::Begin, std::less<>> methods_;  // by path, "/Service/Method"
  std::set<std::string> services_;
};

// One service's RPCs, while it adds them: each is counted under the service's short name
// and its own.
class ServiceMethods {
 public:
  // All are borrowed; the environment outlives the calls.
  ServiceMethods(const Environment* environment, std::string service, Methods* methods)
      : environment_(environment), service_(std::move(service)), methods_(methods) {}

  // `self` has `handler`, and outlives the calls. If that returns OK it has handed the call
  // over; any other status is the answer. On a gRPC thread, so for checks of constant cost.
  template <typename Service, typename Request, typename Response>
  void AddUnary(const std::string& method, Service* self,
                absl::Status (Service::*handler)(UnaryCall<Request, Response>*)) const {
    Add<UnaryCall<Request, Response>>(
        method, [self, handler](auto* call) { return (self->*handler)(call); });
  }

  // The same for who asks whether the server is well: one that is full, or stops, answers too.
  template <typename Service, typename Request, typename Response>
  void AddProbe(const std::string& method, Service* self,
                absl::Status (Service::*handler)(UnaryCall<Request, Response>*)) const {
    Add<UnaryCall<Request, Response>>(
        method, [self, handler](auto* call) { return (self->*handler)(call); }, Entry::kAlways);
  }

  // The same where `answer` runs on a worker and its status is the answer's.
  template <typename Service, typename Request, typename Response>
  void AddWorked(const std::string& method, Workers* workers, Service* self,
                 absl::Status (Service::*answer)(UnaryCall<Request, Response>*)) const {
    Add<UnaryCall<Request, Response>>(method, [workers, self, answer](auto* call) {
      workers->Submit([call, self, answer] {
        const absl::Status wanted = call->cancellation().Check();
        call->Finish(wanted.ok() ? (self->*answer)(call) : wanted);
      });
      return absl::OkStatus();
    });
  }

  // A call of class `Stream`, which is made of wire, environment and metrics.
  template <typename Stream>
  void AddStream(const std::string& method) const {
    Register<Stream>(method, [environment = environment_, metrics = MetricsOf(method)](auto wire) {
      (new Stream(std::move(wire), environment, metrics))->Begin();
    });
  }

 private:
  template <typename Call>
  void Add(const std::string& method, typename Call::Handler handler,
           Entry entry = Entry::kWhereThereIsRoom) const {
    Register<Call>(method, [environment = environment_, metrics = MetricsOf(method),
                            handler = std::move(handler), entry](auto wire) {
      (new Call(std::move(wire), environment, metrics, &handler, entry))->Begin();
    });
  }
  template <typename Call>
  void Register(const std::string& method, Wire::Begin begin) const {
    methods_->Add(service_, method, Call::Request::descriptor(), Call::Response::descriptor(),
                  std::move(begin));
  }
  RpcMetrics* MetricsOf(const std::string& method) const;

  const Environment* const environment_;
  const std::string service_;
  Methods* const methods_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_METHODS_H_
