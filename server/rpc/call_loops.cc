#include "server/rpc/call_loops.h"

#include <grpc/support/time.h>

#include <algorithm>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace chainrule::server {
namespace {

constexpr int kCoresOfALoop = 4;
// Calls that may arrive at a queue at the same moment; gRPC keeps others until there is
// room, which is as soon as one of these has begun.
constexpr int kAwaited = 32;

// Longer than a caller on this machine takes from an answer to its next call.
constexpr absl::Duration kAwake = absl::Microseconds(300);

}  // namespace

CallLoops::CallLoops(int cores, const Methods* methods, const Admission* admission,
                     Batcher* batcher)
    : count_(std::max(1, cores / kCoresOfALoop)),
      admission_(admission),
      batcher_(batcher),
      begin_([methods](std::unique_ptr<Wire> wire) { methods->Begin(std::move(wire)); }) {}

CallLoops::~CallLoops() { Stop(); }

void CallLoops::AddTo(grpc::ServerBuilder* builder) {
  builder->RegisterAsyncGenericService(&service_);
  for (int i = 0; i < count_; ++i) queues_.push_back(builder->AddCompletionQueue());
}

void CallLoops::Start() {
  for (const auto& queue : queues_) {
    for (int i = 0; i < kAwaited; ++i) Wire::Await({&service_, queue.get(), &wires_}, &begin_);
    threads_.emplace_back([this, emptied = queue.get()] { Run(emptied); });
  }
}

void CallLoops::Run(grpc::ServerCompletionQueue* queue) const {
  Batcher::Here here(batcher_);
  void* tag = nullptr;
  bool ok = false;
  while (Next(queue, &here, &tag, &ok)) Wire::Happened(tag, ok);
}

// Yields between its looks: it keeps the core from nobody who has work for it.
bool CallLoops::Next(grpc::ServerCompletionQueue* queue, Batcher::Here* here, void** tag,
                     bool* ok) const {
  using Queue = grpc::CompletionQueue;
  const gpr_timespec now = gpr_time_0(GPR_CLOCK_MONOTONIC);
  if (!here->empty()) {
    const Queue::NextStatus seen = here->full() ? Queue::TIMEOUT : queue->AsyncNext(tag, ok, now);
    if (seen != Queue::TIMEOUT) return seen == Queue::GOT_EVENT;
    here->Run();
  }
  const absl::Time end = absl::Now() + kAwake;
  while (admission_->present() == 0 && absl::Now() < end) {
    const Queue::NextStatus seen = queue->AsyncNext(tag, ok, now);
    if (seen != Queue::TIMEOUT) return seen == Queue::GOT_EVENT;
    std::this_thread::yield();
  }
  return queue->Next(tag, ok);
}

// A queue that is shut down is emptied before its thread ends.
void CallLoops::Stop() {
  // gRPC does not wait for calls on its queues, and nothing may begin on one that is shut down.
  while (wires_.load(std::memory_order_acquire) > 0) absl::SleepFor(absl::Milliseconds(1));
  for (const auto& queue : queues_) queue->Shutdown();
  if (threads_.empty()) {
    for (const auto& queue : queues_) Run(queue.get());
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  queues_.clear();
}

}  // namespace chainrule::server
