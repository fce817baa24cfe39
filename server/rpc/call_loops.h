// CallLoops: gRPC's completion queues, each with one thread that empties it: there calls
// arrive, are read and are done. One for every four cores, for threads that take turns at
// the same sockets wake each other: adr/0001-completion-queues.md.
// Thread-compatible.
#ifndef CHAINRULE_SERVER_RPC_CALL_LOOPS_H_
#define CHAINRULE_SERVER_RPC_CALL_LOOPS_H_

#include <grpcpp/server_builder.h>

#include <memory>
#include <thread>
#include <vector>

#include "server/rpc/methods.h"

namespace chainrule::server {

class CallLoops {
 public:
  // `methods` is borrowed. Nothing runs yet.
  CallLoops(int cores, const Methods* methods);
  // Stops.
  ~CallLoops();

  // In this order: before the server is built, once it serves, and after its Shutdown
  // returned, when no call is left.
  void AddTo(grpc::ServerBuilder* builder);
  void Start();
  void Stop();

 private:
  const int count_;
  const Wire::Begin begin_;
  grpc::AsyncGenericService service_;
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues_;
  std::vector<std::thread> threads_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_CALL_LOOPS_H_
