#include "server/app/machine.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "absl/strings/numbers.h"
#include "engine/core/spare_blocks.h"

namespace chainrule::server {

int64_t MachineMemoryBytes(const std::string& control_groups) {
  int64_t bytes = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGE_SIZE);
  // Of the second and of the first kind of control groups; "max" is no number.
  for (const char* file : {"/memory.max", "/memory/memory.limit_in_bytes"}) {
    std::string text;
    int64_t limit = 0;
    std::ifstream(control_groups + file) >> text;
    if (absl::SimpleAtoi(text, &limit) && limit > 0) bytes = std::min(bytes, limit);
  }
  return bytes;
}

int64_t ResidentBytes() {
  int64_t size = 0;
  int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * sysconf(_SC_PAGE_SIZE);
}

void ReturnLargeBlocks() {
  // Above what calls bring and take all the time, which is worth keeping.
  constexpr int kLargeBytes = 4 << 20;
  constexpr int kKeptBytes = 2 * kLargeBytes;
  mallopt(M_MMAP_THRESHOLD, kLargeBytes);
  mallopt(M_TRIM_THRESHOLD, kKeptBytes);
  // Three blocks of twenty million parameters, or less of a small machine.
  constexpr int64_t kMostSpareBytes = int64_t{256} << 20;
  const int64_t spare = std::min(kMostSpareBytes, MachineMemoryBytes() / 32);
  engine::SpareBlocks::Shared().KeepLarge(static_cast<size_t>(spare));
}

}  // namespace chainrule::server
