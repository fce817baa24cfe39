#include "engine/train/trainer.h"
namespace chainrule::engine {
class Trainer::Impl {
 public:
  ModelState state;
  TrainProgress progress;
};
Trainer::Trainer(const Network&, const Examples&, const Examples*, TrainOptions, ModelState state,
                 const Executor&, const Cancellation&, std::optional<TrainProgress>)
    : impl_(new Impl{std::move(state), {}}) {}
Trainer::~Trainer() = default;
bool Trainer::done() const { return true; }
absl::Status Trainer::Step() { return absl::UnimplementedError("Step"); }
void Trainer::Interrupt() {}
ModelState Trainer::Share() { return impl_->state; }
int64_t Trainer::step() const { return impl_->state.step; }
const TrainResult& Trainer::result() const { return impl_->progress.result; }
const TrainProgress& Trainer::progress() const { return impl_->progress; }
}  // namespace chainrule::engine
