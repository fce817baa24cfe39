// WriteOutcome: what is remembered of a write's request id.
#ifndef CHAINRULE_SERVER_MODELS_OUTCOME_H_
#define CHAINRULE_SERVER_MODELS_OUTCOME_H_

#include <cstdint>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/train/trainer.h"
#include "server/models/calls.h"
#include "server/models/request_window.h"

namespace chainrule::server {

// A reply, how far an interrupted training has come, or that it diverged, which is final.
using WriteOutcome = std::variant<TrainReply, SetWeightsReply, engine::TrainProgress, absl::Status>;
using WriteWindow = RequestWindow<WriteOutcome>;
// What it takes of memory beside itself, about.
int64_t ExtraBytes(const WriteOutcome& outcome);
// An interrupted training's best weights, to be put back at its end, are a whole model.
// Without them it would end in others than it promised, so that its id is refused then.
bool HoldsModel(const WriteOutcome& outcome);
WriteOutcome WithoutModel(absl::string_view request_id);
inline constexpr OutcomeSize<WriteOutcome> kWriteOutcomeSize = {ExtraBytes, HoldsModel,
                                                                WithoutModel};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_OUTCOME_H_
