// Predictions that come in several answers.
#ifndef CHAINRULE_CLIENT_LIB_PREDICTIONS_H_
#define CHAINRULE_CLIENT_LIB_PREDICTIONS_H_

#include <cstdint>

#include "chainrule/v1/model.pb.h"
#include "chainrule/v1/prediction_service.pb.h"

namespace chainrule::client {

// What a row's answer takes, generously: two tensors, and each class with its id, score and
// name.
int64_t AnswerBytes(const v1::ModelSpec& spec, const v1::PredictRequest& request);

// Adds the rows of `more` below those of *all.
void AppendAnswer(const v1::PredictResponse& more, v1::PredictResponse* all);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_LIB_PREDICTIONS_H_
