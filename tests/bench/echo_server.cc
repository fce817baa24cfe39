// The ceiling: a generic server that answers every call with the same bytes and does nothing
// else.  echo-server REPLY_BYTES [queues]: on gRPC's callback API, or, told `queues`, with a
// completion queue and a thread that empties it for every four cores, as the server does.
// Prints `READY grpc=HOST:PORT` and serves until it is killed or its standard input ends.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/support/byte_buffer.h"

namespace {

class EchoCall : public grpc::ServerGenericBidiReactor {
 public:
  explicit EchoCall(const grpc::ByteBuffer& reply) : reply_(reply) { StartRead(&request_); }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::CANCELLED);
      return;
    }
    StartWriteAndFinish(&reply_, grpc::WriteOptions(), grpc::Status::OK);
  }
  void OnDone() override { delete this; }

 private:
  grpc::ByteBuffer request_;
  grpc::ByteBuffer reply_;
};

class EchoService : public grpc::CallbackGenericService {
 public:
  explicit EchoService(const grpc::ByteBuffer& reply) : reply_(reply) {}
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
    return new EchoCall(reply_);
  }

 private:
  const grpc::ByteBuffer reply_;
};

// One call of a completion queue at a time: it waits to come, is read, is answered, and
// another one takes its place.
class QueuedCall {
 public:
  QueuedCall(grpc::AsyncGenericService* service, grpc::ServerCompletionQueue* queue,
             const grpc::ByteBuffer& reply)
      : service_(*service), queue_(*queue), reply_(reply) {
    service_.RequestCall(&context_, &stream_, &queue_, &queue_, this);
  }

  // What was waited for is there, or, not `ok`, will not be.
  void Advance(bool ok) {
    if (waits_for_ == Event::kArrival && ok) {
      new QueuedCall(&service_, &queue_, reply_);
      waits_for_ = Event::kRequest;
      stream_.Read(&request_, this);
    } else if (waits_for_ == Event::kRequest && ok) {
      waits_for_ = Event::kEnd;
      stream_.WriteAndFinish(reply_, grpc::WriteOptions(), grpc::Status::OK, this);
    } else if (waits_for_ == Event::kRequest) {
      waits_for_ = Event::kEnd;
      stream_.Finish(grpc::Status::CANCELLED, this);
    } else {
      delete this;
    }
  }

 private:
  enum class Event { kArrival, kRequest, kEnd };

  grpc::AsyncGenericService& service_;
  grpc::ServerCompletionQueue& queue_;
  const grpc::ByteBuffer reply_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  grpc::ByteBuffer request_;
  Event waits_for_ = Event::kArrival;
};

// Calls that may arrive at a queue at the same moment.
constexpr int kAwaited = 64;

void Empty(grpc::ServerCompletionQueue* queue) {
  void* tag = nullptr;
  bool ok = false;
  while (queue->Next(&tag, &ok)) static_cast<QueuedCall*>(tag)->Advance(ok);
}

// On a port of its own. Ends the process if it cannot.
std::unique_ptr<grpc::Server> Start(grpc::ServerBuilder* builder) {
  int port = 0;
  builder->AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder->SetMaxReceiveMessageSize(64 << 20);
  std::unique_ptr<grpc::Server> server = builder->BuildAndStart();
  if (server == nullptr) std::exit(1);
  std::printf("READY grpc=127.0.0.1:%d\n", port);
  std::fflush(stdout);
  return server;
}

void WaitForEnd() {
  while (std::getchar() != EOF) {
  }
}

void ServeCallbacks(const grpc::ByteBuffer& reply) {
  EchoService service(reply);
  grpc::ServerBuilder builder;
  builder.RegisterCallbackGenericService(&service);
  const std::unique_ptr<grpc::Server> server = Start(&builder);
  WaitForEnd();
  server->Shutdown();
}

void ServeQueues(const grpc::ByteBuffer& reply) {
  grpc::AsyncGenericService service;
  grpc::ServerBuilder builder;
  builder.RegisterAsyncGenericService(&service);
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues;
  for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency() / 4); ++i) {
    queues.push_back(builder.AddCompletionQueue());
  }
  const std::unique_ptr<grpc::Server> server = Start(&builder);
  std::vector<std::thread> threads;
  for (const auto& queue : queues) {
    for (int i = 0; i < kAwaited; ++i) new QueuedCall(&service, queue.get(), reply);
    threads.emplace_back(Empty, queue.get());
  }
  WaitForEnd();
  server->Shutdown();
  for (const auto& queue : queues) queue->Shutdown();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

int main(int argc, char** argv) {
  const bool queues = argc == 3 && std::string_view(argv[2]) == "queues";
  if (argc != 2 && !queues) {
    std::fprintf(stderr, "usage: echo-server REPLY_BYTES [queues]\n");
    return 2;
  }
  const grpc::Slice slice(std::string(static_cast<size_t>(std::atoll(argv[1])), 'x'));
  const grpc::ByteBuffer reply(&slice, 1);
  queues ? ServeQueues(reply) : ServeCallbacks(reply);
  return 0;
}
