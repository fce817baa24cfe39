#include <utility>

#include "server/models/write.h"

namespace chainrule::server {
namespace {

using engine::ModelState;

// A version put back, or a file brought in.
class ReplaceWrite : public Write {
 public:
  explicit ReplaceWrite(ReplaceCall call)
      : Write(Kind::kReplace, std::move(call.write)),
        reset_optimizer_(call.reset_optimizer),
        read_(std::move(call.read)),
        done_(std::make_shared<Completion<Answer>>(std::move(call.done))) {}

  bool Run(Writer* writer, const engine::Executor& /*executor*/, absl::Time /*until*/) override {
    ReplaceInput input;
    const absl::StatusOr<WriteOutcome*> seen = Admit(writer, [&] { return Read(&input); });
    if (!seen.ok()) {
      writer->Then(AnswerWith<SetWeightsReply>(done_, seen.status()));
    } else if (*seen != nullptr) {
      SetWeightsReply reply = std::get<SetWeightsReply>(**seen);
      reply.replayed = true;
      writer->Then(AnswerWith<SetWeightsReply>(done_, reply));
    } else if (!input.state.ok()) {
      writer->Then(AnswerWith<SetWeightsReply>(done_, input.state.status()));
    } else {
      Apply(writer, std::move(input));
    }
    return true;
  }

  bool replaces_all() const override { return true; }

  void Fail(absl::Status status) override { (*done_)(std::move(status)); }

 private:
  using Answer = absl::StatusOr<SetWeightsReply>;

  absl::StatusOr<ContentDigest> Read(ReplaceInput* input) {
    absl::StatusOr<ReplaceInput> read = std::exchange(read_, nullptr)();
    if (!read.ok()) return read.status();
    *input = *std::move(read);
    return input->digest;
  }

  void Apply(Writer* writer, ReplaceInput input) const {
    const ModelState& now = writer->state();
    ModelState state = *std::move(input.state);
    state.step = now.step + 1;
    if (reset_optimizer_) {
      state.optimizer = std::make_shared<const engine::AlignedBuffer>(now.optimizer->size());
      state.optimizer_steps = 0;
    } else if (!input.has_optimizer) {
      state.optimizer = now.optimizer;
      state.optimizer_steps = now.optimizer_steps;
    }
    const SetWeightsReply reply{
        .model_step = state.step,
        .model = std::make_shared<const ModelDescription>(writer->Describe(state))};
    writer->Commit(state, MakeRecord(reply, state), AnswerWith<SetWeightsReply>(done_, reply));
  }

  const bool reset_optimizer_;
  std::function<absl::StatusOr<ReplaceInput>()> read_;
  const SharedCompletion<SetWeightsReply> done_;
};

}  // namespace

std::unique_ptr<Write> MakeWrite(ReplaceCall call) {
  return std::make_unique<ReplaceWrite>(std::move(call));
}

}  // namespace chainrule::server
