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

// One place of those in flight: a call, and then the next one.
class Place {
 public:
  void Start(grpc::GenericStub* stub, const Load& load, const grpc::ByteBuffer& request,
             grpc::CompletionQueue* queue) {
    context_.emplace();
    if (!load.token.empty()) {
      context_->AddMetadata("authorization", absl::StrCat("Bearer ", load.token));
    }
    begin_ = absl::Now();
    if (load.timeout != absl::InfiniteDuration()) {
      context_->set_deadline(absl::ToChronoTime(begin_ + load.timeout));
    }
    reader_ = stub->PrepareUnaryCall(&*context_, load.method, request, queue);
    reader_->StartCall();
    reader_->Finish(&reply_, &status_, this);
  }

  void Record(grpc::Channel* channel, LoadResult* result) const {
    if (status_.ok()) {
      ++result->calls;
      result->latencies.push_back(absl::Now() - begin_);
      result->reply_bytes = static_cast<int64_t>(reply_.Length());
      return;
    }
    if (++result->errors == 1) {
      const auto state = channel->GetState(/*try_to_connect=*/false);
      result->first_error = FromGrpc(status_, state == GRPC_CHANNEL_READY);
    }
  }

 private:
  std::optional<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> reader_;
  grpc::ByteBuffer reply_;
  grpc::Status status_;
  absl::Time begin_;
};

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
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  const grpc::Slice slice(load.request);
  const grpc::ByteBuffer request(&slice, 1);
  std::vector<Place> places(static_cast<size_t>(load.in_flight));
  LoadResult result;
  const absl::Time begin = absl::Now();
  for (Place& place : places) place.Start(&stub, load, request, &queue);
  int running = load.in_flight;
  void* tag = nullptr;
  bool ok = false;
  while (running > 0 && queue.Next(&tag, &ok)) {
    Place* place = static_cast<Place*>(tag);
    place->Record(channel.get(), &result);
    if (absl::Now() - begin < load.duration) {
      place->Start(&stub, load, request, &queue);
    } else {
      --running;
    }
  }
  result.elapsed = absl::Now() - begin;
  std::sort(result.latencies.begin(), result.latencies.end());
  return result;
}

}  // namespace chainrule::client
