// Which epoch of a training is the best so far, for early stopping.
#ifndef CHAINRULE_ENGINE_TRAIN_BEST_EPOCH_H_
#define CHAINRULE_ENGINE_TRAIN_BEST_EPOCH_H_

#include <limits>

#include "engine/train/trainer.h"

namespace chainrule::engine {

// Notes in *progress whether the epoch of `report`, by its validation loss, else its training
// loss, is better by more than min_delta than the best before it; returns that.
inline bool NoteBestEpoch(const EarlyStopping& stopping, const EpochReport& report,
                          TrainProgress* progress) {
  const double loss = report.validation_loss.value_or(report.loss);
  const double bar = progress->best_loss ? *progress->best_loss - stopping.min_delta
                                         : std::numeric_limits<double>::infinity();
  if (!(loss < bar)) {
    ++progress->epochs_since_best;
    return false;
  }
  progress->best_loss = loss;
  progress->epochs_since_best = 0;
  progress->result.best_epoch = report.epoch;
  return true;
}

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_BEST_EPOCH_H_
