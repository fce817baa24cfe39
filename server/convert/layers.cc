#include "server/convert/layers.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/convert/enums.h"
#include "server/convert/ranges.h"

namespace chainrule::server {
namespace {

using engine::Activation;
using engine::LayerSpec;

// The double that reads as the float does: 0.1 for 0.1F, not 0.10000000149.
double Shortest(float value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  double shortest = 0;
  std::from_chars(text.data(), end, shortest);
  return shortest;
}

class LayerReader {
 public:
  LayerReader(const v1::LayerSpec& message, bool last, std::string path, Violations* violations)
      : message_(message), last_(last), path_(std::move(path)), violations_(violations) {}

  LayerSpec Read() const {
    LayerSpec layer;
    layer.units = message_.units();
    CheckAtLeast(layer.units, 1, Path("units"), violations_);
    ReadActivationFunction(&layer);
    ReadInitializerKind(&layer);
    layer.dropout = Float(message_.dropout(), kBelowOne, "dropout");
    layer.l1 = Float(message_.l1(), kNotNegative, "l1");
    layer.l2 = Float(message_.l2(), kNotNegative, "l2");
    CheckPlace(layer);
    return layer;
  }

 private:
  std::string Path(absl::string_view name) const { return absl::StrCat(path_, ".", name); }
  float Float(double value, const Range& range, absl::string_view name) const {
    return CheckFloat(value, range, Path(name), violations_);
  }

  void ReadActivationFunction(LayerSpec* layer) const {
    const std::optional<Activation> kind = ReadActivation(message_.activation());
    if (!kind) {
      violations_->Add(Path("activation"),
                       UnknownEnum(message_.activation(), *v1::Activation_descriptor()));
    }
    layer->activation.kind = kind.value_or(Activation::kSigmoid);
    if (!message_.has_leaky_slope()) return;
    layer->activation.slope = Float(message_.leaky_slope(), kUnitInterval, "leaky_slope");
    if (kind && *kind != Activation::kLeakyRelu) {
      violations_->Add(Path("leaky_slope"),
                       absl::StrCat(EchoNumber(message_.leaky_slope()),
                                    "; only ACTIVATION_LEAKY_RELU has one, this is ",
                                    v1::Activation_Name(WriteActivation(*kind))));
    }
  }

  void ReadInitializerKind(LayerSpec* layer) const {
    const auto kind = ReadInitializer(message_.initializer(), layer->activation.kind);
    if (!kind) {
      violations_->Add(Path("initializer"),
                       UnknownEnum(message_.initializer(), *v1::Initializer_descriptor()));
    }
    layer->initializer = kind.value_or(engine::Initializer::kXavierUniform);
  }

  // What depends on whether it is the last layer.
  void CheckPlace(const LayerSpec& layer) const {
    if (last_ && layer.dropout != 0) {
      violations_->Add(Path("dropout"), absl::StrCat(EchoNumber(message_.dropout()),
                                                     "; must be 0 in the last layer"));
    }
    if (layer.activation.kind != Activation::kSoftmax) return;
    if (!last_) {
      violations_->Add(Path("activation"), "ACTIVATION_SOFTMAX; is allowed in the last layer only");
    } else if (layer.units == 1) {
      violations_->Add(Path("units"), "1; must be 2 or more with ACTIVATION_SOFTMAX");
    }
  }

  const v1::LayerSpec& message_;
  const bool last_;
  const std::string path_;
  Violations* const violations_;
};

absl::string_view Partner(engine::Loss loss) {
  switch (loss) {
    case engine::Loss::kBinaryCrossEntropy:
      return "ACTIVATION_SIGMOID";
    case engine::Loss::kCategoricalCrossEntropy:
      return "ACTIVATION_SOFTMAX";
    case engine::Loss::kMeanSquaredError:
    case engine::Loss::kHuber:
      break;
  }
  return "another than ACTIVATION_SOFTMAX";
}

void CheckFit(engine::Loss loss, Activation last, absl::string_view field, Violations* violations) {
  if (engine::LossFits(loss, last)) return;
  violations->Add(
      field, absl::StrCat(v1::Loss_Name(WriteLoss(loss)), "; the last layer's activation must be ",
                          Partner(loss), ", it is ", v1::Activation_Name(WriteActivation(last))));
}

}  // namespace

std::vector<LayerSpec> ReadLayers(const v1::ModelSpec& spec, absl::string_view field,
                                  Violations* violations) {
  std::vector<LayerSpec> layers;
  layers.reserve(static_cast<size_t>(spec.layers_size()));
  for (int i = 0; i < spec.layers_size(); ++i) {
    const LayerReader reader(spec.layers(i), i + 1 == spec.layers_size(),
                             absl::StrCat(field, ".layers[", i, "]"), violations);
    layers.push_back(reader.Read());
  }
  return layers;
}

engine::LossFunction ReadLossFunction(const v1::ModelSpec& spec, const LayerSpec& last,
                                      absl::string_view field, Violations* violations) {
  engine::LossFunction loss;
  const std::optional<engine::Loss> kind = ReadLoss(spec.loss());
  const std::string path = absl::StrCat(field, ".loss");
  if (!kind) {
    violations->Add(path, UnknownEnum(spec.loss(), *v1::Loss_descriptor()));
  } else {
    loss.kind = *kind;
    CheckFit(*kind, last.activation.kind, path, violations);
  }
  if (!spec.has_huber_delta()) return loss;
  const std::string delta = absl::StrCat(field, ".huber_delta");
  loss.huber_delta = CheckFloat(spec.huber_delta(), kPositive, delta, violations);
  if (kind && *kind != engine::Loss::kHuber) {
    violations->Add(
        delta, absl::StrCat(EchoNumber(spec.huber_delta()), "; only LOSS_HUBER has one, this is ",
                            v1::Loss_Name(WriteLoss(*kind))));
  }
  return loss;
}

void WriteLayers(const engine::NetworkSpec& network, v1::ModelSpec* spec) {
  for (const LayerSpec& layer : network.layers) {
    v1::LayerSpec* message = spec->add_layers();
    message->set_units(layer.units);
    message->set_activation(WriteActivation(layer.activation.kind));
    message->set_initializer(WriteInitializer(layer.initializer));
    message->set_dropout(Shortest(layer.dropout));
    message->set_l1(Shortest(layer.l1));
    message->set_l2(Shortest(layer.l2));
    if (layer.activation.kind == Activation::kLeakyRelu) {
      message->set_leaky_slope(Shortest(layer.activation.slope));
    }
  }
  spec->set_loss(WriteLoss(network.loss.kind));
  if (network.loss.kind == engine::Loss::kHuber) {
    spec->set_huber_delta(Shortest(network.loss.huber_delta));
  }
}

}  // namespace chainrule::server
