// What calls bring, as bytes: every number as the float32 that it becomes, so that a
// replay computes the same bits.
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_SERVER_MODELS_INPUT_CODEC_H_
#define CHAINRULE_SERVER_MODELS_INPUT_CODEC_H_

#include <memory>
#include <vector>

#include "engine/nn/layer_tensors.h"
#include "engine/nn/network.h"
#include "engine/train/examples.h"
#include "engine/train/trainer.h"
#include "server/models/calls.h"
#include "server/models/codec.h"

namespace chainrule::server {

// Without the time limit.
void PutTrainOptions(const engine::TrainOptions& options, ByteWriter* writer);
engine::TrainOptions GetTrainOptions(ByteReader* reader);

void PutExamples(const engine::Examples& examples, ByteWriter* writer);
// They own their numbers. Fails unless they are of this network's widths.
engine::Examples GetExamples(const engine::Network& network, ByteReader* reader);

void PutLayers(const std::vector<engine::LayerTensors>& layers, ByteWriter* writer);
// `*owner` owns what the views show. Fails unless every tensor is one of this network's,
// and no layer comes twice.
std::vector<engine::LayerTensors> GetLayers(const engine::Network& network, ByteReader* reader,
                                            std::shared_ptr<const void>* owner);

// Without the digest.
void PutSetWeights(const SetWeightsInput& input, ByteWriter* writer);
// It owns its numbers. Fails as GetLayers.
SetWeightsInput GetSetWeights(const engine::Network& network, ByteReader* reader);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_INPUT_CODEC_H_
