#include "server/store/folder_store.h"

#include <algorithm>
#include <random>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "server/store/boot.h"
#include "server/store/errors.h"
#include "server/store/train_log.h"
#include "server/store/weights_file.h"

namespace chainrule::server {
namespace {

using engine::MutexLock;

constexpr absl::string_view kProbe = "whether the disk takes something";
constexpr absl::string_view kWeightsSuffix = ".safetensors";

// As a caller is told: an error that already has a code of its own keeps it.
absl::Status AsStoreError(const absl::Status& status) {
  const bool speaks = status.ok() || absl::IsDataLoss(status) || absl::IsFailedPrecondition(status);
  return speaks ? status : StorageFailed(status.message());
}

std::string RandomIncarnation() {
  std::random_device random;
  return absl::StrFormat("%08x%08x", random(), random());
}

// The number in "UID-LABEL-NUMBER.safetensors", or 0.
int64_t FileNumber(absl::string_view name) {
  int64_t number = 0;
  if (!absl::ConsumeSuffix(&name, kWeightsSuffix)) return 0;
  const size_t dash = name.rfind('-');
  if (dash == absl::string_view::npos) return 0;
  return absl::SimpleAtoi(name.substr(dash + 1), &number) ? number : 0;
}

}  // namespace

FolderStore::FolderStore(const Options& options, FileSystem* files, DataFolder folder,
                         std::unique_ptr<Facts> facts)
    : options_(options), files_(files), folder_(std::move(folder)), facts_(std::move(facts)) {}

absl::StatusOr<std::unique_ptr<FolderStore>> FolderStore::Open(const Options& options,
                                                               FileSystem* files) {
  absl::StatusOr<DataFolder> folder = DataFolder::Open(options.folder, files);
  if (!folder.ok()) return AsStoreError(folder.status());
  absl::StatusOr<std::unique_ptr<Facts>> facts = Facts::Open(folder->facts());
  if (!facts.ok()) return facts.status();
  auto store = std::unique_ptr<FolderStore>(
      new FolderStore(options, files, *std::move(folder), *std::move(facts)));
  if (absl::Status status = store->BeginLife(); !status.ok()) return status;
  if (absl::Status status = store->RemoveStrays(); !status.ok()) return AsStoreError(status);
  return store;
}

// Acknowledged steps may be lost if the last life neither ended in order nor synced what
// it acknowledged, and the machine's memory is not what it was.
absl::Status FolderStore::BeginLife() {
  absl::StatusOr<std::map<std::string, std::string>> values = facts_->Values();
  if (!values.ok()) return values.status();
  boot_id_ = BootId(options_.boot_id, files_);
  tail_ = TailLeft(*values, boot_id_);
  const bool in_order = (*values)["ended_in_order"] == "1";
  const bool lost = !in_order && (*values)["durability"] == "relaxed" &&
                    ((*values)["boot_id"] != boot_id_ || boot_id_ == kUnknownBootId);
  MutexLock lock(&mutex_);
  incarnation_ = (*values)["incarnation"];
  if (incarnation_.empty() || lost) incarnation_ = RandomIncarnation();
  log_is_sound_ = in_order;
  return facts_->PutValues({{"incarnation", incarnation_},
                            {"ended_in_order", "0"},
                            {"durability", options_.sync ? "sync" : "relaxed"},
                            {"boot_id", boot_id_}});
}

absl::Status FolderStore::RemoveStrays() {
  const absl::StatusOr<std::vector<WeightsFile>> known = facts_->Weights();
  if (!known.ok()) return known.status();
  std::set<std::string> names;
  for (const WeightsFile& file : *known) names.insert(file.name);
  const absl::StatusOr<std::vector<std::string>> there = files_->List(folder_.weights());
  if (!there.ok()) return there.status();
  for (const std::string& name : *there) {
    last_file_ = std::max(last_file_.load(), FileNumber(name));
    if (names.contains(name)) continue;
    const absl::Status status = files_->Remove(absl::StrCat(folder_.weights(), "/", name));
    if (!status.ok() && !absl::IsNotFound(status)) return status;
  }
  return absl::OkStatus();
}

std::string FolderStore::incarnation() const {
  MutexLock lock(&mutex_);
  return incarnation_;
}

absl::StatusOr<WeightsFile> FolderStore::WriteWeights(const std::string& uid,
                                                      const std::string& label,
                                                      const engine::Network& network,
                                                      const Checkpoint& checkpoint) {
  const std::string name = absl::StrCat(uid, "-", label, "-", ++last_file_, kWeightsSuffix);
  absl::StatusOr<WeightsFile> file =
      WriteCheckpoint(files_, folder_.weights(), name, network, checkpoint);
  if (!file.ok()) return StorageFailed(file.status().message());
  return file;
}

absl::StatusOr<Checkpoint> FolderStore::ReadWeights(const WeightsFile& file,
                                                    const engine::Network& network) {
  return ReadCheckpoint(files_, folder_.weights(), file, network);
}

void FolderStore::RemoveWeights(const WeightsFile& file) {
  files_->Remove(absl::StrCat(folder_.weights(), "/", file.name)).IgnoreError();
}

absl::StatusOr<std::unique_ptr<Log>> FolderStore::OpenLog(const LogVisitor& visit,
                                                          LogFindings* findings) {
  // A checkpoint may hold what the log never did, if that failed in between: its
  // sequence is used up.
  absl::StatusOr<uint64_t> used = facts_->LastSequence();
  if (!used.ok()) return used.status();
  absl::Status visited;
  const LogRepair repair = log_is_sound_ ? LogRepair::kCut : LogRepair::kRewrite;
  log_is_sound_ = false;
  const absl::StatusOr<LogEnd> end = ReadLog(
      files_, folder_.log(), repair,
      [&](const LogRecord& record) { return visited = visit(record); },
      tail_.exchange(LogTail::kAny));
  if (!visited.ok()) return visited;
  if (!end.ok()) return AsStoreError(end.status());
  if (findings != nullptr) *findings = {end->damage, end->torn_tail};
  if (absl::Status status = facts_->PutValues({{kLogBootId, boot_id_}}); !status.ok()) {
    return status;
  }
  const uint64_t acknowledged = acknowledged_->load();
  if (end->last_sequence < acknowledged) {
    if (absl::Status status = RenewIncarnation(); !status.ok()) return status;
  }
  const TrainLog::Options options = {folder_.log(), options_.sync, options_.sync_interval,
                                     options_.segment_bytes};
  absl::StatusOr<std::unique_ptr<TrainLog>> log =
      TrainLog::Open(options, files_, *end, std::max(*used, acknowledged), acknowledged_);
  if (!log.ok()) return log.status();
  return *std::move(log);
}

absl::StatusOr<std::string> FolderStore::ReadRecord(const RecordPlace& place) {
  absl::StatusOr<std::string> payload = ReadPayload(files_, folder_.log(), place);
  return payload.ok() ? payload : AsStoreError(payload.status());
}

absl::Status FolderStore::Probe() {
  if (absl::Status status = facts_->PutValues({{"probe", ""}}); !status.ok()) return status;
  const std::string path = folder_.weights() + "/probe";
  absl::Status status = WriteFileAtomically(*files_, path, {kProbe});
  if (status.ok()) status = files_->Remove(path);
  return AsStoreError(status);
}

// Records that were done, but not synced, did not survive a failure of the disk.
absl::Status FolderStore::RenewIncarnation() {
  MutexLock lock(&mutex_);
  incarnation_ = RandomIncarnation();
  return facts_->PutValues({{"incarnation", incarnation_}});
}

absl::Status FolderStore::Close() { return facts_->PutValues({{"ended_in_order", "1"}}); }

}  // namespace chainrule::server
