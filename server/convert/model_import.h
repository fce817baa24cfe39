// ImportModel: a file that comes in messages, and what it becomes: a new model, or the
// weights of one that is there.
//
// What is wrong with the file is INVALID_ARGUMENT, INVALID_FILE; with the header,
// INVALID_FIELD or LIMIT_EXCEEDED.
#ifndef CHAINRULE_SERVER_CONVERT_MODEL_IMPORT_H_
#define CHAINRULE_SERVER_CONVERT_MODEL_IMPORT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "chainrule/v1/model_service.pb.h"
#include "engine/io/model_file.h"
#include "server/convert/context.h"
#include "server/models/calls.h"
#include "server/models/registry.h"

namespace chainrule::server {

struct ImportArguments {
  std::string new_id;  // empty: into `model`
  std::string model;   // `models/{model}`
  WriteOptions write;  // but for the cancellation
};
// Constant cost. LIMIT_EXCEEDED: total_bytes beyond max_import_bytes.
absl::StatusOr<ImportArguments> CheckImportHeader(const v1::ImportModelHeader& header,
                                                  const Limits& limits);

// ImportedFile: the header and the bytes that came, in their messages.
// Thread-compatible.
class ImportedFile {
 public:
  explicit ImportedFile(const v1::ImportModelHeader& header) : header_(header) {}

  // Constant cost. Refuses another header, and more bytes than were announced.
  absl::Status Add(std::shared_ptr<const v1::ImportModelRequest> message);
  // As many bytes came as were announced. Constant cost.
  absl::Status CheckComplete() const;

  const v1::ImportModelHeader& header() const { return header_; }
  int64_t bytes() const { return bytes_; }
  // All of them, from the first on.
  engine::ByteSource Read() const;
  // Linear. INVALID_FILE: it is not the one that the header has.
  absl::StatusOr<std::string> Digest() const;

 private:
  const v1::ImportModelHeader header_;
  std::vector<std::shared_ptr<const v1::ImportModelRequest>> messages_;
  int64_t bytes_ = 0;
};

// Registry::CreateFrom's arguments.
struct NewModelInput {
  std::shared_ptr<const ModelSettings> settings;
  engine::ModelState state;
  std::map<std::string, std::string> labels;
  Registry::Request request;
};
// Linear. The spec is the header's, or else the file's.
absl::StatusOr<NewModelInput> ReadNewModel(const ImportedFile& file,
                                           const ImportArguments& arguments, const Limits& limits);

// Linear: SetWeightsCall::read. `normalization` is the model's, which the file's must equal
// if it has one.
absl::StatusOr<SetWeightsInput> ReadNewWeights(const ImportedFile& file, const ModelContext& model,
                                               const engine::Normalization& normalization);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_MODEL_IMPORT_H_
