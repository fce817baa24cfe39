#include <algorithm>
#include <utility>

#include "engine/core/check.h"
#include "server/models/completion.h"
#include "server/models/errors.h"
#include "server/models/write.h"

namespace chainrule::server {
namespace {

using engine::AlignedBuffer;

void CopyRows(engine::ConstMatrixView from, engine::MatrixView to) {
  CHAINRULE_CHECK(from.rows == to.rows && from.columns == to.columns);
  for (int64_t row = 0; row < from.rows; ++row) {
    std::ranges::copy(from.row(row), to.row(row).begin());
  }
}

// The parameters with the layers' tensors put in.
std::shared_ptr<const AlignedBuffer> PutIn(const SetWeightsInput& input,
                                           const engine::Network& network,
                                           const AlignedBuffer& parameters) {
  auto block = std::make_shared<AlignedBuffer>(parameters.size());
  std::ranges::copy(parameters.span(), block->data());
  for (const NewLayer& layer : input.layers) {
    if (layer.weights.data != nullptr) {
      CopyRows(layer.weights, network.weights(block->span(), layer.index));
    }
    if (layer.biases.data != nullptr) {
      const std::span<float> bias = network.bias(block->span(), layer.index);
      CopyRows(layer.biases, {bias.data(), 1, static_cast<int64_t>(bias.size())});
    }
  }
  return block;
}

class SetWeightsWrite : public Write {
 public:
  explicit SetWeightsWrite(SetWeightsCall call)
      : Write(Kind::kSetWeights, std::move(call.write)),
        reset_optimizer_(call.reset_optimizer),
        read_(std::move(call.read)),
        done_(std::move(call.done)) {}

  bool Run(Writer* writer, const engine::Executor& /*executor*/, absl::Time /*until*/) override {
    SetWeightsInput input;
    const absl::StatusOr<WriteOutcome*> seen = Admit(writer, [&] { return Read(&input); });
    if (!seen.ok()) {
      done_(seen.status());
    } else if (*seen != nullptr) {
      SetWeightsReply reply = std::get<SetWeightsReply>(**seen);
      reply.replayed = true;
      done_(reply);
    } else {
      done_(Apply(writer, input));
    }
    return true;
  }

  void Fail(absl::Status status) override { done_(std::move(status)); }

 private:
  absl::StatusOr<ContentDigest> Read(SetWeightsInput* input) {
    absl::StatusOr<SetWeightsInput> read = std::exchange(read_, nullptr)();
    if (!read.ok()) return read.status();
    *input = *std::move(read);
    return input->digest;
  }

  SetWeightsReply Apply(Writer* writer, const SetWeightsInput& input) const {
    engine::ModelState state = writer->state();
    state.parameters = PutIn(input, *writer->network(), *state.parameters);
    if (reset_optimizer_) {
      state.optimizer = std::make_shared<const AlignedBuffer>(state.optimizer->size());
      state.optimizer_steps = 0;
    }
    const SetWeightsReply reply{.model_step = ++state.step};
    writer->Commit(std::move(state));
    Remember(writer, reply);
    return reply;
  }

  const bool reset_optimizer_;
  std::function<absl::StatusOr<SetWeightsInput>()> read_;
  Completion<absl::StatusOr<SetWeightsReply>> done_;
};

}  // namespace

std::unique_ptr<Write> MakeWrite(SetWeightsCall call) {
  return std::make_unique<SetWeightsWrite>(std::move(call));
}

}  // namespace chainrule::server
