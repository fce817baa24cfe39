#include "server/convert/enums.h"

#include <cstddef>
#include <utility>

namespace chainrule::server {
namespace {

template <typename Proto, typename Engine>
using Pair = std::pair<Proto, Engine>;

// In the order of the engine's enum: WriteX indexes by it (a test looks at every value).
constexpr Pair<v1::Activation, engine::Activation> kActivations[] = {
    {v1::ACTIVATION_SIGMOID, engine::Activation::kSigmoid},
    {v1::ACTIVATION_TANH, engine::Activation::kTanh},
    {v1::ACTIVATION_RELU, engine::Activation::kRelu},
    {v1::ACTIVATION_LEAKY_RELU, engine::Activation::kLeakyRelu},
    {v1::ACTIVATION_GELU, engine::Activation::kGelu},
    {v1::ACTIVATION_SOFTPLUS, engine::Activation::kSoftplus},
    {v1::ACTIVATION_IDENTITY, engine::Activation::kIdentity},
    {v1::ACTIVATION_SOFTMAX, engine::Activation::kSoftmax},
};
constexpr Pair<v1::Loss, engine::Loss> kLosses[] = {
    {v1::LOSS_BINARY_CROSS_ENTROPY, engine::Loss::kBinaryCrossEntropy},
    {v1::LOSS_CATEGORICAL_CROSS_ENTROPY, engine::Loss::kCategoricalCrossEntropy},
    {v1::LOSS_MEAN_SQUARED_ERROR, engine::Loss::kMeanSquaredError},
    {v1::LOSS_HUBER, engine::Loss::kHuber},
};
constexpr Pair<v1::Initializer, engine::Initializer> kInitializers[] = {
    {v1::INITIALIZER_XAVIER_UNIFORM, engine::Initializer::kXavierUniform},
    {v1::INITIALIZER_XAVIER_NORMAL, engine::Initializer::kXavierNormal},
    {v1::INITIALIZER_HE_UNIFORM, engine::Initializer::kHeUniform},
    {v1::INITIALIZER_HE_NORMAL, engine::Initializer::kHeNormal},
    {v1::INITIALIZER_ZEROS, engine::Initializer::kZeros},
};

template <typename Proto, typename Engine, size_t size>
std::optional<Engine> Read(const Pair<Proto, Engine> (&pairs)[size], Proto value) {
  for (const auto& [proto, engine] : pairs) {
    if (proto == value) return engine;
  }
  return std::nullopt;
}

template <typename Proto, typename Engine, size_t size>
Proto Write(const Pair<Proto, Engine> (&pairs)[size], Engine value) {
  return pairs[static_cast<size_t>(value)].first;
}

engine::Initializer DefaultInitializer(engine::Activation activation) {
  switch (activation) {
    case engine::Activation::kRelu:
    case engine::Activation::kLeakyRelu:
    case engine::Activation::kGelu:
    case engine::Activation::kSoftplus:
      return engine::Initializer::kHeUniform;
    default:
      return engine::Initializer::kXavierUniform;
  }
}

}  // namespace

std::optional<engine::Activation> ReadActivation(v1::Activation activation) {
  if (activation == v1::ACTIVATION_UNSPECIFIED) return engine::Activation::kSigmoid;
  return Read(kActivations, activation);
}

std::optional<engine::Loss> ReadLoss(v1::Loss loss) {
  if (loss == v1::LOSS_UNSPECIFIED) return engine::Loss::kBinaryCrossEntropy;
  return Read(kLosses, loss);
}

std::optional<engine::Initializer> ReadInitializer(v1::Initializer initializer,
                                                   engine::Activation activation) {
  if (initializer == v1::INITIALIZER_UNSPECIFIED) return DefaultInitializer(activation);
  return Read(kInitializers, initializer);
}

v1::Activation WriteActivation(engine::Activation activation) {
  return Write(kActivations, activation);
}

v1::Loss WriteLoss(engine::Loss loss) { return Write(kLosses, loss); }

v1::Initializer WriteInitializer(engine::Initializer initializer) {
  return Write(kInitializers, initializer);
}

v1::StopReason WriteStopReason(engine::StopReason reason) {
  switch (reason) {
    case engine::StopReason::kCompleted:
      return v1::STOP_REASON_COMPLETED;
    case engine::StopReason::kEarlyStopped:
      return v1::STOP_REASON_EARLY_STOPPED;
    case engine::StopReason::kTimeLimit:
      return v1::STOP_REASON_TIME_LIMIT;
  }
  return v1::STOP_REASON_UNSPECIFIED;
}

}  // namespace chainrule::server
