#include "server/convert/model_export.h"

#include <algorithm>
#include <utility>

#include "engine/core/check.h"
#include "engine/core/error.h"
#include "engine/io/file_digest.h"
#include "engine/io/fold_normalization.h"
#include "google/protobuf/util/json_util.h"
#include "server/convert/model_format.h"
#include "server/convert/spec.h"

namespace chainrule::server {
namespace {

constexpr int64_t kMaxPieceBytes = int64_t{1} << 20;
constexpr int64_t kEnvelopeBytes = 64;

// The normalisation is in tensors of the file.
std::string SpecJson(const ModelSettings& settings) {
  v1::ModelSpec spec;
  WriteSpec(settings, engine::Normalization(), &spec);
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  CHAINRULE_CHECK(google::protobuf::util::MessageToJsonString(spec, &json, options).ok());
  return json;
}

}  // namespace

size_t FilePieceBytes(const Limits& limits) {
  const int64_t room = std::max<int64_t>(limits.max_message_bytes - kEnvelopeBytes, 1);
  return static_cast<size_t>(std::min(kMaxPieceBytes, room));
}

absl::StatusOr<ExportArguments> CheckExportModel(const v1::ExportModelRequest& request) {
  if (absl::Status status = CheckModelFormat(request.format(), "format"); !status.ok()) {
    return status;
  }
  if (request.include_optimizer() && request.fold_normalization()) {
    return engine::InvalidField(
        "fold_normalization", "set; not allowed with include_optimizer, whose state does not fold");
  }
  return ExportArguments{request.include_optimizer(), request.fold_normalization()};
}

absl::StatusOr<ExportedFile> ExportedFile::Make(const ExportArguments& arguments,
                                                const ModelSettings& settings,
                                                const engine::Network& network,
                                                engine::ModelState state) {
  if (arguments.fold_normalization) {
    absl::StatusOr<engine::ModelState> folded = engine::FoldNormalization(network, state);
    if (!folded.ok()) {
      return engine::InvalidField("fold_normalization", folded.status().message());
    }
    state = *std::move(folded);
  }
  engine::ModelFileExtras extras;
  extras.metadata[kSpecKey] = SpecJson(settings);
  extras.metadata["format"] = "pt";  // which tools of PyTorch's world look for
  ExportedFile file;
  file.state_ = std::move(state);
  file.file_ = engine::WriteModelFile(network, file.state_, arguments.include_optimizer, extras);
  engine::FileDigest digest;
  for (size_t part = 0; part <= file.file_.data.size(); ++part) digest.Add(file.Part(part));
  file.digest_ = digest.Hex();
  return file;
}

void ExportedFile::WriteHeader(v1::ExportModelHeader* header) const {
  header->set_format(v1::MODEL_FORMAT_SAFETENSORS);
  header->set_total_bytes(file_.bytes);
  header->set_digest(digest_);
  header->set_model_step(state_.step);
}

bool ExportedFile::Next(size_t most, std::string* piece) {
  piece->clear();
  while (part_ <= file_.data.size() && piece->size() < most) {
    const absl::string_view rest = Part(part_).substr(place_);
    const size_t count = std::min(rest.size(), most - piece->size());
    piece->append(rest.data(), count);
    place_ += count;
    if (place_ < Part(part_).size()) break;
    ++part_;
    place_ = 0;
  }
  return !piece->empty();
}

absl::string_view ExportedFile::Part(size_t index) const {
  return index == 0 ? absl::string_view(file_.header) : file_.data[index - 1];
}

}  // namespace chainrule::server
