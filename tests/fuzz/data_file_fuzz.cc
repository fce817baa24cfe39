// CSV and IDX files as the command line reads them, plain or gzip.
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/data/csv_source.h"
#include "client/data/idx_reader.h"
#include "client/data/survey.h"
#include "engine/core/check.h"
#include "tests/fuzz/fuzzer.h"

namespace chainrule::fuzz {
namespace {

constexpr int64_t kMostItemBytes = int64_t{1} << 20;

// A file in memory, with a path.
class MemoryFile {
 public:
  explicit MemoryFile(absl::string_view bytes) : fd_(memfd_create("fuzz", 0)) {
    CHAINRULE_CHECK(fd_ >= 0);
    CHAINRULE_CHECK(write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return absl::StrCat("/proc/self/fd/", fd_); }

 private:
  const int fd_;
};

void ReadCsv(const std::string& path) {
  const client::CsvColumns columns = {.labels = {"kind"}};
  for (const auto& labels : {client::Labels::Classes(0, {}), client::Labels::Shares()}) {
    static_cast<void>(client::SurveyCsv(path, columns, labels));
  }
  auto source =
      client::CsvSource::Open(path, columns, client::Labels::Classes(2, {"flat", "round"}));
  if (!source.ok()) return;
  for (;;) {
    client::Rows rows;
    if (!(*source)->Next(2, &rows).ok() || rows.count == 0) return;
    CHAINRULE_CHECK(static_cast<int64_t>(rows.classes.size()) == rows.count);
    for (const int32_t id : rows.classes) CHAINRULE_CHECK(id == 0 || id == 1);
  }
}

void ReadIdx(const std::string& path) {
  static_cast<void>(client::IdxReader::IsIdx(path));
  auto reader = client::IdxReader::Open(path);
  if (!reader.ok() || reader->item_bytes() > kMostItemBytes) return;
  std::vector<uint8_t> item(static_cast<size_t>(reader->item_bytes()));
  for (int64_t i = 0; i < reader->count(); ++i) {
    if (!reader->Read(item).ok()) return;
  }
}

}  // namespace

std::vector<std::string> Seeds() {
  const std::string idx(
      "\0\0\x08\x02\0\0\0\x03\0\0\0\x02"
      "abcdef",
      18);
  return {"a,b,kind\n1,2.5,round\n-3e2,\"4\",flat\r\n\"5\",6,\"round\"\n", idx};
}

void TestOneInput(absl::string_view bytes) {
  const MemoryFile file(bytes);
  ReadCsv(file.path());
  ReadIdx(file.path());
}

}  // namespace chainrule::fuzz
