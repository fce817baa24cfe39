// What durability costs: training calls a second of a server that syncs before it answers,
// beside one that is relaxed and a bare loop of writes and fdatasync of the same bytes; how
// fast the log is replayed; and what checkpoints cost.  The data folders are made below the
// current folder, so run it where the disk is the one that is meant.  Prints a table;
// judges nothing.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/bench/calls.h"
#include "tests/bench/child.h"
#include "tests/bench/pairs.h"

namespace chainrule::bench {
namespace {

constexpr char kTrain[] = "/chainrule.v1.TrainingService/Train";
const std::vector<int64_t> kWidths = {784, 512, 256, 10};

// A folder that is gone with the object.
class Folder {
 public:
  explicit Folder(const std::string& name)
      : path_(std::filesystem::absolute(absl::StrCat("durable-bench.", getpid(), ".", name))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path() const { return path_.string(); }

 private:
  const std::filesystem::path path_;
};

// A server on a data folder, with the model that is trained.
class DurableServer {
 public:
  DurableServer(const char* argv0, const std::string& name, std::vector<std::string> flags)
      : folder_(name), program_(ProgramPath(argv0, "chainrule-server")), flags_(std::move(flags)) {
    Start();
    CreateModel(channel_, "wide", kWidths);
  }

  void Start() {
    std::vector<std::string> command = {program_, "--listen=127.0.0.1:0", "--http_listen=none",
                                        "--data_dir=" + folder_.path()};
    command.insert(command.end(), flags_.begin(), flags_.end());
    child_ = std::make_unique<Child>(command);
    channel_ = Connect(*child_);
  }
  void Kill() { child_->Kill(); }

  double TrainRate(const client::Load& load, absl::Duration turn) {
    client::Load timed = load;
    timed.duration = turn;
    return Drive(channel_, timed).CallsPerSecond();
  }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  // How many files of weights it has written: the number in the name of the newest.
  int64_t FilesWritten() const {
    int64_t newest = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path() + "/weights")) {
      const std::string name = entry.path().stem().string();  // UID-checkpoint-NUMBER
      newest = std::max<int64_t>(newest, std::atoll(name.c_str() + name.rfind('-') + 1));
    }
    return newest;
  }

 private:
  Folder folder_;
  const std::string program_;
  const std::vector<std::string> flags_;
  std::unique_ptr<Child> child_;
  std::shared_ptr<grpc::Channel> channel_;
};

// Records a second of a bare loop that writes `group` of them and syncs.
class SyncLoop {
 public:
  SyncLoop(int64_t bytes, int group)
      : folder_("loop"), record_(static_cast<size_t>(bytes), 'x'), group_(group) {
    fd_ = open((folder_.path() + "/log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0) std::abort();
  }
  ~SyncLoop() { close(fd_); }
  SyncLoop(const SyncLoop&) = delete;
  SyncLoop& operator=(const SyncLoop&) = delete;

  double Turn(absl::Duration turn) {
    const double rate = Rate(turn, [this] {
      for (int i = 0; i < group_; ++i) {
        if (write(fd_, record_.data(), record_.size()) != static_cast<ssize_t>(record_.size())) {
          std::abort();
        }
      }
      if (fdatasync(fd_) != 0) std::abort();
    });
    if (ftruncate(fd_, 0) != 0 || lseek(fd_, 0, SEEK_SET) != 0) std::abort();
    return rate * group_;
  }

 private:
  Folder folder_;
  const std::string record_;
  const int group_;
  int fd_;
};

void CompareDurability(const Protocol& protocol, DurableServer* sync, DurableServer* relaxed,
                       int64_t rows, int clients) {
  const client::Load load = {kTrain, TrainBytes("wide", rows, kWidths.front(), kWidths.back()),
                             clients};
  SyncLoop loop(static_cast<int64_t>(load.request.size()), clients);
  const auto rates =
      Interleave(protocol, {[&](absl::Duration turn) { return sync->TrainRate(load, turn); },
                            [&](absl::Duration turn) { return relaxed->TrainRate(load, turn); },
                            [&](absl::Duration turn) { return loop.Turn(turn); }});
  std::vector<double> together;
  for (size_t i = 0; i < rates[1].size(); ++i) {
    together.push_back(1 / (1 / rates[1][i] + 1 / rates[2][i]));
  }
  const std::string name = absl::StrCat("durable Train, ", rows, " rows, ", clients, " clients");
  const bool judged = clients == 4;
  PrintRatio(name + " over relaxed", QuartilesOf(Ratios(rates[0], rates[1])), judged ? 0.7 : 0,
             absl::StrCat(absl::SixDigits(QuartilesOf(rates[0]).median), " of ",
                          absl::SixDigits(QuartilesOf(rates[1]).median), " calls/s, sync loop ",
                          absl::SixDigits(QuartilesOf(rates[2]).median)));
  PrintRatio(name + " over relaxed and sync together", QuartilesOf(Ratios(rates[0], together)),
             judged ? 0.8 : 0, "");
}

// Trains for a turn, kills the server, and times how long the model takes to be back, the
// server's start included.
void MeasureReplay(const Protocol& protocol, const char* argv0) {
  const client::Load load = {kTrain, TrainBytes("wide", 128, kWidths.front(), kWidths.back()), 1};
  std::vector<double> ratios;
  double replay_rate = 0;
  for (int round = 0; round < protocol.rounds; ++round) {
    DurableServer server(argv0, absl::StrCat("replay", round), {"--checkpoint_bytes=4GiB"});
    const double trained = server.TrainRate(load, protocol.turn);
    const int64_t steps = StepOf(server.channel(), "wide");
    server.Kill();
    const absl::Time start = absl::Now();
    server.Start();
    PredictOnce(server.channel(), "wide", kWidths.front());
    replay_rate = static_cast<double>(steps) / absl::ToDoubleSeconds(absl::Now() - start);
    if (StepOf(server.channel(), "wide") != steps) std::abort();
    ratios.push_back(replay_rate / trained);
  }
  PrintRatio("replay over training, steps a second", QuartilesOf(ratios), 1,
             absl::StrCat(absl::SixDigits(replay_rate), " steps/s"));
}

void CompareCheckpoints(const Protocol& protocol, const char* argv0) {
  const client::Load load = {kTrain, TrainBytes("wide", 128, kWidths.front(), kWidths.back()), 4};
  DurableServer often(argv0, "often", {"--durability=relaxed", "--checkpoint_bytes=64MiB"});
  DurableServer never(argv0, "never", {"--durability=relaxed", "--checkpoint_bytes=1024GiB"});
  const auto rates =
      Interleave(protocol, {[&](absl::Duration turn) { return often.TrainRate(load, turn); },
                            [&](absl::Duration turn) { return never.TrainRate(load, turn); }});
  PrintRatio("training with a checkpoint each 64 MiB over without",
             QuartilesOf(Ratios(rates[0], rates[1])), 0.95,
             absl::StrCat(often.FilesWritten() - 1,
                          " checkpoints in the run, without: ", never.FilesWritten() - 1));
}

void Run(const Arguments& arguments, const char* argv0) {
  std::printf("Durable training: median [quartiles]\n");
  if (arguments.Wants("durable Train")) {
    DurableServer sync(argv0, "sync", {});
    DurableServer relaxed(argv0, "relaxed", {"--durability=relaxed"});
    for (const int64_t rows : {32, 128}) {
      for (const int clients : {1, 4, 16}) {
        CompareDurability(arguments.protocol, &sync, &relaxed, rows, clients);
      }
    }
  }
  if (arguments.Wants("replay")) MeasureReplay(arguments.protocol, argv0);
  if (arguments.Wants("checkpoint")) CompareCheckpoints(arguments.protocol, argv0);
}

}  // namespace
}  // namespace chainrule::bench

int main(int argc, char** argv) {
  chainrule::bench::Run(chainrule::bench::ParseArguments(argc, argv), argv[0]);
  return 0;
}
