// A checkpoint as a file: the model's numbers as engine/io/model_file.h writes them, the
// request window as bytes named "requests", its metadata as the file's.
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_SERVER_STORE_WEIGHTS_FILE_H_
#define CHAINRULE_SERVER_STORE_WEIGHTS_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "engine/nn/network.h"
#include "server/store/file_system.h"
#include "server/store/store.h"

namespace chainrule::server {

// Writes `folder`/`name` atomically and durably, and returns what the facts are to know.
// Errors are the file system's.
absl::StatusOr<WeightsFile> WriteCheckpoint(FileSystem* files, const std::string& folder,
                                            const std::string& name, const engine::Network& network,
                                            const Checkpoint& checkpoint);

// UNAVAILABLE, STORAGE_FAILED: it cannot be read now; DATA_LOSS, MODEL_DAMAGED: it is not
// what was written, is gone, or is not of this network.
absl::StatusOr<Checkpoint> ReadCheckpoint(FileSystem* files, const std::string& folder,
                                          const WeightsFile& file, const engine::Network& network);

// Errors as ReadCheckpoint's; reads the bytes, in pieces, and looks at size and digest.
absl::Status CheckWeights(FileSystem* files, const std::string& folder, const WeightsFile& file);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_WEIGHTS_FILE_H_
