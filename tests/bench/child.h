// Child: a server program started beside the benchmark, found by its READY line and
// ended with the object.
#ifndef CHAINRULE_TESTS_BENCH_CHILD_H_
#define CHAINRULE_TESTS_BENCH_CHILD_H_

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace chainrule::bench {

class Child {
 public:
  // It runs in a folder of its own, which goes with it. Exits the benchmark, with a line on stderr,
  // if the program cannot be started.
  explicit Child(const std::vector<std::string>& command);
  // SIGTERM, then waits for it.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Ends it as a power switch would: SIGKILL.
  void Kill();

  const std::string& address() const { return address_; }  // HOST:PORT
  int64_t resident_bytes() const;

 private:
  void End(int signal);

  std::string folder_ = std::filesystem::temp_directory_path() / "chainrule-bench-XXXXXX";
  pid_t pid_ = 0;
  int input_ = -1;  // held open: the echo server serves as long as it is
  std::string address_;
};

// A folder that is removed, with all that is in it, with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The path of a program of ours, beside the benchmark's own folder.
std::string ProgramPath(const char* argv0, const std::string& name);

}  // namespace chainrule::bench

#endif  // CHAINRULE_TESTS_BENCH_CHILD_H_
