// Environment: what the handlers of all services share.
//
// Guide to this folder: call_loops.h is where calls come from, wire.h one call as gRPC sees
// it, methods.h who begins it; call_scope.h is what every call has (admission, cancellation,
// metrics, log); unary_call.h and stream_call.h are the two kinds of call, each owning
// its state until gRPC is done with it; *_service.h hold the handlers, which check,
// hand over to a component, and translate; to_grpc_status.h is how errors travel.
#ifndef CHAINRULE_SERVER_RPC_ENVIRONMENT_H_
#define CHAINRULE_SERVER_RPC_ENVIRONMENT_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "engine/core/executor.h"
#include "server/compute/admission.h"
#include "server/compute/batcher.h"
#include "server/compute/workers.h"
#include "server/models/limits.h"
#include "server/models/registry.h"
#include "server/observe/log.h"
#include "server/observe/metrics.h"
#include "server/rpc/arena_pool.h"
#include "server/rpc/open_streams.h"

namespace chainrule::server {

// All pointers are borrowed and outlive the services. Constant after start-up, but for
// `stopping`.
struct Environment {
  Limits limits;
  // The bearer token that calls must bring; empty: none.
  std::string token;
  // Rows of a Fit beyond `fit_memory` bytes go to files in this folder.
  int64_t fit_memory = 0;
  std::string spool_folder;

  Registry* registry = nullptr;
  Admission* admission = nullptr;
  // For gradients and evaluations of one message; for gradient checks, which may take long;
  // for the messages of streams; and the cores of their arithmetic.
  Workers* analysts = nullptr;
  Workers* checkers = nullptr;
  Workers* streamers = nullptr;
  const engine::Executor* executor = nullptr;
  // For models as resources, and copies of weights: what may wait for the disk.
  Workers* clerks = nullptr;
  // For what waits for nothing: large requests' bytes made into messages, and descriptions.
  Workers* readers = nullptr;
  Batcher* batcher = nullptr;
  OpenStreams* streams = nullptr;
  ArenaPool* arenas = nullptr;
  Metrics* metrics = nullptr;
  const Logger* log = nullptr;

  // New calls are refused with UNAVAILABLE, STOPPING.
  std::atomic<bool> stopping{false};
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_ENVIRONMENT_H_
