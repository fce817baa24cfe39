#include "server/app/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace chainrule::server {
namespace {

absl::Status NotAnAddress(absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' must be HOST:PORT, [IPV6]:PORT or unix:PATH"));
}

absl::StatusOr<Address> ParseUnix(absl::string_view path) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("unix:", path, ": the path must have 1 to ",
                                                   sizeof(sockaddr_un::sun_path) - 1, " bytes"));
  }
  Address address;
  address.path = std::string(path);
  return address;
}

// Whether somebody accepts connections at the socket.
bool Answers(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const bool connected =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  const bool refused = !connected && (errno == ECONNREFUSED || errno == ENOENT);
  close(fd);
  return !refused;
}

}  // namespace

bool Address::is_loopback() const {
  if (is_unix() || host == "localhost" || host == "::1") return true;
  in_addr numeric = {};
  return inet_pton(AF_INET, host.c_str(), &numeric) == 1 && ntohl(numeric.s_addr) >> 24 == 127;
}

std::string Address::ToString(int actual_port) const {
  if (is_unix()) return absl::StrCat("unix:", path);
  const bool brackets = absl::StrContains(host, ':');
  return absl::StrCat(brackets ? "[" : "", host, brackets ? "]" : "", ":", actual_port);
}

absl::StatusOr<Address> ParseAddress(absl::string_view text) {
  const absl::string_view whole = text;
  if (absl::ConsumePrefix(&text, "unix:")) return ParseUnix(text);
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return NotAnAddress(whole);
  absl::string_view host = text.substr(0, colon);
  const bool brackets = absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]");
  Address address;
  if (host.empty() || absl::StrContains(host, ':') != brackets ||
      host.find_first_of("[]") != absl::string_view::npos ||
      !absl::SimpleAtoi(text.substr(colon + 1), &address.port) || address.port < 0 ||
      address.port > 65535) {
    return NotAnAddress(whole);
  }
  address.host = std::string(host);
  return address;
}

absl::Status ClearStaleSocket(const std::string& path) {
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) return absl::OkStatus();
  if (!S_ISSOCK(info.st_mode)) {
    return absl::UnavailableError(
        absl::StrCat("unix:", path, ": there is a file that is no socket"));
  }
  if (Answers(path)) {
    return absl::UnavailableError(absl::StrCat("unix:", path, ": a server answers there"));
  }
  if (unlink(path.c_str()) != 0) {
    return absl::UnavailableError(
        absl::StrCat("unix:", path, ": cannot remove the old socket: ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace chainrule::server
