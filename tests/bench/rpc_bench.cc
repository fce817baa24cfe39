// What a call costs, as a fraction of a bare echo RPC of the same sizes driven by the
// same load generator in the same run.  Client and servers share the machine's cores.
// Prints a table; judges nothing.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/bench/calls.h"
#include "tests/bench/child.h"
#include "tests/bench/pairs.h"

namespace chainrule::bench {
namespace {

constexpr char kPredict[] = "/chainrule.v1.PredictionService/Predict";

// One row of the table: a method and a request against the echo of the same sizes.
struct Work {
  std::string name;
  client::Load load;
  double bar = 0;
  bool latency = false;  // compare median latencies, not calls a second
};

void Compare(const Protocol& protocol, const std::string& echo_program,
             const std::shared_ptr<grpc::Channel>& channel, const Work& work) {
  client::Load probe = work.load;
  probe.duration = absl::Milliseconds(20);
  const int64_t reply_bytes = Drive(channel, probe).reply_bytes;
  const Child echo({echo_program, absl::StrCat(reply_bytes)});
  const std::shared_ptr<grpc::Channel> echo_channel = Connect(echo);
  const auto contender = [&](const std::shared_ptr<grpc::Channel>& to) -> Contender {
    return [&work, to](absl::Duration turn) {
      client::Load load = work.load;
      load.duration = turn;
      const client::LoadResult result = Drive(to, load);
      return work.latency ? absl::ToDoubleMicroseconds(result.Percentile(0.5))
                          : result.CallsPerSecond();
    };
  };
  const auto rates = Interleave(protocol, {contender(echo_channel), contender(channel)});
  PrintRatio(work.name, QuartilesOf(Ratios(rates[1], rates[0])), work.bar,
             absl::StrCat(absl::SixDigits(QuartilesOf(rates[1]).median), " of ",
                          absl::SixDigits(QuartilesOf(rates[0]).median),
                          work.latency ? " us" : " calls/s"));
}

void Run(const Arguments& arguments, const char* argv0) {
  const TemporaryFolder folder;
  const Child server({ProgramPath(argv0, "chainrule-server"), "--listen=127.0.0.1:0",
                      "--http_listen=none", "--log_level=error", "--durability=relaxed",
                      "--data_dir=" + folder.path()});
  const std::shared_ptr<grpc::Channel> channel = Connect(server);
  CreateModel(channel, "wide", {784, 512, 256, 10});
  CreateModel(channel, "small", {30, 64, 1});
  const std::string wide = PredictBytes("wide", 1, 784);
  const std::string small = PredictBytes("small", 1, 30);
  std::printf("Against a bare echo RPC of the same sizes: median [quartiles]\n");
  std::printf("server at rest: %.1f MiB\n",
              static_cast<double>(server.resident_bytes()) / (1 << 20));
  for (const Work& work : std::vector<Work>{
           {"Predict 784-512-256-10, 1 row, 64 in flight", {kPredict, wide, 64}, 0.80},
           {"Predict 30-64-1, 1 row, 64 in flight", {kPredict, small, 64}, 0.92},
           {"Predict 784-512-256-10, 1 row, latency", {kPredict, wide, 1}, 1.4, true}}) {
    if (arguments.Wants(work.name)) {
      Compare(arguments.protocol, ProgramPath(argv0, "echo-server"), channel, work);
    }
  }
}

}  // namespace
}  // namespace chainrule::bench

int main(int argc, char** argv) {
  chainrule::bench::Run(chainrule::bench::ParseArguments(argc, argv), argv[0]);
  return 0;
}
