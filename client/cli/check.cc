#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/flags.h"
#include "client/cli/one_message.h"
#include "client/cli/table.h"

namespace chainrule::client {
namespace {

struct Options {
  std::string model;
  DataOptions data;
  int64_t samples = 0;
};

void AddFlags(CLI::App* command, Options* options) {
  command->add_option("MODEL", options->model, "Its name, or a version's: iris@3, iris@prod")
      ->required();
  AddFileFlags(command, &options->data, Part::kHeldOut);
  AddRowFlags(command, &options->data, Need::kExamples);
  command->add_option("--samples", options->samples, "Parameters to compare; unset: 100")
      ->check(AtLeast(1));
}

std::string Place(const v1::CheckedParameter& parameter) {
  if (parameter.is_bias()) {
    return absl::StrCat("layer ", parameter.layer_index(), " biases[", parameter.unit(), "]");
  }
  return absl::StrCat("layer ", parameter.layer_index(), " weights[", parameter.unit(), ", ",
                      parameter.input(), "]");
}

void PrintAnswer(const v1::CheckGradientsResponse& answer, std::ostream& out) {
  const v1::CheckedParameter& worst = answer.worst();
  out << "largest relative error " << Number(answer.max_relative_error()) << " over "
      << answer.samples() << " parameters, step " << answer.model_step() << '\n'
      << "worst: " << Place(worst) << ", back-propagation " << Number(worst.gradient())
      << ", central difference " << Number(worst.central_difference()) << '\n';
}

absl::Status Run(const Options& options, Session& session) {
  absl::StatusOr<OneMessage> question = Prepare(options.model, options.data, session);
  if (!question.ok()) return question.status();
  v1::CheckGradientsRequest request;
  request.set_model(ModelName(options.model));
  *request.mutable_examples() = std::move(question->examples);
  request.set_samples(options.samples);
  const absl::StatusOr<v1::CheckGradientsResponse> answer =
      (*session.client())->CheckGradients(request);
  if (!answer.ok()) return answer.status();
  if (session.json()) return session.PrintJson(*answer);
  PrintAnswer(*answer, session.out());
  return absl::OkStatus();
}

}  // namespace

void AddCheck(CLI::App* app, Action* action) {
  AddCommand<Options>(app, action, "check", "Compares back-propagation with central differences",
                      AddFlags, Run);
}

}  // namespace chainrule::client
