// The enums that the contract and the engine both have.
#ifndef CHAINRULE_SERVER_CONVERT_ENUMS_H_
#define CHAINRULE_SERVER_CONVERT_ENUMS_H_

#include <optional>

#include "chainrule/v1/model.pb.h"
#include "chainrule/v1/training_service.pb.h"
#include "engine/kernels/activation.h"
#include "engine/kernels/loss.h"
#include "engine/nn/spec.h"
#include "engine/train/trainer.h"

namespace chainrule::server {

// Unset is the default, model.proto says which; nothing for a value that is not known.
std::optional<engine::Activation> ReadActivation(v1::Activation activation);
std::optional<engine::Loss> ReadLoss(v1::Loss loss);
// `activation` chooses where it is unset.
std::optional<engine::Initializer> ReadInitializer(v1::Initializer initializer,
                                                   engine::Activation activation);

v1::Activation WriteActivation(engine::Activation activation);
v1::Loss WriteLoss(engine::Loss loss);
v1::Initializer WriteInitializer(engine::Initializer initializer);
v1::StopReason WriteStopReason(engine::StopReason reason);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_ENUMS_H_
