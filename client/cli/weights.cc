#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/flags.h"
#include "client/cli/json_file.h"
#include "client/cli/table.h"

namespace chainrule::client {
namespace {

struct ShowOptions {
  std::string model;
  std::vector<int32_t> layers;
};

absl::Status Show(const ShowOptions& options, Session& session) {
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  v1::GetWeightsRequest request;
  request.set_model(ModelName(options.model));
  request.mutable_layer_indexes()->Assign(options.layers.begin(), options.layers.end());
  request.set_encoding(v1::TENSOR_ENCODING_VALUES);
  const absl::StatusOr<v1::GetWeightsResponse> weights = (*client)->GetWeights(request);
  if (!weights.ok()) return weights.status();
  if (session.json()) return session.PrintJson(*weights);
  Table table({"layer", "tensor", "shape", "norm", "largest"});
  for (const v1::LayerTensors& layer : weights->layers()) {
    const std::string index = absl::StrCat(layer.index());
    table.Add({index, "weights", ShapeOf(layer.weights()), Number(Norm(layer.weights())),
               Number(Largest(layer.weights()))});
    table.Add({index, "biases", ShapeOf(layer.biases()), Number(Norm(layer.biases())),
               Number(Largest(layer.biases()))});
  }
  table.Print(session.out());
  session.out() << "step " << weights->model_step() << '\n';
  return absl::OkStatus();
}

struct SetOptions {
  std::string model;
  std::string file;
  std::vector<int32_t> layers;
  bool reset_optimizer = false;
  WriteOptions write;
};

void AddSetFlags(CLI::App* command, SetOptions* options) {
  command->add_option("MODEL", options->model, "Its name")->required();
  command
      ->add_option(
          "FILE", options->file,
          "{\"layers\": [...]} as `weights show --output=json` prints; - is standard input")
      ->required();
  AddLayers(command, &options->layers);
  command->add_flag("--reset-optimizer", options->reset_optimizer, "Forgets momentum and the like");
  AddWriteOptions(command, &options->write);
}

// Keeps those layers that --layers names; INVALID_ARGUMENT for one that is not there.
absl::Status Choose(const SetOptions& options, v1::SetWeightsRequest* request) {
  if (options.layers.empty()) return absl::OkStatus();
  google::protobuf::RepeatedPtrField<v1::LayerTensors> chosen;
  for (const int32_t index : options.layers) {
    const auto found = std::find_if(request->layers().begin(), request->layers().end(),
                                    [&](const auto& layer) { return layer.index() == index; });
    if (found == request->layers().end()) {
      return absl::InvalidArgumentError(absl::StrCat(options.file, ": no layer ", index));
    }
    *chosen.Add() = *found;
  }
  request->mutable_layers()->Swap(&chosen);
  return absl::OkStatus();
}

absl::Status Set(const SetOptions& options, Session& session) {
  v1::GetWeightsResponse file;
  absl::Status status = ReadJson(options.file, false, &file);
  if (!status.ok()) return status;
  v1::SetWeightsRequest request;
  request.set_model(ModelName(options.model));
  request.mutable_layers()->Swap(file.mutable_layers());
  request.set_reset_optimizer(options.reset_optimizer);
  if (options.write.if_step) request.set_if_step(*options.write.if_step);
  request.set_request_id(options.write.request_id);
  status = Choose(options, &request);
  if (!status.ok()) return status;
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  const absl::StatusOr<v1::SetWeightsResponse> answer = (*client)->SetWeights(request);
  if (!answer.ok()) return answer.status();
  if (session.json()) return session.PrintJson(*answer);
  session.out() << "model at step " << answer->model_step()
                << (answer->replayed() ? ", replayed\n" : "\n");
  return absl::OkStatus();
}

}  // namespace

void AddWeights(CLI::App* app, Action* action) {
  CLI::App* weights = app->add_subcommand("weights", "Shows and sets a model's parameters");
  weights->require_subcommand(1);
  AddCommand<ShowOptions>(
      weights, action, "show", "Shows shapes and norms; --output=json has the numbers",
      [](CLI::App* command, ShowOptions* options) {
        command->add_option("MODEL", options->model, "Its name, or a version's: iris@3, iris@prod")
            ->required();
        AddLayers(command, &options->layers);
      },
      Show);
  AddCommand<SetOptions>(weights, action, "set", "Replaces whole tensors; what is absent stays",
                         AddSetFlags, Set);
}

}  // namespace chainrule::client
