// ExportModel: a model as a file, cut into messages.
#ifndef CHAINRULE_SERVER_CONVERT_MODEL_EXPORT_H_
#define CHAINRULE_SERVER_CONVERT_MODEL_EXPORT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "chainrule/v1/model_service.pb.h"
#include "engine/io/model_file.h"
#include "engine/nn/network.h"
#include "engine/train/model_state.h"
#include "server/models/limits.h"
#include "server/models/settings.h"

namespace chainrule::server {

// Of a message's data: so much that the message keeps to the limit.
size_t FilePieceBytes(const Limits& limits);

struct ExportArguments {
  bool include_optimizer = false;
  bool fold_normalization = false;
};
// Constant cost.
absl::StatusOr<ExportArguments> CheckExportModel(const v1::ExportModelRequest& request);

// ExportedFile: the file of one model at one step. It holds on to the numbers and copies
// none of them but those that fold_normalization changes.  Thread-compatible.
class ExportedFile {
 public:
  // Linear: the digest is taken. INVALID_FIELD: the normalisation does not fold.
  static absl::StatusOr<ExportedFile> Make(const ExportArguments& arguments,
                                           const ModelSettings& settings,
                                           const engine::Network& network,
                                           engine::ModelState state);

  // But for the version.
  void WriteHeader(v1::ExportModelHeader* header) const;
  // The next bytes, at most so many; false when there are no more.
  bool Next(size_t most, std::string* piece);

 private:
  absl::string_view Part(size_t index) const;

  engine::ModelState state_;
  engine::ModelFileParts file_;
  std::string digest_;
  // Where Next goes on: part 0 is the header.
  size_t part_ = 0;
  size_t place_ = 0;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_MODEL_EXPORT_H_
