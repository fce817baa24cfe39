// NetworkSpec: what a network is, before it has any parameters.  Plain values,
// resolved: nothing is "unset" here (server/convert fills in the defaults and
// answers for what callers send).  Thread-compatible.
#ifndef CHAINRULE_ENGINE_NN_SPEC_H_
#define CHAINRULE_ENGINE_NN_SPEC_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "engine/kernels/activation.h"
#include "engine/kernels/loss.h"
#include "engine/kernels/update.h"

namespace chainrule::engine {

enum class Initializer : uint8_t {
  kXavierUniform,
  kXavierNormal,
  kHeUniform,
  kHeNormal,
  kZeros,
};

struct LayerSpec {
  int64_t units = 0;
  ActivationFunction activation;
  Initializer initializer = Initializer::kXavierUniform;
  float dropout = 0.0F;  // the probability that an output is dropped while training, [0, 1)
  float l1 = 0.0F;
  float l2 = 0.0F;
};

enum class ScheduleKind : uint8_t { kConstant, kStep, kExponential, kCosine, kInverseTime };

// The learning rate as a function of the model's step s, η₀ being the base rate:
//   STEP          η₀·gamma^⌊s/period⌋
//   EXPONENTIAL   η₀·gamma^(s/period)
//   COSINE        η_min + ½(η₀−η_min)(1+cos(π·min(s,period)/period)), η_min = η₀·floor
//   INVERSE_TIME  η₀/(1+gamma·s/period)
// and in the first warmup_steps steps that times (s+1)/warmup_steps; s counts on
// from the warm-up's end in the formulas.
struct ScheduleSpec {
  ScheduleKind kind = ScheduleKind::kConstant;
  double gamma = 1.0;
  int64_t period = 1;
  double floor = 0.0;
  int64_t warmup_steps = 0;
};

struct OptimizerSpec {
  OptimizerKind kind = OptimizerKind::kSgd;
  double learning_rate = 0.1;
  double momentum = 0.0;
  bool nesterov = false;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double rho = 0.99;
  double weight_decay = 0.0;
  double clip_value = std::numeric_limits<double>::infinity();
  double clip_norm = std::numeric_limits<double>::infinity();
  ScheduleSpec schedule;
};

struct NetworkSpec {
  int64_t input_width = 0;
  std::vector<LayerSpec> layers;  // at least one
  LossFunction loss;
  bool multi_label = false;
  int64_t seed = 0;
  OptimizerSpec optimizer;

  int64_t output_width() const { return layers.back().units; }
};

// Whether the loss is one of regression (targets have units of their own and may
// be standardised) or of classification.
inline bool IsRegression(Loss loss) {
  return loss == Loss::kMeanSquaredError || loss == Loss::kHuber;
}

// BINARY_CROSS_ENTROPY goes with SIGMOID, CATEGORICAL_CROSS_ENTROPY with SOFTMAX,
// the losses of regression with anything but SOFTMAX.
inline bool LossFits(Loss loss, Activation last) {
  switch (loss) {
    case Loss::kBinaryCrossEntropy:
      return last == Activation::kSigmoid;
    case Loss::kCategoricalCrossEntropy:
      return last == Activation::kSoftmax;
    case Loss::kMeanSquaredError:
    case Loss::kHuber:
      return last != Activation::kSoftmax;
  }
  return false;
}

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_NN_SPEC_H_
