#include "server/store/check_folder.h"

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/boot.h"
#include "server/store/data_folder.h"
#include "server/store/errors.h"
#include "server/store/facts.h"
#include "server/store/facts_guard.h"
#include "server/store/log_reader.h"
#include "server/store/weights_file.h"

namespace chainrule::server {
namespace {

// A folder of our own that goes with its owner.
class TemporaryFolder {
 public:
  static absl::StatusOr<std::unique_ptr<TemporaryFolder>> Make() {
    std::error_code error;
    std::string path = std::filesystem::temp_directory_path(error) / "chainrule-check-XXXXXX";
    if (error || mkdtemp(path.data()) == nullptr) {
      return absl::UnavailableError(absl::StrCat("no temporary folder: ", path));
    }
    return std::make_unique<TemporaryFolder>(std::move(path));
  }
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

class Checker {
 public:
  Checker(const DataFolder& folder, FileSystem* files, std::string boot_id)
      : folder_(folder), files_(files), boot_id_(std::move(boot_id)) {}

  absl::StatusOr<FolderReport> Check() {
    absl::Status status = CheckFacts();
    if (status.ok()) status = CheckLog();
    if (!status.ok()) return status;
    return std::move(report_);
  }

 private:
  // DATA_LOSS is what is looked for; other errors end the check.
  absl::Status Find(const absl::Status& status) {
    if (!absl::IsDataLoss(status)) return status;
    report_.findings.emplace_back(status.message());
    return absl::OkStatus();
  }

  absl::Status CheckFacts() {
    if (absl::IsNotFound(files_->Size(folder_.facts()).status())) {
      report_.findings.push_back(folder_.facts() + ": is gone");
      return absl::OkStatus();
    }
    absl::Status sound = Find(CheckFactsFiles(folder_, files_, boot_id_));
    if (!sound.ok()) return sound;
    absl::StatusOr<std::unique_ptr<TemporaryFolder>> copy = TemporaryFolder::Make();
    if (!copy.ok()) return copy.status();
    const std::string path = (*copy)->path() + "/facts.sqlite";
    for (const char* suffix : {"", "-wal"}) {
      std::error_code error;
      std::filesystem::copy_file(folder_.facts() + suffix, path + suffix, error);
      if (error && error != std::errc::no_such_file_or_directory) {
        return StorageFailed(absl::StrCat("copy ", folder_.facts(), suffix, ": ", error.message()));
      }
    }
    return Find(CheckCopy({path, (*copy)->path() + "/RUNNING", boot_id_}));
  }

  absl::Status CheckCopy(const Facts::Options& copy) {
    absl::StatusOr<std::unique_ptr<Facts>> facts = Facts::Open(copy, &PosixFileSystem());
    if (!facts.ok()) return facts.status();
    const absl::StatusOr<std::vector<std::string>> findings = (*facts)->CheckIntegrity();
    if (!findings.ok()) return findings.status();
    for (const std::string& finding : *findings) {
      report_.findings.push_back(absl::StrCat(folder_.facts(), ": ", finding));
    }
    const absl::StatusOr<std::map<std::string, std::string>> values = (*facts)->Values();
    if (!values.ok()) return values.status();
    tail_ = TailLeft(*values, boot_id_);
    absl::StatusOr<std::vector<StoredModel>> models = (*facts)->Models();
    if (!models.ok()) return models.status();
    report_.models = static_cast<int64_t>(models->size());
    for (const StoredModel& model : *models) {
      if (absl::Status status = CheckModel(model); !status.ok()) return status;
    }
    models_ = *std::move(models);
    return absl::OkStatus();
  }

  absl::Status CheckModel(const StoredModel& model) {
    const std::string name = absl::StrCat("models/", model.facts.id);
    absl::Status status = CheckFile(name, model.checkpoint.weights);
    for (const StoredVersion& version : model.versions) {
      if (status.ok()) status = CheckFile(absl::StrCat(name, "@", version.number), version.weights);
    }
    return status;
  }

  absl::Status CheckFile(const std::string& of, const WeightsFile& file) {
    ++report_.files;
    report_.bytes += file.bytes;
    const absl::Status status = CheckWeights(files_, folder_.weights(), file);
    if (!absl::IsDataLoss(status)) return status;
    report_.findings.push_back(absl::StrCat(of, ": ", status.message()));
    return absl::OkStatus();
  }

  absl::Status CheckLog() {
    std::map<std::string, Tail> tails = TailsOfModels();
    const auto visit = [&](const LogRecord& record) {
      ++report_.log_records;
      const auto tail = tails.find(record.key.owner);
      if (tail != tails.end()) tail->second.Add(record);
      return absl::OkStatus();
    };
    const absl::StatusOr<LogEnd> end =
        ReadLog(files_, folder_.log(), LogRepair::kNone, visit, tail_);
    if (!end.ok()) return end.status();
    report_.torn_tail = end->torn_tail;
    for (const LogDamage& damage : end->damage) report_.findings.push_back(damage.what);
    for (const StoredModel& model : models_) {
      const Tail& tail = tails[model.facts.uid];
      const absl::Status lost = CheckComplete(end->damage, model.facts.uid,
                                              model.checkpoint.sequence, tail.last_sequence);
      const std::string name = absl::StrCat("models/", model.facts.id);
      if (!lost.ok()) {
        report_.findings.push_back(absl::StrCat(name, ": lost records: ", lost.message()));
      } else if (!tail.gap.empty()) {
        report_.findings.push_back(absl::StrCat(name, ": lost records: ", tail.gap));
      }
    }
    return absl::OkStatus();
  }

  // What the log has of a model behind its checkpoint.
  struct Tail {
    uint64_t covered = 0;
    uint64_t last_sequence = 0;
    uint64_t last_number = 0;
    std::string gap;  // between two of its records

    void Add(const LogRecord& record) {
      if (record.sequence <= covered) return;
      if (last_sequence > 0 && record.key.number != last_number + 1) {
        gap = absl::StrCat("record ", record.key.number, " follows record ", last_number);
      }
      last_sequence = record.sequence;
      last_number = record.key.number;
    }
  };

  std::map<std::string, Tail> TailsOfModels() const {
    std::map<std::string, Tail> tails;
    for (const StoredModel& model : models_) {
      tails[model.facts.uid].covered = model.checkpoint.sequence;
    }
    return tails;
  }

  const DataFolder& folder_;
  FileSystem* const files_;
  const std::string boot_id_;
  LogTail tail_ = LogTail::kAny;
  FolderReport report_;
  std::vector<StoredModel> models_;
};

}  // namespace

absl::StatusOr<FolderReport> CheckFolder(const std::string& path, FileSystem* files,
                                         const std::string& boot_id) {
  const absl::StatusOr<DataFolder> folder = DataFolder::OpenForCheck(path, files);
  if (!folder.ok()) return folder.status();
  return Checker(*folder, files, BootId(boot_id, files)).Check();
}

}  // namespace chainrule::server
