#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/any_rpc.h"
#include "client/cli/commands.h"
#include "client/cli/data_options.h"
#include "client/cli/flags.h"
#include "client/cli/table.h"
#include "client/data/text.h"
#include "client/lib/errors.h"
#include "client/lib/load.h"
#include "google/protobuf/struct.pb.h"
#include "inference/grpc_service.pb.h"

namespace chainrule::client {
namespace {

constexpr int64_t kMostRows = 100'000'000;
constexpr int kMostInFlight = 65'536;
// No message of protobuf's is larger.
constexpr int64_t kMostBytes = std::numeric_limits<int32_t>::max();

struct Options {
  std::string rpc = "predict";
  std::string request;
  std::string model;
  int64_t rows = 1;
  int concurrency = 1;
  absl::Duration duration = absl::Seconds(5);
  bool raw = false;
};

void AddFlags(CLI::App* command, Options* options) {
  command->add_option("RPC", options->rpc,
                      "predict (unset), infer, train, gradients, apply or evaluate, on made-up "
                      "rows; or any other by its proto's name: GetModel, StreamPredict");
  command->add_option(
      "--request", options->request,
      "That one's request as JSON, in a file (- is standard input), of a stream an array "
      "of its messages; unset: empty");
  command->add_option("--model", options->model,
                      "Its name, or a version's; train and apply change it");
  command->add_option("--rows", options->rows, "Rows of a call, of apply contributions; unset: 1")
      ->check(AtLeast(1, kMostRows));
  command->add_option("--concurrency", options->concurrency, "Calls in flight; unset: 1")
      ->check(AtLeast(1, kMostInFlight));
  AddDuration(command, "--duration", &options->duration, "How long; unset: 5s");
  command->add_flag("--raw", options->raw, "Numbers travel as bytes");
}

// [rows × columns] of numbers that are neither all alike nor large.
v1::Tensor MakeTensor(int64_t rows, int64_t columns, bool raw) {
  std::vector<float> values(static_cast<size_t>(rows * columns));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 13) * 0.07F;
  v1::Tensor tensor;
  tensor.add_shape(rows);
  tensor.add_shape(columns);
  if (raw) {
    tensor.set_raw(values.data(), values.size() * sizeof(float));
  } else {
    tensor.mutable_values()->Assign(values.begin(), values.end());
  }
  return tensor;
}

v1::Tensor MakeZeros(const std::vector<int64_t>& shape, bool raw) {
  v1::Tensor tensor;
  int64_t count = 1;
  for (const int64_t length : shape) {
    tensor.add_shape(length);
    count *= length;
  }
  if (raw) {
    tensor.mutable_raw()->resize(static_cast<size_t>(count) * sizeof(float));
  } else {
    tensor.mutable_values()->Resize(static_cast<int>(count), 0.0F);
  }
  return tensor;
}

// Rows that the model takes, with classes in turn or with targets.
v1::Examples MakeExamples(const v1::ModelSpec& spec, const Options& options) {
  v1::Examples examples;
  *examples.mutable_inputs() = MakeTensor(options.rows, spec.input_width(), options.raw);
  const int64_t outputs = spec.layers(spec.layers_size() - 1).units();
  if (IsRegression(spec) || spec.multi_label()) {
    *examples.mutable_targets() = MakeTensor(options.rows, outputs, options.raw);
    return examples;
  }
  for (int64_t i = 0; i < options.rows; ++i) {
    examples.mutable_class_labels()->add_ids(
        static_cast<int32_t>(i % std::max<int64_t>(outputs, 2)));
  }
  return examples;
}

std::string InferRequest(const v1::ModelSpec& spec, const std::string& name,
                         const Options& options) {
  inference::ModelInferRequest request;
  const size_t at = std::min(name.find('@'), name.size());
  const size_t id = name.find('/') + 1;
  request.set_model_name(name.substr(id, at - id));
  if (at < name.size()) request.set_model_version(name.substr(at + 1));
  auto* input = request.add_inputs();
  input->set_name(spec.input_name());
  input->set_datatype("FP32");
  v1::Tensor tensor = MakeTensor(options.rows, spec.input_width(), options.raw);
  *input->mutable_shape() = tensor.shape();
  if (options.raw) {
    request.add_raw_input_contents(std::move(*tensor.mutable_raw()));
  } else {
    *input->mutable_contents()->mutable_fp32_contents() = tensor.values();
  }
  return request.SerializeAsString();
}

template <typename Request>
std::string ExamplesRequest(const v1::ModelSpec& spec, const std::string& name,
                            const Options& options) {
  Request request;
  request.set_model(name);
  *request.mutable_examples() = MakeExamples(spec, options);
  return request.SerializeAsString();
}

// Zeros in the shapes of all layers, from so many workers: the model's weights stay.
std::string ApplyRequest(const v1::ModelSpec& spec, const std::string& name,
                         const Options& options) {
  v1::GradientContribution contribution;
  int64_t inputs = spec.input_width();
  for (int i = 0; i < spec.layers_size(); ++i) {
    const int64_t units = spec.layers(i).units();
    v1::LayerTensors* layer = contribution.add_layers();
    layer->set_index(i);
    *layer->mutable_weights() = MakeZeros({units, inputs}, options.raw);
    *layer->mutable_biases() = MakeZeros({units}, options.raw);
    inputs = units;
  }
  v1::ApplyGradientsRequest request;
  request.set_model(name);
  for (int64_t i = 0; i < options.rows; ++i) *request.add_contributions() = contribution;
  return request.SerializeAsString();
}

void MakeRequest(const v1::Model& model, const Options& options, Load* load) {
  const v1::ModelSpec& spec = model.spec();
  const std::string training = "/chainrule.v1.TrainingService/";
  if (options.rpc == "infer") {
    load->method = "/inference.GRPCInferenceService/ModelInfer";
    load->request = InferRequest(spec, ModelName(options.model), options);
  } else if (options.rpc == "train") {
    load->method = training + "Train";
    load->request = ExamplesRequest<v1::TrainRequest>(spec, ModelName(options.model), options);
  } else if (options.rpc == "gradients") {
    load->method = training + "GetGradients";
    load->request =
        ExamplesRequest<v1::GetGradientsRequest>(spec, ModelName(options.model), options);
  } else if (options.rpc == "apply") {
    load->method = training + "ApplyGradients";
    load->request = ApplyRequest(spec, ModelName(options.model), options);
  } else if (options.rpc == "evaluate") {
    load->method = training + "Evaluate";
    load->request = ExamplesRequest<v1::EvaluateRequest>(spec, ModelName(options.model), options);
  } else {
    v1::PredictRequest request;
    request.set_model(ModelName(options.model));
    *request.mutable_inputs() = MakeTensor(options.rows, spec.input_width(), options.raw);
    load->method = "/chainrule.v1.PredictionService/Predict";
    load->request = request.SerializeAsString();
  }
}

struct Percentile {
  const char* name;
  double fraction;
};
constexpr Percentile kPercentiles[] = {{"min", 0},    {"p50", 0.5},    {"p90", 0.9}, {"p95", 0.95},
                                       {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};

std::string ErrorText(const LoadResult& result) {
  return result.errors > 0 ? client::Describe(result.first_error) : "";
}

google::protobuf::Struct Describe(const Options& options, const Load& load,
                                  const LoadResult& result) {
  google::protobuf::Struct report;
  auto& fields = *report.mutable_fields();
  const auto rows = static_cast<double>(options.rows);
  fields["rpc"].set_string_value(options.rpc);
  fields["model"].set_string_value(options.model);
  fields["rows"].set_number_value(rows);
  fields["concurrency"].set_number_value(options.concurrency);
  fields["seconds"].set_number_value(absl::ToDoubleSeconds(result.elapsed));
  fields["calls"].set_number_value(static_cast<double>(result.calls));
  fields["calls_per_second"].set_number_value(result.CallsPerSecond());
  fields["rows_per_second"].set_number_value(result.CallsPerSecond() * rows);
  size_t request_bytes = load.request.size();
  for (const std::string& message : load.messages) request_bytes += message.size();
  fields["request_bytes"].set_number_value(static_cast<double>(request_bytes));
  fields["reply_bytes"].set_number_value(static_cast<double>(result.reply_bytes));
  fields["errors"].set_number_value(static_cast<double>(result.errors));
  fields["first_error"].set_string_value(ErrorText(result));
  auto& latencies = *fields["latency_us"].mutable_struct_value()->mutable_fields();
  for (const Percentile& percentile : kPercentiles) {
    if (result.calls == 0) break;
    latencies[percentile.name].set_number_value(
        absl::ToDoubleMicroseconds(result.Percentile(percentile.fraction)));
  }
  return report;
}

void PrintResult(const Options& options, const LoadResult& result, std::ostream& out) {
  out << absl::StreamFormat(
      "%.0f calls/s, %.0f rows/s; %d calls in %.2f s, %d in flight, %d errors\n",
      result.CallsPerSecond(), result.CallsPerSecond() * static_cast<double>(options.rows),
      result.calls, absl::ToDoubleSeconds(result.elapsed), options.concurrency, result.errors);
  if (result.errors > 0) out << "first error: " << ErrorText(result) << '\n';
  if (result.calls == 0) return;
  Table table({"latency", "µs"});
  for (const Percentile& percentile : kPercentiles) {
    table.Add({percentile.name,
               absl::StrFormat(
                   "%.0f", absl::ToDoubleMicroseconds(result.Percentile(percentile.fraction)))});
  }
  table.Print(out);
}

// A message of so many rows can be made.
absl::Status CheckRows(const v1::Model& model, const Options& options) {
  const v1::ModelSpec& spec = model.spec();
  const int64_t floats = options.rpc == "apply"
                             ? model.parameter_count()
                             : spec.input_width() + spec.layers(spec.layers_size() - 1).units();
  const int64_t most = kMostBytes / (floats * static_cast<int64_t>(sizeof(float)));
  if (options.rows <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--rows: ", options.rows, "; a message has room for ", most));
}

// Where no call was answered, or the server went away, the measurement failed.
absl::Status Verdict(const LoadResult& result) {
  const bool failed = result.calls == 0 || OriginOf(result.first_error) == Origin::kUnreachable;
  return failed ? result.first_error : absl::OkStatus();
}

// Of rows for a model, or of what the file says.
absl::Status SetCall(const Options& options, Session& session, Load* load) {
  constexpr absl::string_view kMade[] = {"predict",   "infer", "train",
                                         "gradients", "apply", "evaluate"};
  if (std::ranges::find(kMade, options.rpc) == std::end(kMade)) {
    absl::StatusOr<AnyRpc> rpc = FindRpc(options.rpc, options.request);
    if (!rpc.ok()) return rpc.status();
    load->method = std::move(rpc->method);
    load->request = std::move(rpc->request);
    load->streams = rpc->streams;
    load->messages = std::move(rpc->messages);
    return absl::OkStatus();
  }
  if (options.model.empty() || !options.request.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.rpc, " needs --model, and makes its request itself"));
  }
  const absl::StatusOr<v1::Model> model = session.GetModelOf(options.model);
  if (!model.ok()) return model.status();
  if (absl::Status status = CheckRows(*model, options); !status.ok()) return status;
  MakeRequest(*model, options, load);
  return absl::OkStatus();
}

absl::Status Run(const Options& options, Session& session) {
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  Load load;
  if (absl::Status status = SetCall(options, session, &load); !status.ok()) return status;
  load.in_flight = options.concurrency;
  load.duration = options.duration;
  load.token = session.settings().target.token;
  load.timeout = session.settings().target.timeout;
  const absl::StatusOr<LoadResult> result = RunLoad((*client)->channel(), load);
  if (!result.ok()) return result.status();
  if (!session.json()) {
    PrintResult(options, *result, session.out());
  } else if (absl::Status status = session.PrintJson(Describe(options, load, *result));
             !status.ok()) {
    return status;
  }
  return Verdict(*result);
}

}  // namespace

void AddBench(CLI::App* app, Action* action) {
  AddCommand<Options>(app, action, "bench", "Measures calls: how many a second, and how long each",
                      AddFlags, Run);
}

}  // namespace chainrule::client
