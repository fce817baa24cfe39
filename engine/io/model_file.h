// A model's numbers as a safetensors file, which PyTorch and NumPy read too:
//   layers.{i}.weight [units, inputs], layers.{i}.bias [units]   float32, layers from 0
//   optimizer.{k}.layers.{i}.weight, .bias                       the k-th array of state
//   normalization.mean, .scale [inputs]                          if features are standardised
//   target_normalization.mean, .scale [outputs]                  if targets are
// and, after them, bytes of the writer's own under names of its own (U8). The metadata
// hold the step, the optimizer's steps and what the writer adds. All but the layers may
// be missing. How a block is laid out in memory does not show in the file.
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_ENGINE_IO_MODEL_FILE_H_
#define CHAINRULE_ENGINE_IO_MODEL_FILE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/io/safetensors.h"
#include "engine/nn/network.h"
#include "engine/train/model_state.h"

namespace chainrule::engine {

// What is written beside the numbers.
struct ModelFileExtras {
  std::map<std::string, std::string> metadata;       // UTF-8; not "chainrule.step" and the like
  std::map<std::string, absl::string_view> tensors;  // U8; not the names above
};

// A file in parts: the header, then views into the state and the extras, in order.
struct ModelFileParts {
  std::string header;
  std::vector<absl::string_view> data;
  int64_t bytes = 0;
};

// The optimizer's state is left out unless `with_optimizer`, and then also its steps.
// The state's numbers and the extras outlive the parts.
ModelFileParts WriteModelFile(const Network& network, const ModelState& state, bool with_optimizer,
                              const ModelFileExtras& extras);

// Fills `out` with the file's next bytes, or says why not.
using ByteSource = std::function<absl::Status(std::span<char> out)>;
// Of bytes that outlive it. INVALID_ARGUMENT at their end.
ByteSource ReadFrom(absl::string_view bytes);

// Reads the beginning of a file of `file_bytes`: never more than that is allocated for
// it, nor more than the format's longest header. INVALID_ARGUMENT: it is no safetensors
// file, or does not describe its bytes exactly.
absl::StatusOr<SafetensorsHeader> ReadModelFileHeader(int64_t file_bytes, const ByteSource& source);

// Widths of the layers in a file: the inputs' first, then each layer's units.
// INVALID_ARGUMENT names the tensor that is missing or does not fit the others.
absl::StatusOr<std::vector<int64_t>> LayerWidths(const SafetensorsHeader& header);

struct ModelFileRules {
  bool finite = false;  // each number must be
  bool extras = true;   // U8 tensors of other names may be there
};

struct ModelFile {
  ModelState state;  // step 0 and zero optimizer state where the file does not say
  bool has_optimizer = false;
  std::map<std::string, std::string> metadata;  // the writer's
  std::map<std::string, std::string> tensors;   // U8
};

// Reads the rest of the file whose header was read, having checked it against the
// network before anything is allocated. INVALID_ARGUMENT names the tensor and what is
// wrong with it; otherwise what `source` said.
absl::StatusOr<ModelFile> ReadModelFile(const SafetensorsHeader& header, const Network& network,
                                        const ModelFileRules& rules, const ByteSource& source);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_IO_MODEL_FILE_H_
