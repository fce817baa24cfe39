// UnaryCall: one call with one request and one answer. A full server refuses it before its
// request is read. It belongs to whoever works on it until that one calls Finish, exactly once; it
// deletes itself when gRPC is done. Request and response live until Finish.
#ifndef CHAINRULE_SERVER_RPC_UNARY_CALL_H_
#define CHAINRULE_SERVER_RPC_UNARY_CALL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "server/rpc/arena_pool.h"
#include "server/rpc/call_scope.h"
#include "server/rpc/environment.h"
#include "server/rpc/typed_wire.h"

namespace chainrule::server {

// When a call is let in.
enum class Entry : uint8_t { kWhereThereIsRoom, kAlways };

// What is the same whatever the messages are.
class UnaryCallBase : public Wire::User {
 public:
  CallScope& scope() { return scope_; }
  const engine::Cancellation& cancellation() const { return *scope_.cancellation(); }

  // Nothing of the call may be touched afterwards.
  void Finish(const absl::Status& status);

  // Has its request read, to be taken in then, or ends it. Once.
  void Begin();

 protected:
  UnaryCallBase(std::unique_ptr<Wire> wire, const Environment* environment, RpcMetrics* metrics,
                Entry entry);

  // Hands the call over, if it returns OK; any other status is the answer.
  virtual absl::Status Handle() = 0;

  ArenaPool::Loan arena_;
  google::protobuf::Message* request_message_ = nullptr;
  google::protobuf::Message* response_message_ = nullptr;

 private:
  void OnReadDone(bool ok) override;
  void OnCancel() override { scope_.Cancel(); }
  void OnDone() override { delete this; }
  // Reads the request's bytes and has it handled.
  void Run();

  const std::unique_ptr<Wire> wire_;
  const Environment& environment_;
  CallScope scope_;
  const Entry entry_;
  std::optional<Admission::Answer> answer_;
};

template <typename RequestType, typename ResponseType>
class UnaryCall final : public UnaryCallBase {
 public:
  using Request = RequestType;
  using Response = ResponseType;
  // Hands the call over, if it returns OK; any other status is the answer.
  using Handler = std::function<absl::Status(UnaryCall*)>;

  // `handler` is borrowed.
  UnaryCall(std::unique_ptr<Wire> wire, const Environment* environment, RpcMetrics* metrics,
            const Handler* handler, Entry entry)
      : UnaryCallBase(std::move(wire), environment, metrics, entry),
        handler_(*handler),
        request_(arena_.Make<Request>()),
        response_(arena_.Make<Response>()) {
    request_message_ = request_;
    response_message_ = response_;
  }

  const Request& request() const { return *request_; }
  // Borrows: as long-lived as the call.
  std::shared_ptr<const Request> borrowed_request() const {
    return {std::shared_ptr<const Request>(), request_};
  }
  Response* response() { return response_; }

 private:
  absl::Status Handle() override { return handler_(this); }

  const Handler& handler_;
  Request* const request_;
  Response* const response_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_UNARY_CALL_H_
