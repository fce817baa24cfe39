// RawCall: a call of any method, with any bytes, or none. Single-threaded.
#ifndef CHAINRULE_TESTS_SUPPORT_RAW_CLIENT_H_
#define CHAINRULE_TESTS_SUPPORT_RAW_CLIENT_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <memory>
#include <string>

namespace chainrule::test {

class RawCall {
 public:
  // `method`: as it travels, "/package.Service/Method".
  RawCall(const std::shared_ptr<grpc::Channel>& channel, const std::string& method)
      : stub_(channel), stream_(stub_.PrepareCall(&context, method, &queue_)) {
    stream_->StartCall(this);
    Await();
  }
  ~RawCall() { queue_.Shutdown(); }
  RawCall(const RawCall&) = delete;
  RawCall& operator=(const RawCall&) = delete;

  // False: the call is over.
  bool Write(const std::string& bytes) {
    const grpc::Slice slice(bytes);
    stream_->Write(grpc::ByteBuffer(&slice, 1), this);
    return Await();
  }
  bool HalfClose() {
    stream_->WritesDone(this);
    return Await();
  }
  // The next message's bytes; false: there are no more.
  bool Read(std::string* bytes) {
    grpc::ByteBuffer buffer;
    stream_->Read(&buffer, this);
    if (!Await()) return false;
    grpc::Slice slice;
    const bool whole = buffer.DumpToSingleSlice(&slice).ok();
    bytes->assign(reinterpret_cast<const char*>(slice.begin()), slice.size());
    return whole;
  }
  grpc::Status Finish() {
    grpc::Status status;
    stream_->Finish(&status, this);
    Await();
    return status;
  }

  grpc::ClientContext context;

 private:
  bool Await() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::CompletionQueue queue_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
};

}  // namespace chainrule::test

#endif  // CHAINRULE_TESTS_SUPPORT_RAW_CLIENT_H_
