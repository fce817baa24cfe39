// ModelState: everything of a model that training changes, as one value.  The
// blocks are immutable once shared, so a copy of the state is a snapshot: it costs
// three pointers and never changes under its holder.
#ifndef CHAINRULE_ENGINE_TRAIN_MODEL_STATE_H_
#define CHAINRULE_ENGINE_TRAIN_MODEL_STATE_H_

#include <cstdint>
#include <memory>

#include "engine/core/aligned_buffer.h"
#include "engine/nn/network.h"
#include "engine/nn/normalization.h"

namespace chainrule::engine {

struct ModelState {
  std::shared_ptr<const AlignedBuffer> parameters;  // one block
  // StateArrays blocks, one after another; never null, of size 0 if there are none.
  std::shared_ptr<const AlignedBuffer> optimizer;
  std::shared_ptr<const Normalization> normalization;  // never null
  int64_t step = 0;                                    // model_step
  int64_t optimizer_steps = 0;  // steps since the optimizer's state was zero (ADAM's t)
};

// The state of a new model at step 0.
ModelState InitialState(const Network& network, Normalization normalization);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_MODEL_STATE_H_
