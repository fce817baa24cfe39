#include "tests/bench/child.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace chainrule::bench {
namespace {

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "benchmark: %s\n", what.c_str());
  std::exit(1);
}

[[noreturn]] void Execute(const std::vector<std::string>& command, int input, int output,
                          const std::string& folder) {
  if (chdir(folder.c_str()) != 0) _exit(126);
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  _exit(127);
}

std::string ReadLine(int file) {
  std::string line;
  char c = 0;
  while (read(file, &c, 1) == 1 && c != '\n') line.push_back(c);
  return line;
}

}  // namespace

Child::Child(const std::vector<std::string>& command) {
  int in[2];
  int out[2];
  if (pipe(in) != 0 || pipe(out) != 0) Fail("no pipe");
  if (mkdtemp(folder_.data()) == nullptr) Fail("no folder");
  pid_ = fork();
  if (pid_ == 0) {
    close(in[1]);
    close(out[0]);
    Execute(command, in[0], out[1], folder_);
  }
  close(in[0]);
  close(out[1]);
  input_ = in[1];
  const std::string line = ReadLine(out[0]);
  close(out[0]);
  for (absl::string_view word : absl::StrSplit(line, ' ')) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(word, absl::MaxSplits('=', 1));
    if (pair.first == "grpc") address_ = std::string(pair.second);
  }
  if (address_.empty()) Fail(absl::StrCat(command[0], " did not start: '", line, "'"));
}

Child::~Child() {
  if (pid_ != 0) End(SIGTERM);
}

void Child::Kill() { End(SIGKILL); }

void Child::End(int signal) {
  kill(pid_, signal);
  close(input_);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

int64_t Child::resident_bytes() const {
  std::ifstream statm(absl::StrCat("/proc/", pid_, "/statm"));
  int64_t total = 0;
  int64_t resident = 0;
  statm >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

TemporaryFolder::TemporaryFolder()
    : path_((std::filesystem::temp_directory_path() / "chainrule-bench-XXXXXX").string()) {
  if (mkdtemp(path_.data()) == nullptr) Fail("no temporary folder");
}

TemporaryFolder::~TemporaryFolder() { std::filesystem::remove_all(path_); }

std::string ProgramPath(const char* argv0, const std::string& name) {
  return (std::filesystem::absolute(argv0).parent_path() / name).string();
}

}  // namespace chainrule::bench
