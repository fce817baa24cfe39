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
#include "server/store/facts_guard.h"
#include "server/store/train_log.h"
#include "server/store/weights_file.h"

namespace chainrule::server {
namespace {

using engine::MutexLock;

constexpr absl::string_view kProbe = "whether the disk takes something";
constexpr size_t kMostLost = 8;
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

// "UID" of it, or "".
std::string UidOf(absl::string_view name) {
  for (int dashes = 0; dashes < 2; ++dashes) {
    const size_t dash = name.rfind('-');
    if (dash == absl::string_view::npos) return "";
    name = name.substr(0, dash);
  }
  return std::string(name);
}

}  // namespace

FolderStore::FolderStore(const Options& options, FileSystem* files, DataFolder folder,
                         std::unique_ptr<Facts> facts)
    : options_(options), files_(files), folder_(std::move(folder)), facts_(std::move(facts)) {}

absl::StatusOr<std::unique_ptr<FolderStore>> FolderStore::Open(const Options& options,
                                                               FileSystem* files) {
  absl::StatusOr<DataFolder> folder = DataFolder::Open(options.folder, files);
  if (!folder.ok()) return AsStoreError(folder.status());
  const std::string boot_id = BootId(options.boot_id, files);
  absl::Status sound = CheckFactsFiles(*folder, files, boot_id);
  if (!sound.ok()) return AsStoreError(sound);
  absl::StatusOr<std::unique_ptr<Facts>> facts =
      Facts::Open({folder->facts(), folder->running(), boot_id}, files);
  if (!facts.ok()) return facts.status();
  auto store = std::unique_ptr<FolderStore>(
      new FolderStore(options, files, *std::move(folder), *std::move(facts)));
  if (absl::Status status = store->ReadLife(); !status.ok()) return status;
  // A full disk does not keep what is there from being read: OpenLog tries again.
  const absl::Status begun = store->BeginLife();
  if (!begun.ok() && !absl::IsUnavailable(begun)) return begun;
  if (absl::Status status = store->FindStrays(); !status.ok()) return AsStoreError(status);
  return store;
}

// Acknowledged steps may be lost if the last life neither ended in order nor synced what
// it acknowledged, and the machine's memory is not what it was.
absl::Status FolderStore::ReadLife() {
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
  return absl::OkStatus();
}

// Once, and before the log takes anything.
absl::Status FolderStore::BeginLife() {
  if (life_begun_) return absl::OkStatus();
  MutexLock lock(&mutex_);
  absl::Status status = facts_->PutValues({{"incarnation", incarnation_},
                                           {"ended_in_order", "0"},
                                           {"durability", options_.sync ? "sync" : "relaxed"},
                                           {"boot_id", boot_id_}});
  life_begun_ = status.ok();
  return status;
}

// What no fact names. Of a model that is known it is a checkpoint that was replaced, or was
// not finished; of another one it may be all that is left.
absl::Status FolderStore::FindStrays() {
  const absl::StatusOr<std::vector<WeightsFile>> known = facts_->Weights();
  if (!known.ok()) return known.status();
  std::set<std::string> names;
  std::set<std::string> uids;
  for (const WeightsFile& file : *known) {
    names.insert(file.name);
    uids.insert(UidOf(file.name));
  }
  const absl::StatusOr<std::vector<std::string>> there = files_->List(folder_.weights());
  if (!there.ok()) return there.status();
  for (const std::string& name : *there) {
    last_file_ = std::max(last_file_.load(), FileNumber(name));
    if (names.contains(name)) continue;
    ClearStray(name, FileNumber(name) == 0 || uids.contains(UidOf(name)));
  }
  return absl::OkStatus();
}

// What the disk does not let go is a stray at the next opening, too.
void FolderStore::ClearStray(const std::string& name, bool is_needless) {
  const absl::Status status =
      is_needless ? files_->Remove(absl::StrCat(folder_.weights(), "/", name)) : MoveToLost(name);
  status.IgnoreError();
}

absl::Status FolderStore::MoveToLost(const std::string& name) {
  absl::Status status = files_->MakeFolder(folder_.lost());
  if (!status.ok()) return status;
  absl::StatusOr<std::vector<std::string>> lost = files_->List(folder_.lost());
  if (!lost.ok()) return lost.status();
  std::ranges::sort(*lost, {}, FileNumber);
  for (size_t i = 0; i + kMostLost <= lost->size(); ++i) {
    status = files_->Remove(absl::StrCat(folder_.lost(), "/", (*lost)[i]));
    if (!status.ok()) return status;
  }
  return files_->Rename(absl::StrCat(folder_.weights(), "/", name),
                        absl::StrCat(folder_.lost(), "/", name));
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

// A change that failed may be on the disk all the same, and is read back after a crash, until
// another one took its place.
absl::Status FolderStore::Apply(const StoreChange& change) {
  const absl::Status status = facts_->Apply(change);
  std::vector<std::string> removed;
  {
    MutexLock lock(&mutex_);
    if (absl::IsUnavailable(status)) is_in_doubt_ = true;
    if (status.ok()) {
      is_in_doubt_ = false;
      removed.swap(removed_in_doubt_);
    }
  }
  for (const std::string& name : removed) {
    files_->Remove(absl::StrCat(folder_.weights(), "/", name)).IgnoreError();
  }
  return status;
}

void FolderStore::RemoveWeights(const WeightsFile& file) {
  {
    MutexLock lock(&mutex_);
    if (is_in_doubt_) return removed_in_doubt_.push_back(file.name);
  }
  files_->Remove(absl::StrCat(folder_.weights(), "/", file.name)).IgnoreError();
}

absl::StatusOr<std::unique_ptr<Log>> FolderStore::OpenLog(const LogVisitor& visit,
                                                          LogFindings* findings) {
  // A checkpoint may hold what the log never did, if that failed in between: its
  // sequence is used up.
  absl::StatusOr<uint64_t> used = facts_->LastSequence();
  if (!used.ok()) return used.status();
  const absl::Status begun = BeginLife();
  if (!begun.ok()) {
    const auto read = ReadAllOfLog(LogRepair::kNone, visit, findings);
    return read.ok() ? begun : read.status();
  }
  const LogRepair repair = log_is_sound_.exchange(false) ? LogRepair::kCut : LogRepair::kRewrite;
  const absl::StatusOr<LogEnd> end = ReadAllOfLog(repair, visit, findings);
  if (!end.ok()) return end.status();
  if (!end->repaired.ok()) return AsStoreError(end->repaired);
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
  tail_ = LogTail::kAny;  // should it fail
  return *std::move(log);
}

absl::StatusOr<LogEnd> FolderStore::ReadAllOfLog(LogRepair repair, const LogVisitor& visit,
                                                 LogFindings* findings) {
  absl::Status visited;
  absl::StatusOr<LogEnd> end = ReadLog(
      files_, folder_.log(), repair,
      [&](const LogRecord& record) { return visited = visit(record); }, tail_);
  if (!visited.ok()) return visited;
  if (!end.ok()) return AsStoreError(end.status());
  if (findings == nullptr) return end;
  findings->complete = true;
  findings->damage = end->damage;
  const bool cut = repair != LogRepair::kNone && end->repaired.ok();
  if (cut) findings->torn_tail = end->torn_tail;
  return end;
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
