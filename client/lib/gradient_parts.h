#ifndef CHAINRULE_CLIENT_LIB_GRADIENT_PARTS_H_
#define CHAINRULE_CLIENT_LIB_GRADIENT_PARTS_H_

#include "chainrule/v1/model.pb.h"
#include "chainrule/v1/training_service.pb.h"

namespace chainrule::client {

// Adds what one message of a StreamGradients says to *whole, which then reads as
// GetGradients would have answered. `spec` is the model's.
void AddGradientPart(const v1::ModelSpec& spec, v1::StreamGradientsResponse& message,
                     v1::GetGradientsResponse* whole);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_LIB_GRADIENT_PARTS_H_
