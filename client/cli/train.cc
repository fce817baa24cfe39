#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/data_options.h"
#include "client/cli/flags.h"
#include "client/cli/progress.h"
#include "client/cli/table.h"
#include "client/data/selection.h"
#include "client/lib/errors.h"

namespace chainrule::client {
namespace {

struct Options {
  std::string model;
  DataOptions data;
  std::string validation;
  std::string validation_label_file;
  std::string class_weight;
  int64_t epochs = 1;
  int64_t batch_size = 0;
  bool keep_order = false;
  bool normalize = false;
  double validation_fraction = 0;
  int64_t patience = 0;
  double min_delta = 0;
  bool restore_best = false;
  std::optional<double> learning_rate;
  absl::Duration time_limit;
  WriteOptions write;
};

void AddValidationFlags(CLI::App* command, Options* options) {
  CLI::Option* fraction = command->add_option("--validation-fraction", options->validation_fraction,
                                              "This share of the rows is measured on, not learned");
  CLI::Option* file = command
                          ->add_option("--validation", options->validation,
                                       "A file of rows to measure on after each epoch")
                          ->excludes(fraction);
  command
      ->add_option("--validation-label-file", options->validation_label_file,
                   "The IDX file of its labels")
      ->needs(file);
  CLI::Option* patience = command->add_option("--patience", options->patience,
                                              "Stops after so many epochs without improvement");
  patience->check(AtLeast(1));
  command->add_option("--min-delta", options->min_delta, "An improvement is more than this")
      ->needs(patience);
  command->add_flag("--restore-best", options->restore_best, "Ends with the best epoch's weights")
      ->needs(patience);
}

void AddFlags(CLI::App* command, Options* options) {
  command->add_option("MODEL", options->model, "Its name")->required();
  AddFileFlags(command, &options->data, Part::kOthers);
  command->get_option("DATA")->required();
  command->add_option("--weight-column", options->data.weight, "CSV column: what a row counts for");
  command->add_option("--class-weight", options->class_weight, "Lets every class count the same")
      ->check(CLI::IsMember({"balanced"}));
  command->add_option("--epochs", options->epochs, "Passes over the rows; unset: 1")
      ->check(AtLeast(1));
  command->add_option("--batch-size", options->batch_size, "Rows a step; unset: 32")
      ->check(AtLeast(1));
  command->add_flag("--keep-order", options->keep_order, "Does not shuffle");
  command->add_flag("--normalize", options->normalize,
                    "First fits the model's normalisation to these rows; at step 0 only");
  command->add_option("--learning-rate", options->learning_rate,
                      "In place of the model's own, for this call");
  AddDuration(command, "--time-limit", &options->time_limit, "Stops after this long");
  AddValidationFlags(command, options);
  AddWriteOptions(command, &options->write);
}

v1::FitHeader MakeHeader(const Options& options) {
  v1::FitHeader header;
  header.set_model(ModelName(options.model));
  header.set_epochs(options.epochs);
  header.set_batch_size(options.batch_size);
  header.set_keep_order(options.keep_order);
  header.set_fit_normalization(options.normalize);
  header.set_validation_fraction(options.validation_fraction);
  if (options.learning_rate) header.set_learning_rate(*options.learning_rate);
  if (options.time_limit > absl::ZeroDuration()) {
    *header.mutable_time_limit() = ToProto(options.time_limit);
  }
  if (options.patience > 0) {
    header.mutable_early_stopping()->set_patience(options.patience);
    header.mutable_early_stopping()->set_min_delta(options.min_delta);
    header.mutable_early_stopping()->set_restore_best(options.restore_best);
  }
  if (options.write.if_step) header.set_if_step(*options.write.if_step);
  header.set_request_id(options.write.request_id);
  return header;
}

absl::StatusOr<std::unique_ptr<RowSource>> OpenTraining(const Options& options,
                                                        const v1::ModelSpec& spec) {
  auto source = OpenRows(options.data, spec, Need::kExamples, Part::kOthers);
  if (!source.ok() || options.class_weight.empty()) return source;
  if (LabelsOf(spec, options.data.labels.size()).kind() != LabelKind::kClasses) {
    return absl::InvalidArgumentError("--class-weight needs labels that are classes");
  }
  const absl::StatusOr<std::vector<float>> weights =
      BalancedWeights(source->get(), ClassCount(spec));
  if (!weights.ok()) return weights.status();
  source = OpenRows(options.data, spec, Need::kExamples, Part::kOthers);
  if (!source.ok()) return source;
  return WeighClasses(*std::move(source), *weights);
}

// Null where there is no such file.
absl::StatusOr<std::unique_ptr<RowSource>> OpenValidation(const Options& options,
                                                          const v1::ModelSpec& spec) {
  if (options.validation.empty()) return nullptr;
  DataOptions data = options.data;
  data.path = options.validation;
  data.label_file = options.validation_label_file;
  data.folds = 1;
  data.fold = 0;
  data.limit = 0;
  return OpenRows(data, spec, Need::kExamples, Part::kHeldOut);
}

void PrintResult(const v1::TrainResponse& result, Session& session) {
  session.out() << "loss " << Number(result.loss()) << ", " << result.steps_taken()
                << " steps, model at step " << result.model_step() << ", "
                << EnumName(v1::StopReason_descriptor(), result.stop_reason());
  if (result.has_best_epoch()) session.out() << ", best epoch " << result.best_epoch();
  session.out() << (result.replayed() ? ", replayed\n" : "\n");
}

// With what may help where training diverged.
absl::Status Explain(const absl::Status& status, const Options& options,
                     const v1::ModelSpec& spec) {
  if (ReasonOf(status) != "DIVERGED") return status;
  const bool is_normalized = options.normalize || spec.has_normalization();
  return WithHint(status, is_normalized
                              ? "a smaller --learning-rate may help"
                              : "--normalize, with a new model, or a smaller --learning-rate may "
                                "help");
}

absl::Status Run(const Options& options, Session& session) {
  const absl::StatusOr<v1::Model> model = session.GetModel(options.model);
  if (!model.ok()) return model.status();
  const auto training = OpenTraining(options, model->spec());
  if (!training.ok()) return training.status();
  const auto validation = OpenValidation(options, model->spec());
  if (!validation.ok()) return validation.status();
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  Progress progress(options.epochs,
                    session.json()              ? Progress::Style::kNone
                    : session.out_is_terminal() ? Progress::Style::kBar
                                                : Progress::Style::kLines,
                    &session.out());
  const absl::StatusOr<v1::TrainResponse> result =
      (*client)->Fit(MakeHeader(options), training->get(), validation->get(),
                     [&](const v1::FitResponse& response) { progress.Show(response); });
  progress.End();
  if (!result.ok()) return Explain(result.status(), options, model->spec());
  if (session.json()) return session.PrintJson(*result);
  PrintResult(*result, session);
  return absl::OkStatus();
}

}  // namespace

void AddTrain(CLI::App* app, Action* action) {
  AddCommand<Options>(app, action, "train", "Trains a model on a file", AddFlags, Run);
}

}  // namespace chainrule::client
