#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/core/error.h"
#include "engine/train/apply_gradients.h"
#include "server/models/completion.h"
#include "server/models/errors.h"
#include "server/models/state_codec.h"
#include "server/models/write.h"

namespace chainrule::server {
namespace {

using engine::AlignedBuffer;
using engine::LayerTensors;
using engine::ModelState;

// The tensors of the mean that a contribution has, in the layers' order; the others are
// zeros.
std::vector<LayerTensors> PresentLayers(const ApplyGradientsInput& input,
                                        const engine::Network& network, const AlignedBuffer& mean) {
  std::vector<LayerTensors> layers(static_cast<size_t>(network.layer_count()));
  for (const engine::GradientContribution& contribution : input.contributions) {
    for (const LayerTensors& part : contribution.layers) {
      LayerTensors& layer = layers[static_cast<size_t>(part.index)];
      layer.index = part.index;
      if (part.weights.data != nullptr) layer.weights = network.weights(mean.span(), part.index);
      if (part.biases.data == nullptr) continue;
      const std::span<const float> bias = network.bias(mean.span(), part.index);
      layer.biases = {bias.data(), 1, static_cast<int64_t>(bias.size())};
    }
  }
  std::erase_if(layers, [](const LayerTensors& layer) {
    return layer.weights.data == nullptr && layer.biases.data == nullptr;
  });
  return layers;
}

// Gradients that were computed elsewhere: one step on their mean.
class ApplyGradientsWrite : public Write {
 public:
  explicit ApplyGradientsWrite(ApplyGradientsCall call)
      : Write(Kind::kApplyGradients, std::move(call.write)),
        max_staleness_(call.max_staleness),
        read_(std::move(call.read)),
        done_(std::make_shared<Completion<Answer>>(std::move(call.done))) {}

  bool Run(Writer* writer, const engine::Executor& executor, absl::Time /*until*/) override {
    ApplyGradientsInput input;
    const absl::StatusOr<WriteOutcome*> seen = Admit(writer, [&] { return Read(&input); });
    if (!seen.ok()) {
      writer->Then(AnswerWith<SetWeightsReply>(done_, seen.status()));
    } else if (*seen != nullptr) {
      writer->Then(AnswerWith<SetWeightsReply>(done_, Stored(**seen)));
    } else if (absl::Status fresh = CheckBases(*writer, input); !fresh.ok()) {
      writer->Then(AnswerWith<SetWeightsReply>(done_, std::move(fresh)));
    } else {
      Apply(writer, input, executor);
    }
    return true;
  }

  void Fail(absl::Status status) override { (*done_)(std::move(status)); }

 private:
  using Answer = absl::StatusOr<SetWeightsReply>;

  absl::StatusOr<ContentDigest> Read(ApplyGradientsInput* input) {
    absl::StatusOr<ApplyGradientsInput> read = std::exchange(read_, nullptr)();
    if (!read.ok()) return read.status();
    *input = *std::move(read);
    return input->digest;
  }

  static Answer Stored(const WriteOutcome& outcome) {
    if (const auto* diverged = std::get_if<absl::Status>(&outcome)) return *diverged;
    SetWeightsReply reply = std::get<SetWeightsReply>(outcome);
    reply.replayed = true;
    return reply;
  }

  // By the step that the model is at now, when the step is taken.
  absl::Status CheckBases(const Writer& writer, const ApplyGradientsInput& input) const {
    const int64_t step = writer.state().step;
    for (size_t i = 0; i < input.base_steps.size(); ++i) {
      if (!input.base_steps[i].has_value()) continue;
      const int64_t base = *input.base_steps[i];
      const std::string field = absl::StrCat("contributions[", i, "].base_step");
      if (base > step) {
        return engine::InvalidField(field, absl::StrCat(base, "; must be 0 to ", step,
                                                        ", the step of model '", writer.id(), "'"));
      }
      if (max_staleness_.has_value() && step - base > *max_staleness_) {
        return StaleGradients(field, writer.id(), step, base, *max_staleness_);
      }
    }
    return absl::OkStatus();
  }

  void Apply(Writer* writer, const ApplyGradientsInput& input, const engine::Executor& executor) {
    const engine::Network& network = *writer->network();
    auto mean = std::make_shared<AlignedBuffer>(static_cast<size_t>(network.block_size()));
    MeanGradient(network, input.contributions, executor, mean->span());
    absl::StatusOr<ModelState> state =
        ApplyGradient(network, writer->state(), mean->span(), executor);
    if (!state.ok()) return Diverge(writer, state.status());
    const SetWeightsReply reply{.model_step = state->step};
    RecordBody body = *state;
    std::vector<LayerTensors> layers = PresentLayers(input, network, *mean);
    if (BodyBytes(layers) < StateBytes(network)) {
      body = GradientBody{std::move(layers), std::move(mean)};
    }
    writer->Commit(*std::move(state), MakeRecord(reply, std::move(body)),
                   AnswerWith<SetWeightsReply>(done_, reply));
  }

  // For good: a repeat hears the same.
  void Diverge(Writer* writer, const absl::Status& why) {
    writer->Commit(writer->state(), MakeRecord(why, std::monostate()),
                   AnswerWith<SetWeightsReply>(done_, why));
  }

  const std::optional<int64_t> max_staleness_;
  std::function<absl::StatusOr<ApplyGradientsInput>()> read_;
  const SharedCompletion<SetWeightsReply> done_;
};

}  // namespace

std::unique_ptr<Write> MakeWrite(ApplyGradientsCall call) {
  return std::make_unique<ApplyGradientsWrite>(std::move(call));
}

}  // namespace chainrule::server
