#include "server/app/server.h"

#include <malloc.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "engine/blas/blas_core.h"
#include "engine/blas/blas_runtime.h"
#include "engine/core/spare_blocks.h"
#include "engine/kernels/packed_layer.h"
#include "server/app/address.h"
#include "server/app/listener.h"
#include "server/app/machine.h"
#include "server/app/trimmer.h"
#include "server/compute/lanes.h"
#include "server/observe/http_endpoint.h"
#include "server/rpc/call_loops.h"
#include "server/rpc/environment.h"
#include "server/rpc/health_board.h"
#include "server/rpc/health_service.h"
#include "server/rpc/inference_service.h"
#include "server/rpc/model_service.h"
#include "server/rpc/prediction_service.h"
#include "server/rpc/reflection_service.h"
#include "server/rpc/server_service.h"
#include "server/rpc/training_service.h"
#include "server/store/folder_store.h"

namespace chainrule::server {
namespace {

constexpr int kClerks = 2;
constexpr int kReaders = 2;
// For the last replies to leave.
constexpr absl::Duration kFlush = absl::Milliseconds(500);
// Counts changes of the engine's kernels that change bits.
constexpr int kKernelVersion = 6;
constexpr const char* kServices[] = {"chainrule.v1.ModelService", "chainrule.v1.TrainingService",
                                     "chainrule.v1.PredictionService", "chainrule.v1.ServerService",
                                     "inference.GRPCInferenceService"};

int ThreadCount(const Options& options) {
  if (options.threads > 0) return options.threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int64_t ModelMemory(const Options& options) {
  return options.model_memory > 0 ? options.model_memory : MachineMemoryBytes() / 2;
}

v1::Limits DescribeLimits(const Limits& limits) {
  v1::Limits message;
  message.set_max_message_bytes(limits.max_message_bytes);
  message.set_max_models(limits.max_models);
  message.set_max_parameters(limits.max_parameters);
  message.set_max_layers(limits.max_layers);
  message.set_max_rows(limits.max_rows);
  message.set_max_fit_bytes(limits.max_fit_bytes);
  message.set_max_import_bytes(limits.max_import_bytes);
  message.set_max_contributions(limits.max_contributions);
  message.set_max_epochs(limits.max_epochs);
  message.set_request_id_count(limits.request_id_count);
  message.mutable_request_id_age()->set_seconds(absl::ToInt64Seconds(limits.request_id_age));
  message.set_max_queued_calls(limits.max_queued_calls);
  message.set_max_queued_bytes(limits.max_queued_bytes);
  return message;
}

v1::GetServerInfoResponse DescribeServer(const Options& options) {
  v1::GetServerInfoResponse info;
  info.set_version(CHAINRULE_VERSION);
  info.mutable_numerics()->set_blas_core(engine::BlasCoreName());
  info.mutable_numerics()->set_simd_target(engine::SimdTargetName());
  info.mutable_numerics()->set_kernel_version(kKernelVersion);
  info.set_threads(ThreadCount(options));
  *info.mutable_limits() = DescribeLimits(options.limits);
  for (const char* service : kServices) info.add_dialects(service);
  info.add_dialects("grpc.health.v1.Health");
  info.add_dialects("grpc.reflection.v1alpha.ServerReflection");
  info.mutable_start_time()->set_seconds(absl::ToUnixSeconds(absl::Now()));
  info.set_durability(options.durability == Durability::kRelaxed ? v1::DURABILITY_RELAXED
                                                                 : v1::DURABILITY_SYNC);
  return info;
}

FolderStore::Options FolderOf(const Options& options) {
  FolderStore::Options folder;
  folder.folder = options.data_dir;
  folder.sync = options.durability == Durability::kSync;
  folder.sync_interval = options.sync_interval;
  folder.segment_bytes = options.checkpoint_bytes;
  return folder;
}

Registry::Keeping KeepingOf(const Options& options, Store* store,
                            const engine::Executor* executor) {
  Registry::Keeping keeping;
  keeping.store = store;
  keeping.executor = executor;
  keeping.memory.budget_bytes = ModelMemory(options);
  keeping.checkpoints.log_bytes = options.checkpoint_bytes;
  keeping.checkpoints.interval = options.checkpoint_interval;
  keeping.keeper.relaxed = options.durability == Durability::kRelaxed;
  keeping.keeper.numerics =
      absl::StrCat(engine::BlasCoreName(), " ", engine::SimdTargetName(), " ", kKernelVersion);
  return keeping;
}

}  // namespace

// Members are in the order in which they come to be; what is used outlives what uses it.
struct Server::Impl {
  Impl(const Options& server_options, std::unique_ptr<Store> server_store);

  absl::Status ReadToken();
  absl::Status StartHttp();
  void OnStorage(const absl::Status& storage);
  HttpEndpoint::Page HealthPage() const;
  void AddGauges();
  void LogStart() const;
  void WaitForCalls(absl::Time end) const;
  void Drain();

  const Options options;
  const int threads;
  Logger log;
  Metrics metrics;
  engine::Executor training_cores;
  engine::Executor prediction_cores;
  TrainingLanes lanes;
  const std::unique_ptr<Store> store;
  Registry registry;
  Admission admission;
  const Trimmer trimmer;
  OpenStreams streams;
  HealthBoard health;
  Workers analysts;
  Workers checkers;
  Workers streamers;
  Workers clerks;
  Workers readers;
  Batcher batcher;
  ArenaPool arenas;
  Environment environment;
  Methods methods;
  std::optional<HealthServiceImpl> health_service;
  std::optional<ServerServiceImpl> server_service;
  std::optional<ModelServiceImpl> model_service;
  std::optional<TrainingServiceImpl> training_service;
  std::optional<PredictionServiceImpl> prediction_service;
  std::optional<InferenceServiceImpl> inference_service;
  CallLoops loops;
  Listener listener;
  std::unique_ptr<HttpEndpoint> http;
  bool drained = false;
};

Server::Impl::Impl(const Options& server_options, std::unique_ptr<Store> server_store)
    : options(server_options),
      threads(ThreadCount(options)),
      log(options.log_level, options.log_format),
      training_cores(threads, engine::Executor::Priority::kLow),
      prediction_cores(threads, engine::Executor::Priority::kHigh),
      lanes(threads, &training_cores),
      store(std::move(server_store)),
      registry(options.limits, &lanes, KeepingOf(options, store.get(), &training_cores)),
      admission(options.limits.max_queued_calls, options.limits.max_queued_bytes),
      trimmer(Trimmer::Options(),
              {[this] { return admission.present() == 0; }, ResidentBytes, [] { malloc_trim(0); },
               [] { engine::SpareBlocks::Shared().Age(); }}),
      analysts(threads),
      checkers(1),
      streamers(threads),
      clerks(kClerks),
      readers(kReaders),
      batcher({threads, Batcher::Options().max_batch_rows,
               [this](auto load) { clerks.Submit(std::move(load)); }},
              &prediction_cores),
      loops(threads, &methods, &admission, &batcher) {
  environment.limits = options.limits;
  environment.fit_memory = options.fit_memory;
  environment.spool_folder = options.data_dir + "/spool";
  environment.registry = &registry;
  environment.admission = &admission;
  environment.analysts = &analysts;
  environment.checkers = &checkers;
  environment.streamers = &streamers;
  environment.clerks = &clerks;
  environment.readers = &readers;
  environment.executor = &training_cores;
  environment.batcher = &batcher;
  environment.streams = &streams;
  environment.arenas = &arenas;
  environment.metrics = &metrics;
  environment.log = &log;
  health_service.emplace(&health, &streams, &admission, &methods);
  server_service.emplace(&environment, DescribeServer(options), &methods);
  model_service.emplace(&environment, &methods);
  training_service.emplace(&environment, &methods);
  prediction_service.emplace(&environment, &methods);
  inference_service.emplace(&environment, CHAINRULE_VERSION, &methods);
  AddReflection(&streams, &admission, &methods);
  registry.SetListener([this](const std::string& id, ModelHealth now) {
    const std::string name = HealthNameOfModel(id);
    if (now == ModelHealth::kGone) return health.Remove(name);
    health.Set(name, now == ModelHealth::kServing ? Health::kServing : Health::kNotServing);
  });
  registry.SetStorageListener([this](const absl::Status& storage) { OnStorage(storage); });
  registry.SetDamageListener([this](const std::string& what) {
    log.Write(LogLevel::kError, "damage was found", {{"what", what}});
  });
  registry.SetTornTailListener([this](const std::string& what) {
    log.Write(LogLevel::kWarning, "cut off what a crash left at the log's end", {{"what", what}});
  });
  registry.SetInexactListener([this](const InexactReplay& replay) {
    log.Write(LogLevel::kWarning,
              "model was recovered inexactly: its last steps were computed by another processor",
              {{"model", absl::StrCat("models/", replay.model_id)},
               {"step", absl::StrCat(replay.step)},
               {"computed_with", replay.computed_with},
               {"replayed_with", replay.replayed_with}});
  });
  AddGauges();
}

// Predictions go on without a disk that works, so the server as a whole does.
void Server::Impl::OnStorage(const absl::Status& storage) {
  log.Write(storage.ok() ? LogLevel::kInfo : LogLevel::kError,
            storage.ok() ? "storage works again" : "storage failed; changes may be refused",
            {{"data_dir", options.data_dir}, {"why", std::string(storage.message())}});
  for (const char* service : {kServices[0], kServices[1]}) {
    health.Set(service, storage.ok() ? Health::kServing : Health::kNotServing);
  }
}

// One line for the server, and one for each service that it does not fully have.
HttpEndpoint::Page Server::Impl::HealthPage() const {
  if (health.Get("") != Health::kServing) return {503, "NOT_SERVING\n"};
  std::string lines = "SERVING\n";
  for (const char* service : kServices) {
    if (health.Get(service) == Health::kServing) continue;
    absl::StrAppend(&lines, service, " NOT_SERVING\n");
  }
  return {200, lines};
}

void Server::Impl::AddGauges() {
  metrics.AddGauge("chainrule_models", "Models there are.",
                   [this] { return static_cast<double>(registry.size()); });
  metrics.AddGauge("chainrule_models_in_memory", "Models whose live numbers are in memory.",
                   [this] { return static_cast<double>(registry.memory().models); });
  metrics.AddGauge("chainrule_model_memory_bytes",
                   "Memory of models' numbers, of versions that were read, too.",
                   [this] { return static_cast<double>(registry.memory().bytes); });
  metrics.AddGauge("chainrule_model_memory_budget_bytes", "What they may take: --model_memory.",
                   [this] { return static_cast<double>(ModelMemory(options)); });
  metrics.AddGauge("chainrule_queued_calls", "Calls that wait or run.",
                   [this] { return static_cast<double>(admission.calls()); });
  metrics.AddGauge("chainrule_queued_bytes", "Bytes of the requests of calls that wait or run.",
                   [this] { return static_cast<double>(admission.bytes()); });
}

absl::Status Server::Impl::ReadToken() {
  if (options.token_file.empty()) return absl::OkStatus();
  const absl::StatusOr<std::string> content = ReadFlagFile("token_file", options.token_file);
  if (!content.ok()) return content.status();
  const std::pair<std::string, std::string> lines =
      absl::StrSplit(*content, absl::MaxSplits('\n', 1));
  environment.token = std::string(absl::StripAsciiWhitespace(lines.first));
  if (!environment.token.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("--token_file: its first line is empty");
}

absl::Status Server::Impl::StartHttp() {
  if (options.http_listen == kNoHttp) return absl::OkStatus();
  HttpEndpoint::Pages pages;
  pages["/metrics"] = [this] { return HttpEndpoint::Page{200, metrics.Serialize()}; };
  pages["/healthz"] = [this] { return HealthPage(); };
  auto endpoint = HttpEndpoint::Start(options.http_listen, std::move(pages));
  if (endpoint.ok()) http = *std::move(endpoint);
  return endpoint.status();  // NOLINT(bugprone-use-after-move): only the value was moved
}

void Server::Impl::LogStart() const {
  log.Write(LogLevel::kInfo, "serving",
            {{"version", CHAINRULE_VERSION},
             {"data_dir", options.data_dir},
             {"models", absl::StrCat(registry.size())},
             {"threads", absl::StrCat(threads)},
             {"blas", engine::BlasCoreName()},
             {"simd", engine::SimdTargetName()}});
}

absl::StatusOr<Server> Server::Start(const Options& options, FileSystem* files) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  if (absl::Status status = engine::StartBlas(ThreadCount(options)); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<FolderStore>> store = FolderStore::Open(FolderOf(options), files);
  if (!store.ok()) return store.status();
  auto impl = std::make_unique<Impl>(options, *std::move(store));
  if (absl::Status status = impl->ReadToken(); !status.ok()) return status;
  impl->health.Set("", Health::kServing);
  for (const char* service : kServices) impl->health.Set(service, Health::kServing);
  if (absl::Status status = impl->registry.Open(); !status.ok()) return status;
  if (absl::Status status = impl->StartHttp(); !status.ok()) return status;
  absl::StatusOr<Listener> listener = Listen(options, &impl->loops);
  if (!listener.ok()) return listener.status();
  impl->listener = *std::move(listener);
  impl->LogStart();
  return Server(std::move(impl));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::Server(Server&&) noexcept = default;

Server::~Server() {
  if (impl_ != nullptr && !impl_->drained) Drain();
}

int Server::port() const { return impl_->listener.port; }
int Server::http_port() const { return impl_->http == nullptr ? 0 : impl_->http->port(); }

std::string Server::grpc_address() const {
  return ParseAddress(impl_->options.listen)->ToString(port());
}

std::string Server::http_address() const {
  if (impl_->http == nullptr) return kNoHttp;
  return ParseAddress(impl_->options.http_listen)->ToString(http_port());
}

// Returns when no call waits or runs any more, or at `end`.
void Server::Impl::WaitForCalls(absl::Time end) const {
  constexpr absl::Duration kLook = absl::Milliseconds(5);
  while (admission.calls() > 0 && absl::Now() < end) absl::SleepFor(kLook);
}

void Server::Impl::Drain() {
  drained = true;
  const absl::Time end = absl::Now() + options.drain_timeout;
  const absl::Duration share = options.drain_timeout / 8;
  log.Write(LogLevel::kInfo, "stopping", {{"calls", absl::StrCat(admission.calls())}});
  health.StopAll();
  environment.stopping = true;
  streams.EndAll();
  WaitForCalls(end - 3 * share);
  std::thread stop_http([this] { http.reset(); });  // takes up to two seconds
  registry.Stop();
  WaitForCalls(end - 2 * share);
  // What is left now, gRPC cancels at its deadline; the lanes still run and finish it.
  // With no call left it would only wait for idle connections to notice.
  const absl::Time deadline = std::min(absl::Now() + kFlush, end - share);
  listener.grpc->Shutdown(absl::ToChronoTime(deadline));
  loops.Stop();
  stop_http.join();
  const absl::Status closed = registry.Close();
  if (!closed.ok()) {
    log.Write(LogLevel::kWarning, "not all checkpoints were written; the log has what they lack",
              {{"error", std::string(closed.message())}});
  }
  log.Write(LogLevel::kInfo, "stopped");
}

void Server::Drain() { impl_->Drain(); }

}  // namespace chainrule::server
