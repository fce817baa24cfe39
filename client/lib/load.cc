#include "client/lib/load.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/lib/errors.h"
#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"

namespace chainrule::client {
namespace {

// Counts a call that ended.
void Record(const grpc::Status& status, absl::Time begin, int64_t reply_bytes,
            grpc::Channel* channel, LoadResult* result) {
  if (status.ok()) {
    ++result->calls;
    result->latencies.push_back(absl::Now() - begin);
    result->reply_bytes = reply_bytes;
    return;
  }
  if (++result->errors == 1) {
    const auto state = channel->GetState(/*try_to_connect=*/false);
    result->first_error = FromGrpc(status, state == GRPC_CHANNEL_READY);
  }
}

grpc::ByteBuffer BufferOf(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

// What is the same for all places.
struct Shared {
  Shared(const std::shared_ptr<grpc::Channel>& channel, const Load& all)
      : stub(channel), load(all), request(BufferOf(all.request)) {
    for (const std::string& message : all.messages) messages.push_back(BufferOf(message));
  }
  grpc::GenericStub stub;
  const Load& load;
  const grpc::ByteBuffer request;
  std::vector<grpc::ByteBuffer> messages;
  grpc::CompletionQueue queue;
};

// One place of those in flight: a call, and then the next one.
class Place {
 protected:
  grpc::ClientContext* NewContext(const Load& load) {
    context_.emplace();
    begin_ = absl::Now();
    if (!load.token.empty()) {
      context_->AddMetadata("authorization", absl::StrCat("Bearer ", load.token));
    }
    if (load.timeout != absl::InfiniteDuration()) {
      context_->set_deadline(absl::ToChronoTime(begin_ + load.timeout));
    }
    return &*context_;
  }

  absl::Time begin_;
  grpc::ByteBuffer reply_;
  grpc::Status status_;

 private:
  std::optional<grpc::ClientContext> context_;
};

class UnaryPlace : public Place {
 public:
  void Start(Shared* shared) {
    reader_.reset();  // it lies in the memory of the context's call
    reader_ = shared->stub.PrepareUnaryCall(NewContext(shared->load), shared->load.method,
                                            shared->request, &shared->queue);
    reader_->StartCall();
    reader_->Finish(&reply_, &status_, this);
  }

  static UnaryPlace* Of(void* tag) { return static_cast<UnaryPlace*>(tag); }
  // Whether the call ended with what the tag tells.
  bool Advance(Shared*, void*, bool) { return true; }
  void Record(grpc::Channel* channel, LoadResult* result) const {
    client::Record(status_, begin_, static_cast<int64_t>(reply_.Length()), channel, result);
  }

 private:
  std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> reader_;
};

// One write and one read are outstanding at most. It is finished when both are over.
class StreamPlace : public Place {
 public:
  void Start(Shared* shared) {
    stream_.reset();  // it lies in the memory of the context's call
    next_ = 0;
    reply_bytes_ = 0;
    reads_ = writes_ = true;
    stream_ =
        shared->stub.PrepareCall(NewContext(shared->load), shared->load.method, &shared->queue);
    stream_->StartCall(&started_);
  }

  static StreamPlace* Of(void* tag) { return static_cast<Tag*>(tag)->place; }
  bool Advance(Shared* shared, void* tag, bool ok) {
    if (tag == &finished_) return true;
    if (tag == &read_) {
      reads_ = ok;
      if (ok) reply_bytes_ += static_cast<int64_t>(reply_.Length());
    } else {
      writes_ = ok && next_ <= shared->messages.size();
      if (writes_) Write(*shared);
    }
    if (reads_ && tag != &written_) stream_->Read(&reply_, &read_);
    if (!reads_ && !writes_) stream_->Finish(&status_, &finished_);
    return false;
  }
  void Record(grpc::Channel* channel, LoadResult* result) const {
    client::Record(status_, begin_, reply_bytes_, channel, result);
  }

 private:
  struct Tag {
    StreamPlace* place;
  };

  // The next message, or after the last one the half-close.
  void Write(const Shared& shared) {
    const size_t index = next_++;
    if (index < shared.messages.size()) {
      stream_->Write(shared.messages[index], &written_);
    } else {
      stream_->WritesDone(&written_);
    }
  }

  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  Tag started_{this}, read_{this}, written_{this}, finished_{this};
  size_t next_ = 0;  // message to be written; one more: the half-close
  bool reads_ = true, writes_ = true;
  int64_t reply_bytes_ = 0;
};

template <typename AnyPlace>
LoadResult Run(const std::shared_ptr<grpc::Channel>& channel, const Load& load) {
  Shared shared(channel, load);
  std::vector<AnyPlace> places(static_cast<size_t>(load.in_flight));
  LoadResult result;
  const absl::Time begin = absl::Now();
  for (AnyPlace& place : places) place.Start(&shared);
  int running = load.in_flight;
  void* tag = nullptr;
  bool ok = false;
  while (running > 0 && shared.queue.Next(&tag, &ok)) {
    AnyPlace* const place = AnyPlace::Of(tag);
    if (!place->Advance(&shared, tag, ok)) continue;
    place->Record(channel.get(), &result);
    if (absl::Now() - begin < load.duration) {
      place->Start(&shared);
    } else {
      --running;
    }
  }
  result.elapsed = absl::Now() - begin;
  std::sort(result.latencies.begin(), result.latencies.end());
  return result;
}

}  // namespace

double LoadResult::CallsPerSecond() const {
  return static_cast<double>(calls) / absl::ToDoubleSeconds(elapsed);
}

absl::Duration LoadResult::Percentile(double fraction) const {
  const double place = fraction * static_cast<double>(latencies.size() - 1);
  return latencies[static_cast<size_t>(std::lround(place))];
}

absl::StatusOr<LoadResult> RunLoad(const std::shared_ptr<grpc::Channel>& channel,
                                   const Load& load) {
  if (load.in_flight < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("in_flight: ", load.in_flight, "; must be 1 or more"));
  }
  return load.streams ? Run<StreamPlace>(channel, load) : Run<UnaryPlace>(channel, load);
}

}  // namespace chainrule::client
