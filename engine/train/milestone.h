// Milestone: where a training was when its state was shared last, from which its steps can be
// taken again, to the same bits.  Single-threaded.
#ifndef CHAINRULE_ENGINE_TRAIN_MILESTONE_H_
#define CHAINRULE_ENGINE_TRAIN_MILESTONE_H_

#include <utility>
#include <vector>

#include "engine/train/model_state.h"
#include "engine/train/trainer.h"

namespace chainrule::engine {

class Milestone {
 public:
  void Set(ModelState state, TrainProgress* progress) {
    state_ = std::move(state);
    // The reports, of which there may be many, stay where they are.
    std::vector<EpochReport> reports = std::exchange(progress->result.epochs, {});
    progress_ = *progress;
    progress->result.epochs = std::move(reports);
  }

  const ModelState& state() const { return state_; }
  // *progress, which has come further, is what it was then.
  void Restore(TrainProgress* progress) const {
    std::vector<EpochReport> reports = std::move(progress->result.epochs);
    while (!reports.empty() && reports.back().epoch > progress_.epoch) reports.pop_back();
    *progress = progress_;
    progress->result.epochs = std::move(reports);
  }

 private:
  ModelState state_;
  TrainProgress progress_;  // without its reports
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_MILESTONE_H_
