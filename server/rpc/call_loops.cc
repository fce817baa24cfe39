#include "server/rpc/call_loops.h"

#include <algorithm>

namespace chainrule::server {
namespace {

constexpr int kCoresOfALoop = 4;
// Calls that may arrive at a queue at the same moment; gRPC keeps others until there is
// room, which is as soon as one of these has begun.
constexpr int kAwaited = 32;

void Empty(grpc::ServerCompletionQueue* queue) {
  void* tag = nullptr;
  bool ok = false;
  while (queue->Next(&tag, &ok)) Wire::Happened(tag, ok);
}

}  // namespace

CallLoops::CallLoops(int cores, const Methods* methods)
    : count_(std::max(1, cores / kCoresOfALoop)),
      begin_([methods](std::unique_ptr<Wire> wire) { methods->Begin(std::move(wire)); }) {}

CallLoops::~CallLoops() { Stop(); }

void CallLoops::AddTo(grpc::ServerBuilder* builder) {
  builder->RegisterAsyncGenericService(&service_);
  for (int i = 0; i < count_; ++i) queues_.push_back(builder->AddCompletionQueue());
}

void CallLoops::Start() {
  for (const auto& queue : queues_) {
    for (int i = 0; i < kAwaited; ++i) Wire::Await({&service_, queue.get()}, &begin_);
    threads_.emplace_back(Empty, queue.get());
  }
}

// A queue that is shut down is emptied before its thread ends.
void CallLoops::Stop() {
  for (const auto& queue : queues_) queue->Shutdown();
  if (threads_.empty()) {
    for (const auto& queue : queues_) Empty(queue.get());
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  queues_.clear();
}

}  // namespace chainrule::server
