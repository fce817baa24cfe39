// What a failed call says, on the way from gRPC to a person.
#ifndef CHAINRULE_CLIENT_LIB_ERRORS_H_
#define CHAINRULE_CLIENT_LIB_ERRORS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "grpcpp/support/status.h"

namespace chainrule::client {

enum class Origin {
  kHere,         // never sent: a file, an argument
  kServer,       // the server said no
  kUnreachable,  // nobody answered, or the connection broke
};

// `status` with the server's details, and where it comes from, as payloads. `is_connected`
// is whether there is a connection now: without one, a deadline means that nobody answered.
absl::Status FromGrpc(const grpc::Status& status, bool is_connected);

Origin OriginOf(const absl::Status& status);

// The ErrorReason that the server gave, without its prefix (DIVERGED), else empty.
std::string ReasonOf(const absl::Status& status);

// The same failure with another message, or with `; hint` behind its own.
absl::Status WithMessage(const absl::Status& status, absl::string_view message);
absl::Status WithHint(const absl::Status& status, absl::string_view hint);

// The name of the limit that a refused request exceeds (LIMIT_EXCEEDED), else empty.
std::string ExceededLimit(const absl::Status& status);

// `CODE: message`, fit for a terminal; further violations of a bad request each on a line of
// its own below.
std::string Describe(const absl::Status& status);

// The same of a server at `address` that could not be reached; where nothing listens there it
// says how to start one.
std::string DescribeUnreachable(const absl::Status& status, absl::string_view address);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_LIB_ERRORS_H_
