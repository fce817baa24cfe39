// Wire: one call as gRPC sees it, in bytes, on a completion queue. It waits for a call to
// come; then it belongs to the call's user, who reads, writes and finishes, and is told of
// it. All of a queue's calls are told on the queue's one thread.
//   - one Read and one Write are outstanding at most, and none after Finish;
//   - the user calls Finish or WriteAndFinish exactly once, whatever comes: a call that is
//     cancelled is finished too;
//   - OnDone comes last: gRPC is done with the call, and the user deletes itself and the wire.
// Read, Write and Finish may be called on any thread.
#ifndef CHAINRULE_SERVER_RPC_WIRE_H_
#define CHAINRULE_SERVER_RPC_WIRE_H_

#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

namespace chainrule::server {

// Where calls come from, and how many wires there are, with those that wait for a call. All
// three outlive the wires.
struct WireSource {
  grpc::AsyncGenericService* service = nullptr;
  grpc::ServerCompletionQueue* queue = nullptr;
  std::atomic<int64_t>* wires = nullptr;
};

class Wire {
 public:
  class User {
   public:
    virtual ~User() = default;
    // Not `ok`: no message will come any more. Else it is in incoming().
    virtual void OnReadDone(bool /*ok*/) {}
    // Not `ok`: nothing can be written any more.
    virtual void OnWriteDone(bool /*ok*/) {}
    // Nobody waits for the answer any more.
    virtual void OnCancel() {}
    virtual void OnDone() = 0;
  };
  // Who the call is for: makes the user, who takes the wire, and does not wait.
  using Begin = std::function<void(std::unique_ptr<Wire>)>;

  // Waits for a call from `source`, and for another one when it came, until the server shuts
  // down. Both are borrowed.
  static void Await(const WireSource& source, const Begin* begin);
  // What a queue's thread does with what it took from the queue.
  static void Happened(void* tag, bool ok);

  ~Wire() { source_.wires->fetch_sub(1, std::memory_order_acq_rel); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // Before anything else is called, once.
  void SetUser(User* user) { user_ = user; }
  grpc::GenericServerContext* context() { return &context_; }

  void Read();
  grpc::ByteBuffer* incoming() { return &incoming_; }
  void Write(const grpc::ByteBuffer& message);
  void Finish(const grpc::Status& status);
  // A message and the end; `status` is OK.
  void WriteAndFinish(const grpc::ByteBuffer& message, const grpc::Status& status);

  // OnDone does not come before as many Releases have as Holds. A Release is the last
  // thing that its caller does with the call.
  void Hold() { waited_for_.fetch_add(1, std::memory_order_acq_rel); }
  void Release();

 private:
  enum class Event { kArrival, kRead, kWrite, kFinish, kDone };
  struct Tag {
    Wire* wire;
    Event event;
  };

  Wire(const WireSource& source, const Begin* begin);
  void Arrive(bool ok);
  void Tell(Event event, bool ok);

  const WireSource source_;
  const Begin* const begin_;
  Tag arrival_{this, Event::kArrival};
  Tag read_{this, Event::kRead};
  Tag write_{this, Event::kWrite};
  Tag finish_{this, Event::kFinish};
  Tag done_{this, Event::kDone};
  // What has not happened yet: the finish, gRPC's being done, a read, a write, releases.
  std::atomic<int> waited_for_{2};
  User* user_ = nullptr;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  grpc::ByteBuffer incoming_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_WIRE_H_
