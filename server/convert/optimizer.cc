#include "server/convert/optimizer.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/convert/ranges.h"

namespace chainrule::server {
namespace {

using engine::OptimizerKind;
using engine::OptimizerSpec;

// Reads fields below a path.
struct Fields {
  absl::string_view path;
  Violations* violations;

  double Float(double value, const Range& range, absl::string_view name) const {
    CheckFloat(value, range, absl::StrCat(path, ".", name), violations);
    return value;
  }
};

void ReadSgd(const v1::Sgd& sgd, const Fields& fields, OptimizerSpec* spec) {
  spec->kind = OptimizerKind::kSgd;
  spec->momentum = fields.Float(sgd.momentum(), kBelowOne, "sgd.momentum");
  spec->nesterov = sgd.nesterov();
  if (spec->nesterov && spec->momentum == 0) {
    fields.violations->Add(absl::StrCat(fields.path, ".sgd.nesterov"),
                           "true; requires momentum above 0");
  }
}

// Adam and AdamW have the same fields.
template <typename Message>
void ReadAdam(const Message& adam, OptimizerKind kind, absl::string_view name, const Fields& fields,
              OptimizerSpec* spec) {
  const auto read = [&](bool is_set, double value, double unset, const Range& range,
                        absl::string_view field) {
    return fields.Float(is_set ? value : unset, range, absl::StrCat(name, ".", field));
  };
  spec->kind = kind;
  spec->beta1 = read(adam.has_beta1(), adam.beta1(), 0.9, kBelowOne, "beta1");
  spec->beta2 = read(adam.has_beta2(), adam.beta2(), 0.999, kBelowOne, "beta2");
  spec->epsilon = read(adam.has_epsilon(), adam.epsilon(), 1e-8, kPositive, "epsilon");
}

void ReadRmsProp(const v1::RmsProp& rmsprop, const Fields& fields, OptimizerSpec* spec) {
  spec->kind = OptimizerKind::kRmsProp;
  spec->rho = fields.Float(rmsprop.has_rho() ? rmsprop.rho() : 0.99, kBelowOne, "rmsprop.rho");
  spec->epsilon =
      fields.Float(rmsprop.has_epsilon() ? rmsprop.epsilon() : 1e-8, kPositive, "rmsprop.epsilon");
  spec->momentum = fields.Float(rmsprop.momentum(), kBelowOne, "rmsprop.momentum");
}

void ReadAdagrad(const v1::Adagrad& adagrad, const Fields& fields, OptimizerSpec* spec) {
  spec->kind = OptimizerKind::kAdagrad;
  spec->epsilon =
      fields.Float(adagrad.has_epsilon() ? adagrad.epsilon() : 1e-10, kPositive, "adagrad.epsilon");
}

void ReadKind(const v1::Optimizer& optimizer, const Fields& fields, OptimizerSpec* spec) {
  switch (optimizer.kind_case()) {
    case v1::Optimizer::kSgd:
    case v1::Optimizer::KIND_NOT_SET:
      return ReadSgd(optimizer.sgd(), fields, spec);
    case v1::Optimizer::kAdam:
      return ReadAdam(optimizer.adam(), OptimizerKind::kAdam, "adam", fields, spec);
    case v1::Optimizer::kAdamw:
      return ReadAdam(optimizer.adamw(), OptimizerKind::kAdamW, "adamw", fields, spec);
    case v1::Optimizer::kRmsprop:
      return ReadRmsProp(optimizer.rmsprop(), fields, spec);
    case v1::Optimizer::kAdagrad:
      return ReadAdagrad(optimizer.adagrad(), fields, spec);
  }
}

double DefaultLearningRate(OptimizerKind kind) {
  if (kind == OptimizerKind::kSgd) return 0.1;
  return kind == OptimizerKind::kAdagrad ? 0.01 : 0.001;
}

template <typename Message>
void WriteAdam(const OptimizerSpec& spec, Message* adam) {
  adam->set_beta1(spec.beta1);
  adam->set_beta2(spec.beta2);
  adam->set_epsilon(spec.epsilon);
}

void WriteKind(const OptimizerSpec& spec, v1::Optimizer* optimizer) {
  switch (spec.kind) {
    case OptimizerKind::kSgd:
      optimizer->mutable_sgd()->set_momentum(spec.momentum);
      optimizer->mutable_sgd()->set_nesterov(spec.nesterov);
      return;
    case OptimizerKind::kAdam:
      return WriteAdam(spec, optimizer->mutable_adam());
    case OptimizerKind::kAdamW:
      return WriteAdam(spec, optimizer->mutable_adamw());
    case OptimizerKind::kRmsProp:
      optimizer->mutable_rmsprop()->set_rho(spec.rho);
      optimizer->mutable_rmsprop()->set_epsilon(spec.epsilon);
      optimizer->mutable_rmsprop()->set_momentum(spec.momentum);
      return;
    case OptimizerKind::kAdagrad:
      return optimizer->mutable_adagrad()->set_epsilon(spec.epsilon);
  }
}

}  // namespace

engine::OptimizerSpec ReadOptimizer(const v1::Optimizer& optimizer, absl::string_view field,
                                    Violations* violations) {
  const Fields fields{field, violations};
  OptimizerSpec spec;
  ReadKind(optimizer, fields, &spec);
  spec.learning_rate = fields.Float(
      optimizer.has_learning_rate() ? optimizer.learning_rate() : DefaultLearningRate(spec.kind),
      kPositive, "learning_rate");
  const double default_decay = spec.kind == OptimizerKind::kAdamW ? 0.01 : 0.0;
  spec.weight_decay =
      fields.Float(optimizer.has_weight_decay() ? optimizer.weight_decay() : default_decay,
                   kNotNegative, "weight_decay");
  if (optimizer.has_clip_value()) {
    spec.clip_value = fields.Float(optimizer.clip_value(), kPositive, "clip_value");
  }
  if (optimizer.has_clip_norm()) {
    spec.clip_norm = fields.Float(optimizer.clip_norm(), kPositive, "clip_norm");
  }
  spec.schedule = ReadSchedule(optimizer.schedule(), absl::StrCat(field, ".schedule"), violations);
  return spec;
}

void WriteOptimizer(const engine::OptimizerSpec& spec, v1::Optimizer* optimizer) {
  WriteKind(spec, optimizer);
  optimizer->set_learning_rate(spec.learning_rate);
  optimizer->set_weight_decay(spec.weight_decay);
  if (std::isfinite(spec.clip_value)) optimizer->set_clip_value(spec.clip_value);
  if (std::isfinite(spec.clip_norm)) optimizer->set_clip_norm(spec.clip_norm);
  WriteSchedule(spec.schedule, optimizer->mutable_schedule());
}

}  // namespace chainrule::server
