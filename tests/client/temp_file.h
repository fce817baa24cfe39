#ifndef CHAINRULE_TESTS_CLIENT_TEMP_FILE_H_
#define CHAINRULE_TESTS_CLIENT_TEMP_FILE_H_

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace chainrule::client {

// TempFile: a file with this content, in a folder of its own, deleted with the object.
class TempFile {
 public:
  TempFile(absl::string_view name, absl::string_view content) {
    std::string folder = absl::StrCat(::testing::TempDir(), "chainrule-XXXXXX");
    folder_ = mkdtemp(folder.data());
    path_ = folder_ / std::string(name);
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~TempFile() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;

  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path folder_;
  std::filesystem::path path_;
};

}  // namespace chainrule::client

#endif  // CHAINRULE_TESTS_CLIENT_TEMP_FILE_H_
