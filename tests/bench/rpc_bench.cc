// What a call costs, as a fraction of a bare echo RPC of the same sizes driven by the
// same load generator in the same run; what it leaves in memory; and what an overload does.
// Client and servers share the machine's cores.
// Prints a table; judges nothing.
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/bench/calls.h"
#include "tests/bench/child.h"
#include "tests/bench/engine_steps.h"
#include "tests/bench/pairs.h"

namespace chainrule::bench {
namespace {

constexpr char kPredict[] = "/chainrule.v1.PredictionService/Predict";
constexpr char kInfer[] = "/inference.GRPCInferenceService/ModelInfer";
constexpr char kTrain[] = "/chainrule.v1.TrainingService/Train";
constexpr char kGradients[] = "/chainrule.v1.TrainingService/GetGradients";
const std::vector<int64_t> kWide = {784, 512, 256, 10};
constexpr int64_t kBatch = 128;
const std::vector<int64_t> kLarge = {1024, 2048, 2048, 1024};
constexpr int64_t kLargeBatch = 256;

double Mebibytes(int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

// A server with a folder of its own.
Child StartServer(const char* argv0, const TemporaryFolder& folder, const std::string& flag) {
  return Child({ProgramPath(argv0, "chainrule-server"), "--listen=127.0.0.1:0",
                "--http_listen=none", "--log_level=error", "--data_dir=" + folder.path(), flag});
}

constexpr char kRelaxed[] = "--durability=relaxed";

// One row of the table: a method and a request against the echo of the same sizes.
struct Work {
  std::string name;
  client::Load load;
  double bar = 0;
  bool latency = false;  // compare median latencies, not calls a second
};

// What answers with as many bytes as `channel` does. `kind`: of echo-server.
Child StartEcho(const std::string& echo_program, const std::vector<std::string>& kind,
                const std::shared_ptr<grpc::Channel>& channel, client::Load probe) {
  probe.duration = absl::Milliseconds(20);
  std::vector<std::string> command = {echo_program,
                                      absl::StrCat(Drive(channel, probe).reply_bytes)};
  command.insert(command.end(), kind.begin(), kind.end());
  return Child(command);
}

// The work by one server over the same by another.
void CompareServers(const Protocol& protocol, const std::shared_ptr<grpc::Channel>& channel,
                    const std::shared_ptr<grpc::Channel>& other, const Work& work) {
  const auto contender = [&](const std::shared_ptr<grpc::Channel>& to) -> Contender {
    return [&work, to](absl::Duration turn) {
      client::Load load = work.load;
      load.duration = turn;
      const client::LoadResult result = Drive(to, load);
      return work.latency ? absl::ToDoubleMicroseconds(result.Percentile(0.5))
                          : result.CallsPerSecond();
    };
  };
  const auto rates = Interleave(protocol, {contender(other), contender(channel)});
  PrintRatio(work.name, QuartilesOf(Ratios(rates[1], rates[0])), work.bar,
             absl::StrCat(absl::SixDigits(QuartilesOf(rates[1]).median), " of ",
                          absl::SixDigits(QuartilesOf(rates[0]).median),
                          work.latency ? " us" : " calls/s"));
}

void Compare(const Protocol& protocol, const std::string& echo_program,
             const std::shared_ptr<grpc::Channel>& channel, const Work& work) {
  const Child echo = StartEcho(echo_program, {}, channel, work.load);
  CompareServers(protocol, channel, Connect(echo), work);
}

// What the echo itself would gain by the other one of gRPC's ways to write a server.
void CompareEchoes(const Protocol& protocol, const std::string& echo_program,
                   const std::shared_ptr<grpc::Channel>& channel, const Work& work) {
  const Child callbacks = StartEcho(echo_program, {}, channel, work.load);
  const Child queues = StartEcho(echo_program, {"queues"}, channel, work.load);
  CompareServers(protocol, Connect(queues), Connect(callbacks), work);
}

// Calls that also do the engine's work: what echo and engine together would allow.
void CompareWithEngine(const Protocol& protocol, const std::string& echo_program,
                       const std::shared_ptr<grpc::Channel>& channel, const Work& work,
                       const Contender& engine) {
  client::Load load = work.load;
  load.duration = absl::Milliseconds(20);
  const Child echo({echo_program, absl::StrCat(Drive(channel, load).reply_bytes)});
  const std::shared_ptr<grpc::Channel> echo_channel = Connect(echo);
  const auto contender = [&load](const std::shared_ptr<grpc::Channel>& to) -> Contender {
    return [&load, to](absl::Duration turn) {
      load.duration = turn;
      return Drive(to, load).CallsPerSecond();
    };
  };
  const auto rates = Interleave(protocol, {contender(echo_channel), engine, contender(channel)});
  std::vector<double> ceiling;
  for (size_t i = 0; i < rates[0].size(); ++i) {
    ceiling.push_back(1 / (1 / rates[0][i] + 1 / rates[1][i]));
  }
  PrintRatio(work.name, QuartilesOf(Ratios(rates[2], ceiling)), work.bar,
             absl::StrCat(absl::SixDigits(QuartilesOf(rates[2]).median), " of ",
                          absl::SixDigits(QuartilesOf(ceiling).median), " calls/s"));
}

// The 99th percentile at 8 in flight, with a training that saturates the cores over without.
void CompareWhileTraining(const Protocol& protocol, const std::shared_ptr<grpc::Channel>& channel,
                          const Work& work, const std::string& train) {
  const auto percentile = [&](absl::Duration turn) {
    client::Load load = work.load;
    load.duration = turn;
    return absl::ToDoubleMicroseconds(Drive(channel, load).Percentile(0.99));
  };
  const Contender training = [&](absl::Duration turn) {
    client::Load load{kTrain, train, 2, turn + absl::Milliseconds(200)};
    std::thread trainer([&] { Drive(channel, load); });
    const double latency = percentile(turn);
    trainer.join();
    return latency;
  };
  const auto latencies = Interleave(protocol, {percentile, training});
  PrintRatio(work.name, QuartilesOf(Ratios(latencies[1], latencies[0])), work.bar,
             absl::StrCat(absl::SixDigits(QuartilesOf(latencies[1]).median), " of ",
                          absl::SixDigits(QuartilesOf(latencies[0]).median), " us"));
}

// No bar: of a model whose parameters no cache holds, so that what a call takes of memory
// is most of what it costs beside its step.
void RunLargeTraining(const Arguments& arguments, const char* argv0) {
  const Work trains{"Train 1024-2048-2048-1024, 256 rows, 2 in flight",
                    {kTrain, TrainBytes("large", kLargeBatch, kLarge[0], kLarge.back()), 2}};
  if (!arguments.Wants(trains.name)) return;
  const TemporaryFolder folder;
  const Child server = StartServer(argv0, folder, kRelaxed);
  const std::shared_ptr<grpc::Channel> channel = Connect(server);
  CreateModel(channel, "large", kLarge);
  EngineSteps engine(kLarge, kLargeBatch, static_cast<int>(std::thread::hardware_concurrency()));
  CompareWithEngine(arguments.protocol, ProgramPath(argv0, "echo-server"), channel, trains,
                    [&](absl::Duration turn) { return engine.TrainRate(turn); });
}

// What predictions leave behind: between the first calls and the last.
void PrintGrowth(const Protocol& protocol, const Child& server,
                 const std::shared_ptr<grpc::Channel>& channel, client::Load load) {
  load.duration = protocol.turn;
  int64_t calls = Drive(channel, load).calls;
  const int64_t before = server.resident_bytes();
  for (int round = 1; round < 3 * protocol.rounds; ++round) calls += Drive(channel, load).calls;
  std::printf("%-44s %+6.1f MiB to %.1f MiB, %lld predictions\n", "memory's growth, wanted none",
              Mebibytes(server.resident_bytes() - before), Mebibytes(server.resident_bytes()),
              static_cast<long long>(calls));
}

// Ten times as many calls in flight as the queue takes: those that are let in are answered as
// fast as if they alone were there, the others at once, and memory stays.
void PrintOverload(const Protocol& protocol, const char* argv0) {
  constexpr int kQueue = 64;
  const TemporaryFolder folder;
  const Child server = StartServer(argv0, folder, absl::StrCat("--max_queued_calls=", kQueue));
  const std::shared_ptr<grpc::Channel> channel = Connect(server);
  CreateModel(channel, "wide", kWide);
  for (const int in_flight : {kQueue / 2, 10 * kQueue}) {
    const client::Load load{kPredict, PredictBytes("wide", 1, kWide[0]), in_flight,
                            protocol.turn * protocol.rounds};
    const int64_t before = server.resident_bytes();
    const absl::StatusOr<client::LoadResult> result = client::RunLoad(channel, load);
    if (!result.ok() || result->calls == 0) continue;
    std::printf("%-44s %.0f calls/s, p99 %.0f us; %.0f refused/s; memory %+.1f MiB\n",
                absl::StrCat("overload: ", in_flight, " in flight, ", kQueue, " let in").c_str(),
                result->CallsPerSecond(), absl::ToDoubleMicroseconds(result->Percentile(0.99)),
                static_cast<double>(result->errors) / absl::ToDoubleSeconds(result->elapsed),
                Mebibytes(server.resident_bytes() - before));
    std::fflush(stdout);
  }
}

void RunAgainstEcho(const Arguments& arguments, const char* argv0,
                    const std::shared_ptr<grpc::Channel>& channel) {
  const std::string wide = PredictBytes("wide", 1, kWide[0]);
  const std::string small = PredictBytes("small", 1, 30);
  const std::string infer = InferBytes("wide", 1, kWide[0]);
  for (const Work& work : std::vector<Work>{
           {"Predict 784-512-256-10, 1 row, 64 in flight", {kPredict, wide, 64}, 0.80},
           {"Predict 30-64-1, 1 row, 64 in flight", {kPredict, small, 64}, 0.92},
           {"Predict 784-512-256-10, 1 row, latency", {kPredict, wide, 1}, 1.4, true},
           {"ModelInfer 784-512-256-10, 64 in flight", {kInfer, infer, 64}, 0.75}}) {
    if (arguments.Wants(work.name)) {
      Compare(arguments.protocol, ProgramPath(argv0, "echo-server"), channel, work);
    }
  }
  // No bar: this tells why the server is on completion queues.
  for (const Work& work :
       std::vector<Work>{{"echo on completion queues, 64 in flight", {kPredict, wide, 64}},
                         {"echo on completion queues, latency", {kPredict, wide, 1}, 0, true}}) {
    if (arguments.Wants(work.name)) {
      CompareEchoes(arguments.protocol, ProgramPath(argv0, "echo-server"), channel, work);
    }
  }
}

void RunWithTraining(const Arguments& arguments, const char* argv0,
                     const std::shared_ptr<grpc::Channel>& channel) {
  const Protocol& protocol = arguments.protocol;
  const std::string echo = ProgramPath(argv0, "echo-server");
  const std::string train = TrainBytes("trained", kBatch, kWide[0], kWide.back());
  const Work trains{"Train, 128 rows, 4 in flight", {kTrain, train, 4}, 0.80};
  const Work gradients{"GetGradients, 128 rows, 2.1 MB, 4 in flight",
                       {kGradients, GradientsBytes("wide", kBatch, kWide[0], kWide.back()), 4},
                       0.70};
  const Work beside{"Predict's p99 beside training, 8 in flight",
                    {kPredict, PredictBytes("wide", 1, kWide[0]), 8},
                    3};
  EngineSteps engine(kWide, kBatch, static_cast<int>(std::thread::hardware_concurrency()));
  if (arguments.Wants(trains.name)) {
    CompareWithEngine(protocol, echo, channel, trains,
                      [&](absl::Duration turn) { return engine.TrainRate(turn); });
  }
  if (arguments.Wants(gradients.name)) {
    CompareWithEngine(protocol, echo, channel, gradients,
                      [&](absl::Duration turn) { return engine.GradientsRate(turn); });
  }
  if (arguments.Wants(beside.name)) CompareWhileTraining(protocol, channel, beside, train);
}

void Run(const Arguments& arguments, const char* argv0) {
  const TemporaryFolder folder;
  const Child server = StartServer(argv0, folder, kRelaxed);
  const std::shared_ptr<grpc::Channel> channel = Connect(server);
  CreateModel(channel, "wide", kWide);
  CreateModel(channel, "trained", kWide);
  CreateModel(channel, "small", {30, 64, 1});
  std::printf("Against a bare echo RPC of the same sizes: median [quartiles]\n");
  std::printf("server at rest: %.1f MiB\n", Mebibytes(server.resident_bytes()));
  RunAgainstEcho(arguments, argv0, channel);
  RunWithTraining(arguments, argv0, channel);
  if (arguments.Wants("memory")) {
    PrintGrowth(arguments.protocol, server, channel, {kPredict, PredictBytes("small", 1, 30), 64});
  }
  RunLargeTraining(arguments, argv0);
  if (arguments.Wants("overload")) PrintOverload(arguments.protocol, argv0);
}

}  // namespace
}  // namespace chainrule::bench

int main(int argc, char** argv) {
  chainrule::bench::Run(chainrule::bench::ParseArguments(argc, argv), argv[0]);
  return 0;
}
