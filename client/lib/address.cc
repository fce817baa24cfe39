#include "client/lib/address.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/data/text.h"

namespace chainrule::client {
namespace {

constexpr int kMostPort = 65'535;

absl::Status Fault(absl::string_view address, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("server address ", Quoted(address), ": ", what,
                                                 "; HOST:PORT or unix:PATH is needed"));
}

bool IsPort(absl::string_view text) {
  int port = 0;
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit) &&
         absl::SimpleAtoi(text, &port) && port > 0 && port <= kMostPort;
}

bool IsHost(absl::string_view text) {
  if (absl::ConsumePrefix(&text, "[")) return absl::ConsumeSuffix(&text, "]") && !text.empty();
  return !text.empty() && text.find_first_of(":/ []") == absl::string_view::npos;
}

}  // namespace

absl::Status CheckAddress(absl::string_view address) {
  absl::string_view path = address;
  if (absl::ConsumePrefix(&path, "unix:")) {
    return path.empty() ? Fault(address, "no path") : absl::OkStatus();
  }
  if (absl::StrContains(address, "://")) return Fault(address, "a URL");
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos) return Fault(address, "no port");
  if (!IsHost(address.substr(0, colon))) {
    return Fault(address, "not a host before the last colon (an IPv6 one is written [::1])");
  }
  if (!IsPort(address.substr(colon + 1))) return Fault(address, "the port is not 1 to 65535");
  return absl::OkStatus();
}

}  // namespace chainrule::client
