// TypedWire: a call whose messages are `Request`s and `Response`s. Derived classes react as
// Wire::User's comments say, and keep its rules.
#ifndef CHAINRULE_SERVER_RPC_TYPED_WIRE_H_
#define CHAINRULE_SERVER_RPC_TYPED_WIRE_H_

#include <google/protobuf/message.h>

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "engine/core/cancellation.h"
#include "server/compute/workers.h"
#include "server/rpc/wire.h"

namespace chainrule::server {

// From so many bytes on a message is made of them by a reader: gRPC's thread has other calls.
constexpr size_t kLargeMessage = size_t{1} << 20;

// Makes the message of its bytes, which are gone afterwards. INVALID_ARGUMENT: they are none.
absl::Status ParseBytes(grpc::ByteBuffer* bytes, google::protobuf::Message* message);
// Why the one request of a call did not come.
absl::Status NoRequest(const engine::Cancellation& cancellation);
grpc::ByteBuffer BytesOf(const google::protobuf::Message& message);

template <typename RequestType, typename ResponseType>
class TypedWire : public Wire::User {
 public:
  using Request = RequestType;
  using Response = ResponseType;

  explicit TypedWire(std::unique_ptr<Wire> wire) : wire_(std::move(wire)) { wire_->SetUser(this); }
  TypedWire(const TypedWire&) = delete;
  TypedWire& operator=(const TypedWire&) = delete;

 protected:
  grpc::ServerContext* context() { return wire_->context(); }

  void StartRead() { wire_->Read(); }
  // In OnReadDone(true), of a small message. INVALID_ARGUMENT: the bytes are none.
  absl::Status TakeRequest(Request* request) { return ParseBytes(wire_->incoming(), request); }
  // Calls take in OnReadDone(true), or soon after it, on a reader, where the message is
  // large: take(status, request). INVALID_ARGUMENT: the bytes are none.
  template <typename Take>
  void TakeRequest(Workers* readers, Take take) {
    const auto parse = [this, take = std::move(take)] {
      auto request = std::make_shared<Request>();
      const absl::Status status = ParseBytes(wire_->incoming(), request.get());
      take(status, std::move(request));
    };
    if (wire_->incoming()->Length() < kLargeMessage) return parse();
    Hold();
    readers->Submit([this, parse] {
      parse();
      Release();
    });
  }
  // As the wire's.
  void Hold() { wire_->Hold(); }
  void Release() { wire_->Release(); }
  void StartWrite(const Response& response) { wire_->Write(BytesOf(response)); }
  void Finish(const grpc::Status& status) { wire_->Finish(status); }
  void WriteAndFinish(const Response& response, const grpc::Status& status) {
    wire_->WriteAndFinish(BytesOf(response), status);
  }

 private:
  const std::unique_ptr<Wire> wire_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_TYPED_WIRE_H_
