#include "server/app/options.h"

#include "absl/strings/str_cat.h"
#include "server/app/address.h"

namespace chainrule::server {
namespace {

constexpr int64_t kMinCheckpointBytes = int64_t{1} << 20;
// A request that has nothing but names and a small row.
constexpr int64_t kMinMessageBytes = 1'024;
// A record of the log, of 4 GiB at most, holds a model's state and the best one of a Fit that
// was interrupted, each with two arrays of its optimizer's.
constexpr int64_t kMostParameters = 150'000'000;

absl::Status CheckPositive(absl::string_view flag, int64_t value) {
  if (value > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("--", flag, ": ", value, " must be above 0"));
}

absl::Status CheckLimits(const Limits& limits) {
  const std::pair<absl::string_view, int64_t> flags[] = {
      {"max_message_bytes", limits.max_message_bytes},
      {"max_models", limits.max_models},
      {"max_parameters", limits.max_parameters},
      {"max_layers", limits.max_layers},
      {"max_rows", limits.max_rows},
      {"max_fit_bytes", limits.max_fit_bytes},
      {"max_import_bytes", limits.max_import_bytes},
      {"max_contributions", limits.max_contributions},
      {"max_epochs", limits.max_epochs},
      {"request_id_count", limits.request_id_count},
      {"max_queued_calls", limits.max_queued_calls},
      {"max_queued_bytes", limits.max_queued_bytes},
  };
  for (const auto& [flag, value] : flags) {
    if (absl::Status status = CheckPositive(flag, value); !status.ok()) return status;
  }
  if (limits.max_parameters > kMostParameters) {
    return absl::InvalidArgumentError(
        absl::StrCat("--max_parameters: at most ", kMostParameters, " fit in a record of the log"));
  }
  if (limits.max_message_bytes > int64_t{2000} << 20) {
    return absl::InvalidArgumentError("--max_message_bytes: at most 2000MiB fit in a message");
  }
  if (limits.max_message_bytes < kMinMessageBytes) {
    return absl::InvalidArgumentError("--max_message_bytes: must be 1KiB or more");
  }
  // With no age every id would be forgotten at once, and a repeat would be done again.
  if (limits.request_id_age <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("--request_id_age: must be above 0");
  }
  // What no queue can ever hold would be refused as if waiting helped.
  if (limits.max_message_bytes > limits.max_queued_bytes) {
    return absl::InvalidArgumentError(
        "--max_queued_bytes: must be no less than --max_message_bytes");
  }
  return absl::OkStatus();
}

absl::Status CheckTls(const Options& options) {
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return absl::InvalidArgumentError("--tls_cert and --tls_key: give both or neither");
  }
  if (!options.tls_client_ca.empty() && options.tls_cert.empty()) {
    return absl::InvalidArgumentError("--tls_client_ca: requires --tls_cert and --tls_key");
  }
  return absl::OkStatus();
}

absl::Status CheckAddress(absl::string_view flag, const std::string& text, bool unix_allowed,
                          bool remote_allowed) {
  const absl::StatusOr<Address> address = ParseAddress(text);
  if (!address.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--", flag, ": ", address.status().message()));
  }
  if (address->is_unix() && !unix_allowed) {
    return absl::InvalidArgumentError(absl::StrCat("--", flag, ": must be HOST:PORT"));
  }
  if (!address->is_loopback() && !remote_allowed) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", flag, "=", text, ": beyond loopback only with ",
                     unix_allowed ? "TLS (--tls_cert, --tls_key) or " : "", "--insecure_remote"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckOptions(const Options& options) {
  const bool tls = !options.tls_cert.empty();
  for (const absl::Status& status :
       {CheckLimits(options.limits), CheckTls(options),
        CheckAddress("listen", options.listen, true, tls || options.insecure_remote),
        options.http_listen == kNoHttp
            ? absl::OkStatus()
            : CheckAddress("http_listen", options.http_listen, false, options.insecure_remote)}) {
    if (!status.ok()) return status;
  }
  if (options.data_dir.empty()) {
    return absl::InvalidArgumentError("--data_dir: must name a folder");
  }
  for (const auto& [flag, duration] :
       {std::pair("sync_interval", options.sync_interval),
        std::pair("checkpoint_interval", options.checkpoint_interval)}) {
    if (duration > absl::ZeroDuration()) continue;
    return absl::InvalidArgumentError(absl::StrCat("--", flag, ": must be above 0"));
  }
  if (options.checkpoint_bytes < kMinCheckpointBytes) {
    return absl::InvalidArgumentError("--checkpoint_bytes: must be 1MiB or more");
  }
  if (options.drain_timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("--drain_timeout: must be above 0");
  }
  if (options.threads < 0 || options.threads > 1024) {
    return absl::InvalidArgumentError(
        absl::StrCat("--threads: ", options.threads, " must be 0 (all cores) to 1024"));
  }
  if (options.model_memory < 0) {
    return absl::InvalidArgumentError("--model_memory: must not be negative");
  }
  if (options.fit_memory < 0 || options.fit_memory > options.limits.max_queued_bytes) {
    return absl::InvalidArgumentError("--fit_memory: must be 0 to --max_queued_bytes");
  }
  if (options.grpc_memory < int64_t{16} << 20) {
    return absl::InvalidArgumentError("--grpc_memory: must be 16MiB or more");
  }
  return absl::OkStatus();
}

}  // namespace chainrule::server
