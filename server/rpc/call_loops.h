// CallLoops: gRPC's completion queues, each with one thread that empties it: there calls
// arrive, are read and are done. One for every four cores, for threads that take turns at
// the same sockets wake each other: adr/0001-completion-queues.md.  A loop stays awake for a
// moment after a call, if no other one is here: who waits for each answer has the next one
// soon, and to wake a thread takes as long as to answer. Small predictions that came together
// run on it together, when all that came is read.
// Thread-compatible.
#ifndef CHAINRULE_SERVER_RPC_CALL_LOOPS_H_
#define CHAINRULE_SERVER_RPC_CALL_LOOPS_H_

#include <grpcpp/server_builder.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "server/compute/admission.h"
#include "server/compute/batcher.h"
#include "server/rpc/methods.h"

namespace chainrule::server {

class CallLoops {
 public:
  // All are borrowed. Nothing runs yet.
  CallLoops(int cores, const Methods* methods, const Admission* admission, Batcher* batcher);
  // Stops.
  ~CallLoops();

  // In this order: before the server is built, once it serves, and after its Shutdown
  // returned; the last one waits for the calls that are left, which are cancelled by then.
  void AddTo(grpc::ServerBuilder* builder);
  void Start();
  void Stop();

 private:
  void Run(grpc::ServerCompletionQueue* queue) const;
  bool Next(grpc::ServerCompletionQueue* queue, Batcher::Here* here, void** tag, bool* ok) const;

  const int count_;
  const Admission* const admission_;
  Batcher* const batcher_;
  const Wire::Begin begin_;
  grpc::AsyncGenericService service_;
  std::atomic<int64_t> wires_{0};
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues_;
  std::vector<std::thread> threads_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_CALL_LOOPS_H_
