#include "client/cli/ending.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/flags.h"

namespace chainrule::client {
namespace {

bool IsOfNumbers(v1::Loss loss) {
  return loss == v1::LOSS_MEAN_SQUARED_ERROR || loss == v1::LOSS_HUBER;
}

v1::Activation ActivationOf(v1::Loss loss) {
  if (loss == v1::LOSS_CATEGORICAL_CROSS_ENTROPY) return v1::ACTIVATION_SOFTMAX;
  return IsOfNumbers(loss) ? v1::ACTIVATION_IDENTITY : v1::ACTIVATION_SIGMOID;
}

bool GoTogether(v1::Loss loss, v1::Activation activation) {
  return IsOfNumbers(loss) ? activation != v1::ACTIVATION_SOFTMAX
                           : activation == ActivationOf(loss);
}

// `loss` where it goes with the activation, else one that does.
v1::Loss LossOf(v1::Activation activation, v1::Loss loss) {
  if (loss != v1::LOSS_UNSPECIFIED && GoTogether(loss, activation)) return loss;
  if (activation == v1::ACTIVATION_SOFTMAX) return v1::LOSS_CATEGORICAL_CROSS_ENTROPY;
  if (activation == v1::ACTIVATION_SIGMOID) return v1::LOSS_BINARY_CROSS_ENTROPY;
  return v1::LOSS_MEAN_SQUARED_ERROR;
}

std::string FlagOf(v1::Loss loss) {
  return absl::StrCat("--loss ", EnumName(v1::Loss_descriptor(), loss));
}

std::string FlagOf(v1::Activation activation) {
  return absl::StrCat("--output-activation ", EnumName(v1::Activation_descriptor(), activation));
}

// What goes with `flag` in the place of `other`, or nothing.
absl::Status Contradiction(const std::string& flag, const std::string& other,
                           const std::string& right) {
  const char* instead = right.empty() ? "" : "; it goes with ";
  return absl::InvalidArgumentError(
      absl::StrCat(flag, " does not go with ", other, instead, right));
}

absl::Status CheckLoss(const Ending& ending) {
  if (ending.loss == v1::LOSS_UNSPECIFIED) return absl::OkStatus();
  const bool has_activation = ending.activation != v1::ACTIVATION_UNSPECIFIED;
  if (has_activation && !GoTogether(ending.loss, ending.activation)) {
    return Contradiction(FlagOf(ending.loss), FlagOf(ending.activation),
                         EnumName(v1::Activation_descriptor(), ActivationOf(ending.loss)));
  }
  if (ending.regression && !IsOfNumbers(ending.loss)) {
    return Contradiction("--regression", FlagOf(ending.loss), "mean_squared_error and huber");
  }
  if (ending.multi_label && ending.loss != v1::LOSS_BINARY_CROSS_ENTROPY) {
    return Contradiction("--multi-label", FlagOf(ending.loss), "binary_cross_entropy");
  }
  return absl::OkStatus();
}

v1::Loss ChooseLoss(const Ending& ending, bool made, const v1::ModelSpec& spec) {
  if (ending.loss != v1::LOSS_UNSPECIFIED) return ending.loss;
  if (ending.regression) return v1::LOSS_MEAN_SQUARED_ERROR;
  if (ending.activation != v1::ACTIVATION_UNSPECIFIED) {
    return LossOf(ending.activation, spec.loss());
  }
  if (ending.multi_label) return v1::LOSS_BINARY_CROSS_ENTROPY;
  return made && spec.class_names_size() > 2 ? v1::LOSS_CATEGORICAL_CROSS_ENTROPY : spec.loss();
}

// `now` is what the last layer has.
v1::Activation ChooseActivation(const Ending& ending, v1::Loss loss, v1::Activation now) {
  if (ending.activation != v1::ACTIVATION_UNSPECIFIED) return ending.activation;
  if (ending.regression) return v1::ACTIVATION_IDENTITY;
  const bool stays = now != v1::ACTIVATION_UNSPECIFIED && GoTogether(loss, now);
  return loss == v1::LOSS_UNSPECIFIED || stays ? now : ActivationOf(loss);
}

}  // namespace

absl::Status CheckEnding(const Ending& ending) {
  if (ending.regression && ending.multi_label) {
    return Contradiction("--regression", "--multi-label", "");
  }
  if (ending.regression && ending.activation == v1::ACTIVATION_SOFTMAX) {
    return Contradiction("--regression", FlagOf(ending.activation), "identity");
  }
  const bool has_other = ending.activation != v1::ACTIVATION_UNSPECIFIED &&
                         ending.activation != v1::ACTIVATION_SIGMOID;
  if (ending.multi_label && has_other) {
    return Contradiction("--multi-label", FlagOf(ending.activation), "sigmoid");
  }
  return CheckLoss(ending);
}

bool IsForNumbers(const Ending& ending) {
  if (ending.regression || IsOfNumbers(ending.loss)) return true;
  const bool is_open =
      ending.loss == v1::LOSS_UNSPECIFIED && ending.activation != v1::ACTIVATION_UNSPECIFIED;
  return is_open && IsOfNumbers(LossOf(ending.activation, v1::LOSS_UNSPECIFIED));
}

bool IsForClasses(const Ending& ending) {
  const bool says_something =
      ending.loss != v1::LOSS_UNSPECIFIED || ending.activation != v1::ACTIVATION_UNSPECIFIED;
  return says_something && !IsForNumbers(ending);
}

void SetEnding(const Ending& ending, bool made, v1::ModelSpec* spec) {
  v1::LayerSpec& last = *spec->mutable_layers()->rbegin();
  spec->set_loss(ChooseLoss(ending, made, *spec));
  last.set_activation(ChooseActivation(ending, spec->loss(), last.activation()));
}

}  // namespace chainrule::client
