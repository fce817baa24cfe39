// Options: everything that the server can be told, with defaults. Flags only fill them.
// Thread-compatible.
#ifndef CHAINRULE_SERVER_APP_OPTIONS_H_
#define CHAINRULE_SERVER_APP_OPTIONS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/models/limits.h"
#include "server/observe/log.h"

namespace chainrule::server {

inline constexpr char kNoHttp[] = "none";

enum class Durability { kSync, kRelaxed };

struct Options {
  // --- Behaviour ---

  // HOST:PORT, port 0 picks a free one; or unix:PATH, mode 0600.
  std::string listen = "127.0.0.1:50051";
  // HOST:PORT for /metrics and /healthz, in plain HTTP; or "none".
  std::string http_listen = "127.0.0.1:9464";
  // The folder that holds the whole state. A server has it for itself.
  std::string data_dir = "./chainrule-data";
  // Serves nothing: says whether the data folder is sound, and ends.
  bool check = false;
  // Listens beyond loopback without TLS. Anyone who reaches the port may then read,
  // train and delete models; put it behind something that knows its callers.
  bool insecure_remote = false;
  // Files in PEM format; both or neither. With them gRPC is served over TLS only.
  std::string tls_cert;
  std::string tls_key;
  // Clients must show a certificate that this authority signed. Requires tls_cert.
  std::string tls_client_ca;
  // SYNC: what was answered survives `kill -9` and power loss. RELAXED: power loss may
  // take what was answered in the last sync_interval, and above a reply's durable_step.
  Durability durability = Durability::kSync;
  absl::Duration sync_interval = absl::Seconds(1);
  // A file whose first line calls must bring as `authorization: Bearer LINE`.
  std::string token_file;
  // From the signal to the end. Calls get most of it to finish in; what trains longer
  // stops at a whole step.
  absl::Duration drain_timeout = absl::Seconds(8);
  Limits limits;
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;

  // --- Performance ---

  // Cores for arithmetic. 0: all there are.
  int threads = 0;
  // Of the rows of one Fit, in bytes: when they take more they go to a file without a name,
  // up to max_fit_bytes, and while its disk keeps room for the log (SpoolFile::KeptFree).
  // Several times this, for as many calls at once, must fit into memory.
  int64_t fit_memory = int64_t{64} << 20;
  // What models' numbers may take, in bytes; 0: half of what the machine or the container
  // has. Beyond it what was used longest ago leaves memory, and comes back when it is
  // called; a model in use stays. Much less than what is used makes calls wait for the disk.
  int64_t model_memory = 0;
  // Bytes of the train log after which models' checkpoints are written, so that less of it
  // has to be replayed; and how long a change waits for its checkpoint at most.
  int64_t checkpoint_bytes = int64_t{64} << 20;
  absl::Duration checkpoint_interval = absl::Minutes(5);
  // What gRPC's own buffers may take in all, in bytes. It bounds what unfinished and
  // refused messages cost; several times max_message_bytes is plenty.
  int64_t grpc_memory = int64_t{512} << 20;
};

// What contradicts itself, or is out of range: INVALID_ARGUMENT, one line.
absl::Status CheckOptions(const Options& options);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_APP_OPTIONS_H_
