#include <utility>

#include "server/models/completion.h"
#include "server/models/replay.h"
#include "server/models/state_codec.h"
#include "server/models/write.h"

namespace chainrule::server {
namespace {

class SetWeightsWrite : public Write {
 public:
  explicit SetWeightsWrite(SetWeightsCall call)
      : Write(Kind::kSetWeights, std::move(call.write)),
        whole_(call.whole),
        reset_optimizer_(call.reset_optimizer),
        answers_model_(call.answers_model),
        read_(std::move(call.read)),
        done_(std::make_shared<Completion<Answer>>(std::move(call.done))) {}

  bool Run(Writer* writer, const engine::Executor& /*executor*/, absl::Time /*until*/) override {
    SetWeightsInput input;
    const absl::StatusOr<WriteOutcome*> seen = Admit(writer, [&] { return Read(&input); });
    if (!seen.ok()) {
      writer->Then(AnswerWith<SetWeightsReply>(done_, seen.status()));
    } else if (*seen != nullptr) {
      SetWeightsReply reply = std::get<SetWeightsReply>(**seen);
      reply.replayed = true;
      writer->Then(AnswerWith<SetWeightsReply>(done_, reply));
    } else {
      Apply(writer, std::move(input));
    }
    return true;
  }

  bool replaces_all() const override { return whole_; }

  void Fail(absl::Status status) override { (*done_)(std::move(status)); }

 private:
  using Answer = absl::StatusOr<SetWeightsReply>;

  absl::StatusOr<ContentDigest> Read(SetWeightsInput* input) {
    absl::StatusOr<SetWeightsInput> read = std::exchange(read_, nullptr)();
    if (!read.ok()) return read.status();
    *input = *std::move(read);
    return input->digest;
  }

  void Apply(Writer* writer, SetWeightsInput input) const {
    const engine::Network& network = *writer->network();
    engine::ModelState state = PutIn(input, reset_optimizer_, network, writer->state());
    SetWeightsReply reply{.model_step = state.step};
    if (answers_model_) {
      reply.model = std::make_shared<const ModelDescription>(writer->Describe(state));
    }
    RecordBody body = state;
    // A body of inputs has no place for the optimizer's state.
    if (input.optimizer == nullptr && BodyBytes(input.layers) < StateBytes(network)) {
      body = SetWeightsBody{std::move(input), reset_optimizer_};
    }
    writer->Commit(std::move(state), MakeRecord(reply, std::move(body)),
                   AnswerWith<SetWeightsReply>(done_, reply));
  }

  const bool whole_;
  const bool reset_optimizer_;
  const bool answers_model_;
  std::function<absl::StatusOr<SetWeightsInput>()> read_;
  const SharedCompletion<SetWeightsReply> done_;
};

}  // namespace

std::unique_ptr<Write> MakeWrite(SetWeightsCall call) {
  return std::make_unique<SetWeightsWrite>(std::move(call));
}

}  // namespace chainrule::server
