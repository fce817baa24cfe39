#include "client/cli/optimizer_options.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/cli/flags.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace chainrule::client {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Sets `field` of *message, which is what the flag --`flag` belongs to.
template <typename T>
absl::Status Set(const std::optional<T>& value, const char* flag, const char* field,
                 const std::string& kind, Message* message) {
  if (!value) return absl::OkStatus();
  const FieldDescriptor* found = message->GetDescriptor()->FindFieldByName(field);
  if (found == nullptr) return absl::InvalidArgumentError(absl::StrCat(kind, " has no ", flag));
  const google::protobuf::Reflection* reflection = message->GetReflection();
  if constexpr (std::is_same_v<T, double>) {
    reflection->SetDouble(message, found, *value);
  } else if constexpr (std::is_same_v<T, bool>) {
    reflection->SetBool(message, found, *value);
  } else {
    reflection->SetInt64(message, found, *value);
  }
  return absl::OkStatus();
}

// The message of the oneof `kind` that is called `name`, made if it is not there.
Message* MutableKind(Message* message, const std::string& name) {
  const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(name);
  return message->GetReflection()->MutableMessage(message, field);
}

// Which one of the oneof `kind` is meant: the flag's, else what is set, else the default.
std::string KindOf(const std::string& flag, const Message& message, const char* otherwise) {
  if (!flag.empty()) return flag;
  const auto* kinds = message.GetDescriptor()->FindOneofByName("kind");
  const auto* set = message.GetReflection()->GetOneofFieldDescriptor(message, kinds);
  return set == nullptr ? otherwise : set->name();
}

absl::Status SetSchedule(const OptimizerOptions& options, v1::Schedule* schedule) {
  const std::string kind = KindOf(options.schedule, *schedule, "constant");
  Message* message = MutableKind(schedule, kind);
  if (options.warmup > 0) schedule->set_warmup_steps(options.warmup);
  const std::string name = absl::StrCat("schedule ", kind);
  absl::Status status;
  status.Update(Set(options.schedule_period, "--schedule-period", "period_steps", name, message));
  status.Update(Set(options.schedule_gamma, "--schedule-gamma", "gamma", name, message));
  status.Update(Set(options.schedule_floor, "--schedule-floor", "floor", name, message));
  status.Update(Set(options.schedule_decay, "--schedule-decay", "decay", name, message));
  return status;
}

bool HasSchedule(const OptimizerOptions& options) {
  return !options.schedule.empty() || options.schedule_period || options.schedule_gamma ||
         options.schedule_floor || options.schedule_decay || options.warmup > 0;
}

absl::Status SetKind(const OptimizerOptions& options, v1::Optimizer* optimizer) {
  const bool has_any = !options.kind.empty() || options.momentum || options.nesterov ||
                       options.beta1 || options.beta2 || options.rho || options.epsilon;
  if (!has_any) return absl::OkStatus();
  const std::string kind = KindOf(options.kind, *optimizer, "sgd");
  Message* message = MutableKind(optimizer, kind);
  const auto nesterov = options.nesterov ? std::optional(true) : std::nullopt;
  absl::Status status;
  status.Update(Set(options.momentum, "--momentum", "momentum", kind, message));
  status.Update(Set(nesterov, "--nesterov", "nesterov", kind, message));
  status.Update(Set(options.beta1, "--beta1", "beta1", kind, message));
  status.Update(Set(options.beta2, "--beta2", "beta2", kind, message));
  status.Update(Set(options.rho, "--rho", "rho", kind, message));
  status.Update(Set(options.epsilon, "--epsilon", "epsilon", kind, message));
  return status;
}

}  // namespace

void AddOptimizerFlags(CLI::App* app, OptimizerOptions* options) {
  OptimizerOptions& o = *options;
  CLI::Option_group* group = app->add_option_group("Optimizer");
  group->add_option("--optimizer", o.kind, "Unset: sgd")
      ->transform(CLI::IsMember({"sgd", "adam", "adamw", "rmsprop", "adagrad"}, CLI::ignore_case));
  group->add_option("--learning-rate", o.learning_rate,
                    "Unset: 0.1 for sgd, 0.01 for adagrad, else 0.001");
  group->add_option("--momentum", o.momentum, "Of sgd and rmsprop");
  group->add_flag("--nesterov", o.nesterov, "Of sgd");
  group->add_option("--beta1", o.beta1, "Of adam and adamw; unset: 0.9");
  group->add_option("--beta2", o.beta2, "Of adam and adamw; unset: 0.999");
  group->add_option("--rho", o.rho, "Of rmsprop; unset: 0.99");
  group->add_option("--epsilon", o.epsilon, "Of all but sgd");
  group->add_option("--weight-decay", o.weight_decay, "Decoupled; unset: 0.01 for adamw, else 0");
  group->add_option("--clip-norm", o.clip_norm, "The longest gradient");
  group->add_option("--clip-value", o.clip_value, "The largest element of the gradient");
  group->add_option("--schedule", o.schedule, "Of the learning rate; unset: constant")
      ->transform(CLI::IsMember({"constant", "step", "exponential", "cosine", "inverse_time"},
                                CLI::ignore_case));
  group->add_option("--schedule-period", o.schedule_period, "Steps");
  group->add_option("--schedule-gamma", o.schedule_gamma, "Of step and exponential");
  group->add_option("--schedule-floor", o.schedule_floor, "Of cosine");
  group->add_option("--schedule-decay", o.schedule_decay, "Of inverse_time");
  group->add_option("--warmup", o.warmup, "Steps in which the rate rises; 0: none")
      ->check(AtLeast(0));
}

absl::Status SetOptimizer(const OptimizerOptions& options, v1::Optimizer* optimizer) {
  absl::Status status = SetKind(options, optimizer);
  if (options.learning_rate) optimizer->set_learning_rate(*options.learning_rate);
  if (options.weight_decay) optimizer->set_weight_decay(*options.weight_decay);
  if (options.clip_value) optimizer->set_clip_value(*options.clip_value);
  if (options.clip_norm) optimizer->set_clip_norm(*options.clip_norm);
  if (HasSchedule(options)) status.Update(SetSchedule(options, optimizer->mutable_schedule()));
  return status;
}

}  // namespace chainrule::client
