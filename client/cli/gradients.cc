#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/flags.h"
#include "client/cli/one_message.h"
#include "client/cli/table.h"

namespace chainrule::client {
namespace {

constexpr size_t kShownInputs = 10;

struct Options {
  std::string model;
  DataOptions data;
  std::vector<std::string> wrt = {"parameters"};
  std::vector<int32_t> layers;
  bool example_norms = false;
};

void AddFlags(CLI::App* command, Options* options) {
  command->add_option("MODEL", options->model, "Its name, or a version's: iris@3, iris@prod")
      ->required();
  AddFileFlags(command, &options->data, Part::kHeldOut);
  AddRowFlags(command, &options->data, Need::kExamples);
  command->add_option("--weight-column", options->data.weight, "CSV column: what a row counts for");
  AddList(command, "--wrt", &options->wrt, "By what: parameters (unset), inputs, activations")
      ->check(CLI::IsMember({"parameters", "inputs", "activations"}));
  AddLayers(command, &options->layers);
  command->add_flag("--example-norms", options->example_norms,
                    "Also the norm of each example's own gradient");
}

v1::GetGradientsRequest MakeRequest(const Options& options) {
  v1::GetGradientsRequest request;
  request.set_model(ModelName(options.model));
  for (const std::string& wrt : options.wrt) {
    const int target = EnumValue(v1::GradientTarget_descriptor(), wrt);
    request.add_wrt(static_cast<v1::GradientTarget>(target));
  }
  request.mutable_layer_indexes()->Assign(options.layers.begin(), options.layers.end());
  request.set_example_norms(options.example_norms);
  request.set_encoding(v1::TENSOR_ENCODING_VALUES);
  return request;
}

void AddTensor(int32_t layer, const char* name, const v1::Tensor& tensor, Table* table) {
  table->Add(
      {absl::StrCat(layer), name, ShapeOf(tensor), Number(Norm(tensor)), Number(Largest(tensor))});
}

void PrintTensors(const v1::GetGradientsResponse& answer, std::ostream& out) {
  Table table({"layer", "tensor", "shape", "norm", "largest"});
  for (const v1::LayerTensors& layer : answer.layers()) {
    AddTensor(layer.index(), "weights", layer.weights(), &table);
    AddTensor(layer.index(), "biases", layer.biases(), &table);
  }
  for (const v1::LayerActivations& layer : answer.activations()) {
    AddTensor(layer.index(), "z", layer.z(), &table);
    AddTensor(layer.index(), "a", layer.a(), &table);
    AddTensor(layer.index(), "dz", layer.dz(), &table);
    AddTensor(layer.index(), "da", layer.da(), &table);
  }
  table.Print(out);
}

// Each column's norm over the rows.
std::vector<double> ColumnNorms(const v1::Tensor& gradients) {
  std::vector<double> norms(static_cast<size_t>(gradients.shape(1)));
  for (int i = 0; i < gradients.values_size(); ++i) {
    const double value = double{gradients.values(i)};
    norms[static_cast<size_t>(i) % norms.size()] += value * value;
  }
  for (double& norm : norms) norm = std::sqrt(norm);
  return norms;
}

// The inputs that the loss depends on most.
void PrintInputs(const v1::ModelSpec& spec, const v1::Tensor& gradients, std::ostream& out) {
  const std::vector<double> norms = ColumnNorms(gradients);
  std::vector<size_t> order(norms.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return norms[a] > norms[b]; });
  const size_t shown = std::min(kShownInputs, order.size());
  Table table({"input", "norm"});
  for (size_t i = 0; i < shown; ++i) {
    const bool has_names = spec.feature_names_size() == gradients.shape(1);
    table.Add({has_names ? spec.feature_names(static_cast<int>(order[i]))
                         : absl::StrCat("column ", order[i]),
               Number(norms[order[i]])});
  }
  table.Print(out);
  if (shown < order.size()) out << "and " << order.size() - shown << " more\n";
}

void PrintNorms(const v1::GetGradientsResponse& answer, std::ostream& out) {
  Table table({"example", "norm"});
  for (int i = 0; i < answer.example_norms_size(); ++i) {
    table.Add({absl::StrCat(i + 1), Number(answer.example_norms(i))});
  }
  table.Print(out);
}

void PrintAnswer(const v1::ModelSpec& spec, const v1::GetGradientsResponse& answer,
                 std::ostream& out) {
  out << "loss " << Number(answer.loss()) << ", penalty " << Number(answer.penalty())
      << ", weight of the rows " << Number(answer.weight_sum()) << ", step " << answer.model_step()
      << "\n";
  if (answer.layers_size() + answer.activations_size() > 0) PrintTensors(answer, out);
  if (answer.input_gradients().shape_size() == 2) PrintInputs(spec, answer.input_gradients(), out);
  if (answer.example_norms_size() > 0) PrintNorms(answer, out);
}

absl::Status Run(const Options& options, Session& session) {
  absl::StatusOr<Question> question = Open(options.model, options.data, session);
  if (!question.ok()) return question.status();
  const absl::StatusOr<v1::GetGradientsResponse> answer =
      (*session.client())->GetGradients(MakeRequest(options), question->rows.get());
  if (!answer.ok()) return answer.status();
  if (session.json()) return session.PrintJson(*answer);
  PrintAnswer(question->model.spec(), *answer, session.out());
  return absl::OkStatus();
}

}  // namespace

void AddGradients(CLI::App* app, Action* action) {
  AddCommand<Options>(app, action, "gradients",
                      "Gradients of the loss on labelled rows; --output=json has the numbers",
                      AddFlags, Run);
}

}  // namespace chainrule::client
