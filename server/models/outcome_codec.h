// Outcomes of writes, and the window that remembers them, as bytes. `durable_step` and
// `replayed` are of a reply's moment and are not kept.
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_SERVER_MODELS_OUTCOME_CODEC_H_
#define CHAINRULE_SERVER_MODELS_OUTCOME_CODEC_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/nn/network.h"
#include "server/models/codec.h"
#include "server/models/outcome.h"

namespace chainrule::server {

void PutOutcome(const engine::Network& network, const WriteOutcome& outcome, ByteWriter* writer);
// Where the reader failed the outcome is worthless.
WriteOutcome GetOutcome(const engine::Network& network, ByteReader* reader);

// An error with its payloads.
void PutStatus(const absl::Status& status, ByteWriter* writer);
absl::Status GetStatus(ByteReader* reader);

std::string EncodeWindow(const engine::Network& network, const WriteWindow& window);
// Fills an empty window. DATA_LOSS: the bytes are not such a window.
absl::Status DecodeWindow(const engine::Network& network, absl::string_view bytes,
                          WriteWindow* window);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_OUTCOME_CODEC_H_
