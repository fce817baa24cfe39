// A log segment that was damaged in any way: what is read back is a beginning of what was
// written, or the reading fails.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/core/check.h"
#include "server/store/log_format.h"
#include "server/store/log_reader.h"
#include "server/store/train_log.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/support/memory_file_system.h"

namespace chainrule::fuzz {
namespace {

constexpr int kRecords = 5;
constexpr char kFolder[] = "log";

std::string PayloadOf(int number) {
  return absl::StrCat("record ", number, std::string(static_cast<size_t>(number) * 7, 'x'));
}

// Makes a file system that holds one segment of these bytes.
std::unique_ptr<server::MemoryFileSystem> FolderWith(absl::string_view segment) {
  auto files = std::make_unique<server::MemoryFileSystem>();
  CHAINRULE_CHECK(files->MakeFolder(kFolder).ok());
  auto file = files->Create(absl::StrCat(kFolder, "/", server::SegmentName(1)));
  CHAINRULE_CHECK(file.ok());
  CHAINRULE_CHECK((*file)->Append(segment).ok() && (*file)->Sync().ok());
  CHAINRULE_CHECK(files->SyncFolder(kFolder).ok());
  return files;
}

}  // namespace

std::vector<std::string> Seeds() {
  server::MemoryFileSystem files;
  CHAINRULE_CHECK(files.MakeFolder(kFolder).ok());
  auto log = server::TrainLog::Open({.folder = kFolder}, &files, server::LogEnd());
  CHAINRULE_CHECK(log.ok());
  for (int i = 1; i <= kRecords; ++i) {
    (*log)->Append(PayloadOf(i), [](const absl::Status& /*status*/, uint64_t /*synced*/) {});
    CHAINRULE_CHECK((*log)->Flush().ok());
  }
  auto segment =
      files.Read(absl::StrCat(kFolder, "/", server::SegmentName(1)), 0, int64_t{1} << 20);
  CHAINRULE_CHECK(segment.ok());
  return {*std::move(segment)};
}

void TestOneInput(absl::string_view bytes) {
  const auto files = FolderWith(bytes);
  for (const server::LogRepair repair :
       {server::LogRepair::kNone, server::LogRepair::kCut, server::LogRepair::kRewrite}) {
    uint64_t last = 0;
    const auto end = server::ReadLog(files.get(), kFolder, repair,
                                     [&](uint64_t sequence, absl::string_view /*payload*/) {
                                       CHAINRULE_CHECK(sequence == last + 1);
                                       last = sequence;
                                       return absl::OkStatus();
                                     });
    if (end.ok() && last > 0) CHAINRULE_CHECK(end->last_sequence == last);
  }
}

}  // namespace chainrule::fuzz
