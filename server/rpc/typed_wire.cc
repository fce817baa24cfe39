#include "server/rpc/typed_wire.h"

#include <grpcpp/impl/codegen/proto_utils.h>

#include "absl/strings/str_cat.h"
#include "engine/core/check.h"

namespace chainrule::server {

using Traits = grpc::SerializationTraits<google::protobuf::Message>;

absl::Status ParseBytes(grpc::ByteBuffer* bytes, google::protobuf::Message* message) {
  if (Traits::Deserialize(bytes, message).ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the message's bytes are no ", message->GetTypeName()));
}

absl::Status NoRequest(const engine::Cancellation& cancellation) {
  const absl::Status wanted = cancellation.Check();
  if (!wanted.ok()) return wanted;
  return absl::InvalidArgumentError("no request came, or one beyond max_message_bytes");
}

grpc::ByteBuffer BytesOf(const google::protobuf::Message& message) {
  grpc::ByteBuffer bytes;
  bool own = false;
  CHAINRULE_CHECK(Traits::Serialize(message, &bytes, &own).ok());
  return bytes;
}

}  // namespace chainrule::server
