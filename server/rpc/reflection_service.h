// ReflectionService: grpc.reflection.v1alpha, ours and not gRPC's plugin: that lists only what
// is registered with gRPC method by method, and has a thread of its own that waits at the
// same sockets. It answers without a token, as long as the server does not stop.
#ifndef CHAINRULE_SERVER_RPC_REFLECTION_SERVICE_H_
#define CHAINRULE_SERVER_RPC_REFLECTION_SERVICE_H_

#include "server/compute/admission.h"
#include "server/rpc/methods.h"
#include "server/rpc/open_streams.h"

namespace chainrule::server {

// Adds it to `methods`, whose services it tells. All are borrowed and outlive the calls.
void AddReflection(OpenStreams* streams, Admission* admission, Methods* methods);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_REFLECTION_SERVICE_H_
