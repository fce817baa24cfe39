// chainrule bench: what it measures, and what it says when there is nothing to measure.
#include <string>
#include <vector>

#include "google/protobuf/struct.pb.h"
#include "tests/client/cli/cli_test_support.h"
#include "tests/client/temp_file.h"

namespace chainrule::client {
namespace {

using ::testing::ContainsRegex;

class BenchTest : public CliTest {
 protected:
  void SetUp() override {
    MustRun({"create", "iris", "--from", Data("iris.csv"), "--label", "species", "--hidden", "8"});
  }
};

TEST_F(BenchTest, BenchMeasuresEachOfItsRpcs) {
  for (const char* rpc : {"predict", "infer", "train", "gradients", "apply", "evaluate"}) {
    const auto json = MustRunJson<google::protobuf::Struct>({"bench", rpc, "--model", "iris",
                                                             "--rows", "3", "--concurrency", "2",
                                                             "--duration", "20ms", "--raw"});
    const auto& fields = json.fields();
    EXPECT_GT(fields.at("calls").number_value(), 0) << rpc;
    EXPECT_EQ(fields.at("errors").number_value(), 0) << fields.at("first_error").string_value();
    const auto& latency = fields.at("latency_us").struct_value().fields();
    EXPECT_LE(latency.at("p50").number_value(), latency.at("p99").number_value());
  }
  EXPECT_THAT(MustRun({"bench", "--model", "iris", "--duration", "20ms"}),
              ContainsRegex("calls/s.*\n.*latency"));
}

TEST_F(BenchTest, BenchMeasuresAnyUnaryRpc) {
  const TempFile get("get.json", R"({"name": "models/iris"})");
  const TempFile check("check.json", R"({"service": ""})");
  for (const std::vector<std::string>& rpc :
       {std::vector<std::string>{"GetModel", "--request", get.path()},
        {"GetServerInfo"},
        {"Health/Check", "--request", check.path()},
        {"GRPCInferenceService/ServerLive"}}) {
    std::vector<std::string> words = {"bench", "--duration", "20ms"};
    words.insert(words.end(), rpc.begin(), rpc.end());
    const auto json = MustRunJson<google::protobuf::Struct>(words);
    EXPECT_GT(json.fields().at("calls").number_value(), 0) << rpc[0];
    EXPECT_EQ(json.fields().at("errors").number_value(), 0) << rpc[0];
  }
}

TEST_F(BenchTest, BenchMeasuresStreams) {
  const std::string row = R"({"shape": [1, 4], "values": [1, 2, 3, 4]})";
  const TempFile predict("predict.json",
                         absl::StrCat(R"([{"request": {"model": "models/iris",
      "inputs": )",
                                      row, R"(}}, {"request": {"inputs": )", row, "}}]"));
  const TempFile fit("fit.json", absl::StrCat(R"([{"header": {"model": "models/iris"}},
      {"examples": {"inputs": )",
                                              row, R"(, "class_labels": {"ids": [1]}}}])"));
  const TempFile evaluate("evaluate.json",
                          absl::StrCat(R"([{"header": {"model": "models/iris"}},
      {"examples": {"inputs": )",
                                       row, R"(, "class_labels": {"ids": [1]}}}])"));
  const TempFile exported("export.json", R"({"model": "models/iris"})");
  for (const auto& [rpc, file] : {std::pair{"StreamPredict", &predict},
                                  {"Fit", &fit},
                                  {"StreamEvaluate", &evaluate},
                                  {"ExportModel", &exported}}) {
    const auto json = MustRunJson<google::protobuf::Struct>(
        {"bench", rpc, "--request", file->path(), "--duration", "50ms", "--concurrency", "2"});
    const auto& fields = json.fields();
    EXPECT_GT(fields.at("calls").number_value(), 0) << rpc;
    EXPECT_GT(fields.at("reply_bytes").number_value(), 0) << rpc;
    EXPECT_EQ(fields.at("errors").number_value(), 0) << fields.at("first_error").string_value();
  }
}

TEST_F(BenchTest, BenchThatMeasuresNothingFails) {
  const TempFile unknown("unknown.json", R"({"name": "models/nosuch"})");
  const TempFile wrong("wrong.json", R"({"nom": "models/iris"})");
  const TempFile two("two.json", R"([{"name": "models/iris"}, {"name": "models/iris"}])");
  const std::vector<Wrong> table = {
      {{"bench", "GetModel", "--request", unknown.path(), "--duration", "20ms"}, 1, "NOT_FOUND: "},
      {{"bench", "GetModel", "--request", wrong.path()}, 2, "nom"},
      {{"bench", "Health/Watch"}, 2, "Health/Watch does not end"},
      {{"bench", "Fit", "--duration", "20ms"}, 1, "INVALID_ARGUMENT: header"},
      {{"bench", "StreamPredict", "--request", wrong.path()}, 2, "nom"},
      {{"bench", "GetModel", "--request", two.path()}, 2, "2 messages; GetModel takes one"},
      {{"bench", "Fly"}, 2, "no RPC is called Fly"},
      {{"bench"}, 2, "predict needs --model"},
      {{"bench", "--model", "iris", "--rows", "100000000"}, 2, "a message has room for"},
      {{"bench", "--model", "iris", "--rows", "9223372036854775807"}, 2, "--rows: "},
      {{"bench", "--model", "iris", "--concurrency", "2147483647"}, 2, "--concurrency: "},
  };
  for (const Wrong& wrong_call : table) ExpectWrong(wrong_call);
}

}  // namespace
}  // namespace chainrule::client
