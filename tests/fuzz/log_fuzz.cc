// A log segment that was damaged in any way: it is read, in order and never the same record
// twice, what is missing is told, and what was read can be read again, also once the tail
// was cut.
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

void ReadAgainAndAgain(absl::string_view bytes, server::LogTail tail) {
  const auto files = FolderWith(bytes);
  std::vector<uint64_t> read_before;
  for (const server::LogRepair repair :
       {server::LogRepair::kNone, server::LogRepair::kCut, server::LogRepair::kRewrite}) {
    std::vector<uint64_t> read;
    const auto visit = [&](const server::LogRecord& record) {
      CHAINRULE_CHECK(read.empty() || record.sequence > read.back());
      read.push_back(record.sequence);
      const auto payload = server::ReadPayload(files.get(), kFolder, record.place);
      CHAINRULE_CHECK(payload.ok() && *payload == record.payload);
      return absl::OkStatus();
    };
    const auto end = server::ReadLog(files.get(), kFolder, repair, visit, tail);
    if (!end.ok()) return;  // of a newer server
    CHAINRULE_CHECK(read.empty() || end->last_sequence >= read.back());
    for (const server::LogDamage& damage : end->damage) {
      CHAINRULE_CHECK(damage.last <= end->last_sequence && !damage.what.empty());
      for (const uint64_t sequence : read) {
        CHAINRULE_CHECK(sequence < damage.first || sequence > damage.last);
      }
    }
    CHAINRULE_CHECK(repair == server::LogRepair::kNone || read == read_before);
    read_before = std::move(read);
  }
}

}  // namespace

std::vector<std::string> Seeds() {
  server::MemoryFileSystem files;
  CHAINRULE_CHECK(files.MakeFolder(kFolder).ok());
  auto log = server::TrainLog::Open({.folder = kFolder}, &files, server::LogEnd());
  CHAINRULE_CHECK(log.ok());
  for (int i = 1; i <= kRecords; ++i) {
    const server::RecordKey key = {i % 2 == 0 ? "even" : "odd", static_cast<uint64_t>(i), i};
    (*log)->Append(key, PayloadOf(i), [](const absl::Status& /*status*/, uint64_t /*synced*/) {});
    CHAINRULE_CHECK((*log)->Flush().ok());
  }
  auto segment =
      files.Read(absl::StrCat(kFolder, "/", server::SegmentName(1)), 0, int64_t{1} << 20);
  CHAINRULE_CHECK(segment.ok());
  return {*std::move(segment)};
}

void TestOneInput(absl::string_view bytes) {
  ReadAgainAndAgain(bytes, server::LogTail::kAny);
  ReadAgainAndAgain(bytes, server::LogTail::kPrefix);
}

}  // namespace chainrule::fuzz
