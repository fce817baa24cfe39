// What gRPC's server reflection answers, from the .proto files in this program.
// Thread-safe.
#ifndef CHAINRULE_SERVER_RPC_REFLECTION_H_
#define CHAINRULE_SERVER_RPC_REFLECTION_H_

#include <set>
#include <string>

#include "grpc/reflection/v1alpha/reflection.pb.h"

namespace chainrule::server {

// `services`: the full names of those that are served. What is not known is answered with an
// error inside the response.
grpc::reflection::v1alpha::ServerReflectionResponse Reflect(
    const grpc::reflection::v1alpha::ServerReflectionRequest& request,
    const std::set<std::string>& services);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_REFLECTION_H_
