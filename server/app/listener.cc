#include "server/app/listener.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/compression.h>
#include <grpc/support/log.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/app/address.h"

namespace chainrule::server {
namespace {

// Process-wide settings of the library, made once.
void PrepareLibrary() {
  static std::once_flag once;
  std::call_once(once, [] {
    // Debian builds Abseil with its search for cycles of locks, of which gRPC takes some fifty a
    // call: a tenth of what a small call costs.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    // What it has to say is in the statuses; its own log only where it was asked for.
    if (std::getenv("GRPC_VERBOSITY") == nullptr) {
      gpr_set_log_function([](gpr_log_func_args*) {});
      google::protobuf::SetLogHandler(nullptr);
    }
  });
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeCredentials(const Options& options) {
  if (options.tls_cert.empty()) return grpc::InsecureServerCredentials();
  absl::StatusOr<std::string> cert = ReadFlagFile("tls_cert", options.tls_cert);
  if (!cert.ok()) return cert.status();
  absl::StatusOr<std::string> key = ReadFlagFile("tls_key", options.tls_key);
  if (!key.ok()) return key.status();
  grpc::SslServerCredentialsOptions tls;
  if (!options.tls_client_ca.empty()) {
    absl::StatusOr<std::string> ca = ReadFlagFile("tls_client_ca", options.tls_client_ca);
    if (!ca.ok()) return ca.status();
    tls.pem_root_certs = *std::move(ca);
    tls.client_certificate_request = GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
  }
  tls.pem_key_cert_pairs.push_back({*std::move(key), *std::move(cert)});
  return grpc::SslServerCredentials(tls);
}

void SetLimits(const Options& options, grpc::ServerBuilder* builder) {
  const int max_message_bytes = static_cast<int>(options.limits.max_message_bytes);
  builder->SetMaxReceiveMessageSize(max_message_bytes);
  builder->SetMaxSendMessageSize(max_message_bytes);
  // Without it one message far beyond the limit is buffered before it is refused.
  grpc::ResourceQuota quota("chainrule");
  quota.Resize(static_cast<size_t>(options.grpc_memory));
  builder->SetResourceQuota(quota);
  // What is sent compressed would be unpacked whole, on the thread that has all calls, before
  // its size is looked at: a megabyte may be a gigabyte.
  for (const auto algorithm : {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) {
    builder->SetCompressionAlgorithmSupportStatus(algorithm, false);
  }
}

void SetConnections(grpc::ServerBuilder* builder) {
  // A second server on the same port would silently take half of the connections.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Notices peers that vanished; and lets clients ping as often as gRPC's own do, with
  // or without calls, so that their keepalive does not end in "too many pings".
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 120'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
}

// Files made while this lives are for their owner alone: also the socket, from its first
// moment.
class OwnerOnly {
 public:
  OwnerOnly() : before_(umask(0177)) {}
  ~OwnerOnly() { umask(before_); }
  OwnerOnly(const OwnerOnly&) = delete;
  OwnerOnly& operator=(const OwnerOnly&) = delete;

 private:
  const mode_t before_;
};

std::unique_ptr<grpc::Server> BuildAndStart(const Address& address, grpc::ServerBuilder* builder) {
  if (!address.is_unix()) return builder->BuildAndStart();
  const OwnerOnly owner_only;
  return builder->BuildAndStart();
}

}  // namespace

absl::StatusOr<std::string> ReadFlagFile(absl::string_view flag, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.good() || content.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", flag, ": cannot read '", path, "', or it is empty"));
  }
  return content;
}

absl::StatusOr<Listener> Listen(const Options& options, CallLoops* loops) {
  PrepareLibrary();
  const absl::StatusOr<Address> address = ParseAddress(options.listen);
  if (!address.ok()) return address.status();
  if (address->is_unix()) {
    if (absl::Status status = ClearStaleSocket(address->path); !status.ok()) return status;
  }
  auto credentials = MakeCredentials(options);
  if (!credentials.ok()) return credentials.status();
  Listener listener;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(options.listen, *std::move(credentials), &listener.port);
  SetLimits(options, &builder);
  SetConnections(&builder);
  loops->AddTo(&builder);
  listener.grpc = BuildAndStart(*address, &builder);
  if (listener.grpc == nullptr) {
    const char* const why = options.tls_cert.empty()
                                ? ": in use, or not this machine's"
                                : ": in use, not this machine's, or TLS files that do not fit";
    return absl::UnavailableError(absl::StrCat("cannot listen on ", options.listen, why));
  }
  if (address->is_unix()) listener.port = 0;
  loops->Start();
  return listener;
}

}  // namespace chainrule::server
