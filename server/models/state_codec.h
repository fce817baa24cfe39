// A model's numbers as bytes, each array without the gaps that a block has in memory.
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_SERVER_MODELS_STATE_CODEC_H_
#define CHAINRULE_SERVER_MODELS_STATE_CODEC_H_

#include <cstdint>
#include <memory>

#include "engine/core/aligned_buffer.h"
#include "engine/nn/network.h"
#include "engine/nn/normalization.h"
#include "engine/train/model_state.h"
#include "server/models/codec.h"

namespace chainrule::server {

// One block of the network.
void PutBlock(const engine::Network& network, std::span<const float> block, ByteWriter* writer);
std::shared_ptr<const engine::AlignedBuffer> GetBlock(const engine::Network& network,
                                                      ByteReader* reader);

void PutNormalization(const engine::Normalization& normalization, ByteWriter* writer);
// Fails unless it fits the network, with finite means and scales above 0.
std::shared_ptr<const engine::Normalization> GetNormalization(const engine::Network& network,
                                                              ByteReader* reader);

void PutState(const engine::Network& network, const engine::ModelState& state, ByteWriter* writer);
// Where the reader failed the state is worthless.
engine::ModelState GetState(const engine::Network& network, ByteReader* reader);
// About as many as PutState writes.
int64_t StateBytes(const engine::Network& network);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_STATE_CODEC_H_
