#include "server/store/boot.h"

namespace chainrule::server {
namespace {

constexpr char kBootIdFile[] = "/proc/sys/kernel/random/boot_id";

}  // namespace

std::string BootId(const std::string& known, FileSystem* files) {
  return known.empty() ? files->Read(kBootIdFile, 0, 64).value_or(kUnknownBootId) : known;
}

LogTail TailLeft(const std::map<std::string, std::string>& values, const std::string& boot_id) {
  const auto written_in = values.find(kLogBootId);
  const bool same = written_in != values.end() && written_in->second == boot_id;
  return same && boot_id != kUnknownBootId ? LogTail::kPrefix : LogTail::kAny;
}

}  // namespace chainrule::server
