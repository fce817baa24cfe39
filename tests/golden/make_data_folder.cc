// Makes the frozen data folder of this version's format: make_data_folder FOLDER, which
// must not be there. Run once for each format; what it made is never made anew.
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "server/store/folder_store.h"
#include "tests/golden/data_folder_sample.h"

namespace chainrule::server {
namespace {

absl::Status Make(const std::string& folder) {
  FolderStore::Options options;
  options.folder = folder;
  options.boot_id = "the machine that made it";
  absl::StatusOr<std::unique_ptr<FolderStore>> store =
      FolderStore::Open(options, &PosixFileSystem());
  if (!store.ok()) return store.status();
  const auto write = [&](const char* label, float first) {
    return (*store)->WriteWeights(kSampleUid, label, SampleNetwork(), SampleCheckpoint(first));
  };
  const absl::StatusOr<WeightsFile> checkpoint = write("checkpoint", 1);
  if (!checkpoint.ok()) return checkpoint.status();
  const absl::StatusOr<WeightsFile> version = write("version", 1000);
  if (!version.ok()) return version.status();
  absl::Status status = (*store)->Apply(SampleChange(*checkpoint, *version));
  if (!status.ok()) return status;
  const auto nothing = [](const LogRecord&) { return absl::OkStatus(); };
  const absl::StatusOr<std::unique_ptr<Log>> log = (*store)->OpenLog(nothing, nullptr);
  if (!log.ok()) return log.status();
  RecordKey key = {kSampleUid, 0, 12};
  for (const std::string& record : SampleRecords()) {
    ++key.number;
    (*log)->Append(key, record, [](absl::Status, uint64_t) {});
  }
  return (*log)->Flush();
}

}  // namespace
}  // namespace chainrule::server

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const absl::Status status = chainrule::server::Make(argv[1]);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
