// Load: drives one RPC with a fixed number of calls in flight and measures them. A call of one
// that streams sends all its messages, half-closes, and reads to the end, both at once.
// The request is serialised once and the replies are not parsed, so what is measured is
// the server and the wire.
#ifndef CHAINRULE_CLIENT_LIB_LOAD_H_
#define CHAINRULE_CLIENT_LIB_LOAD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"

namespace chainrule::client {

struct Load {
  std::string method;   // such as "/chainrule.v1.PredictionService/Predict"
  std::string request;  // the message's bytes; of a stream unused
  int in_flight = 1;
  absl::Duration duration = absl::Seconds(3);
  std::string token{};                                // sent as a bearer token; empty: none
  absl::Duration timeout = absl::InfiniteDuration();  // of each call
  bool streams = false;
  std::vector<std::string> messages{};  // of a stream, in order
};

struct LoadResult {
  int64_t calls = 0;  // that were answered with OK
  int64_t errors = 0;
  absl::Status first_error;  // OK if there is none
  int64_t reply_bytes = 0;   // of the last reply; of a stream all of them
  absl::Duration elapsed;
  std::vector<absl::Duration> latencies;  // of the calls, ascending

  double CallsPerSecond() const;
  // `fraction` of the calls took no longer: 0.5 is the median. Requires a call.
  absl::Duration Percentile(double fraction) const;
};

// Returns when the duration has passed and what was in flight has been answered.
// INVALID_ARGUMENT: in_flight below 1.
absl::StatusOr<LoadResult> RunLoad(const std::shared_ptr<grpc::Channel>& channel, const Load& load);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_LIB_LOAD_H_
