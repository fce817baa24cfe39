#include "server/convert/model_import.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engine/core/error.h"
#include "engine/io/file_digest.h"
#include "google/protobuf/util/json_util.h"
#include "server/convert/digest.h"
#include "server/convert/model_format.h"
#include "server/convert/models.h"
#include "server/convert/names.h"
#include "server/convert/spec.h"
#include "server/convert/violations.h"

namespace chainrule::server {
namespace {

using engine::InvalidField;

constexpr size_t kDigestDigits = 32;

absl::Status CheckDigestText(const std::string& digest) {
  const bool sound = digest.empty() || (digest.size() == kDigestDigits &&
                                        std::all_of(digest.begin(), digest.end(), [](char c) {
                                          return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
                                        }));
  if (sound) return absl::OkStatus();
  return InvalidField("header.digest",
                      absl::StrCat(Echo(digest), "; must be 32 hexadecimal digits in lower case"));
}

// What goes with one kind of target alone.
absl::Status CheckTarget(const v1::ImportModelHeader& header) {
  if (header.target_case() == v1::ImportModelHeader::TARGET_NOT_SET) {
    return InvalidField("header.model_id", "missing; model_id or model is required");
  }
  if (header.has_model_id()) {
    if (header.has_if_step()) {
      return InvalidField("header.if_step", "set; a new model has no steps");
    }
    return CheckModelId(header.model_id(), "header.model_id");
  }
  if (header.has_spec()) return InvalidField("header.spec", "set; the model keeps its own");
  if (!header.labels().empty()) {
    return InvalidField("header.labels", "set; the model keeps its own");
  }
  if (header.has_if_step() && header.if_step() < 0) {
    return InvalidField("header.if_step", absl::StrCat(header.if_step(), "; must be 0 or more"));
  }
  return absl::OkStatus();
}

absl::Status CheckTotal(int64_t total_bytes, const Limits& limits) {
  constexpr absl::string_view kField = "header.total_bytes";
  if (total_bytes < 1) {
    return InvalidField(kField, absl::StrCat(total_bytes, "; must be 1 or more"));
  }
  if (total_bytes <= limits.max_import_bytes) return absl::OkStatus();
  return engine::LimitExceeded(kField, "max_import_bytes", total_bytes, limits.max_import_bytes);
}

// What the file's reader says is of the file.
absl::Status OfFile(const absl::Status& status) {
  return absl::IsInvalidArgument(status) ? InvalidFile(status.message()) : status;
}

ContentDigest DigestImport(const v1::ImportModelHeader& header, const std::string& file_digest) {
  v1::ImportModelHeader content = header;
  content.set_digest(file_digest);
  return DigestMessage(content);
}

absl::StatusOr<v1::ModelSpec> SpecOf(const ImportedFile& file,
                                     const engine::SafetensorsHeader& header) {
  if (file.header().has_spec()) return file.header().spec();
  const auto found = header.metadata.find(kSpecKey);
  if (found == header.metadata.end()) {
    return InvalidField("header.spec",
                        absl::StrCat("missing; the file has none in its metadata, ", kSpecKey));
  }
  v1::ModelSpec spec;
  const auto status = google::protobuf::util::JsonStringToMessage(found->second, &spec);
  if (status.ok()) return spec;
  return InvalidFile(absl::StrCat(kSpecKey, ": ", std::string(status.message()).substr(0, 256)));
}

// Errors of a spec that the file has are the file's.
absl::StatusOr<ResolvedSpec> ResolveSpec(const ImportedFile& file,
                                         const engine::SafetensorsHeader& header,
                                         const Limits& limits) {
  const absl::StatusOr<v1::ModelSpec> spec = SpecOf(file, header);
  if (!spec.ok()) return spec.status();
  const bool of_file = !file.header().has_spec();
  absl::StatusOr<ResolvedSpec> resolved =
      ReadSpec(*spec, limits, of_file ? kSpecKey : "header.spec");
  if (resolved.ok() || !of_file) return resolved;
  if (engine::GetErrorDetail(resolved.status()).reason == "LIMIT_EXCEEDED") return resolved;
  return InvalidFile(resolved.status().message());
}

bool Same(const engine::Standardizer& a, const engine::Standardizer& b) {
  return a.mean == b.mean && a.scale == b.scale;
}

// A file without a normalisation may be put into a model with one.
absl::Status CheckNormalization(const engine::Normalization& of_file,
                                const engine::Normalization& of_model) {
  const bool none = of_file.inputs.empty() && of_file.targets.empty();
  if (none || (Same(of_file.inputs, of_model.inputs) && Same(of_file.targets, of_model.targets))) {
    return absl::OkStatus();
  }
  return InvalidFile(
      "its normalization is not the model's; import it as a new model, or export it with "
      "fold_normalization");
}

}  // namespace

absl::StatusOr<ImportArguments> CheckImportHeader(const v1::ImportModelHeader& header,
                                                  const Limits& limits) {
  for (const absl::Status& status :
       {CheckTarget(header), CheckModelFormat(header.format(), "header.format"),
        CheckTotal(header.total_bytes(), limits), CheckDigestText(header.digest())}) {
    if (!status.ok()) return status;
  }
  absl::StatusOr<std::string> request_id = ParseRequestId(header.request_id(), "header.request_id");
  if (!request_id.ok()) return request_id.status();
  ImportArguments arguments;
  arguments.new_id = header.model_id();
  arguments.model = header.model();
  arguments.write.request_id = *std::move(request_id);
  if (header.has_if_step()) arguments.write.if_step = header.if_step();
  return arguments;
}

absl::Status ImportedFile::Add(std::shared_ptr<const v1::ImportModelRequest> message) {
  if (!message->has_data()) {
    return InvalidField("data", "missing; after the header come the file's bytes");
  }
  const auto size = static_cast<int64_t>(message->data().size());
  if (size > header_.total_bytes() - bytes_) {
    return InvalidFile(absl::StrCat("more bytes than the ", header_.total_bytes(), " announced"));
  }
  bytes_ += size;
  messages_.push_back(std::move(message));
  return absl::OkStatus();
}

absl::Status ImportedFile::CheckComplete() const {
  if (bytes_ == header_.total_bytes()) return absl::OkStatus();
  return InvalidFile(
      absl::StrCat("ended after ", bytes_, " bytes of ", header_.total_bytes(), " announced"));
}

engine::ByteSource ImportedFile::Read() const {
  return [this, message = size_t{0}, place = size_t{0}](std::span<char> out) mutable {
    while (!out.empty()) {
      if (message == messages_.size()) return absl::InvalidArgumentError("ends early");
      const absl::string_view rest = absl::string_view(messages_[message]->data()).substr(place);
      const size_t count = std::min(rest.size(), out.size());
      std::copy_n(rest.begin(), count, out.begin());
      out = out.subspan(count);
      place += count;
      if (count < rest.size()) continue;
      ++message;
      place = 0;
    }
    return absl::OkStatus();
  };
}

absl::StatusOr<std::string> ImportedFile::Digest() const {
  engine::FileDigest digest;
  for (const auto& message : messages_) digest.Add(message->data());
  std::string hex = digest.Hex();
  if (header_.digest().empty() || header_.digest() == hex) return hex;
  return InvalidFile(absl::StrCat("its digest is ", hex, ", announced was ", header_.digest()));
}

absl::StatusOr<NewModelInput> ReadNewModel(const ImportedFile& file,
                                           const ImportArguments& arguments, const Limits& limits) {
  const absl::StatusOr<std::string> digest = file.Digest();
  if (!digest.ok()) return digest.status();
  Violations violations;
  CheckLabels(file.header().labels(), "header.labels", &violations);
  if (!violations.empty()) return violations.ToStatus();
  const engine::ByteSource source = file.Read();
  const auto header = engine::ReadModelFileHeader(file.bytes(), source);
  if (!header.ok()) return OfFile(header.status());
  absl::StatusOr<ResolvedSpec> spec = ResolveSpec(file, *header, limits);
  if (!spec.ok()) return spec.status();
  const engine::Network network(spec->settings->network);
  absl::StatusOr<engine::ModelFile> read =
      engine::ReadModelFile(*header, network, {.finite = true, .extras = false}, source);
  if (!read.ok()) return OfFile(read.status());
  NewModelInput input;
  input.settings = std::move(spec->settings);
  input.state = std::move(read->state);
  const engine::Normalization& of_file = *input.state.normalization;
  if (of_file.inputs.empty() && of_file.targets.empty()) {
    input.state.normalization =
        std::make_shared<engine::Normalization>(std::move(spec->normalization));
  }
  if (file.header().reset_optimizer()) {
    input.state.optimizer = std::make_shared<engine::AlignedBuffer>(input.state.optimizer->size());
    input.state.optimizer_steps = 0;
  }
  input.labels = {file.header().labels().begin(), file.header().labels().end()};
  input.request = {arguments.write.request_id, DigestImport(file.header(), *digest)};
  return input;
}

absl::StatusOr<SetWeightsInput> ReadNewWeights(const ImportedFile& file, const ModelContext& model,
                                               const engine::Normalization& normalization) {
  const absl::StatusOr<std::string> digest = file.Digest();
  if (!digest.ok()) return digest.status();
  const engine::ByteSource source = file.Read();
  const auto header = engine::ReadModelFileHeader(file.bytes(), source);
  if (!header.ok()) return OfFile(header.status());
  const engine::Network network(model.network());
  absl::StatusOr<engine::ModelFile> read =
      engine::ReadModelFile(*header, network, {.finite = true, .extras = false}, source);
  if (!read.ok()) return OfFile(read.status());
  if (absl::Status same = CheckNormalization(*read->state.normalization, normalization);
      !same.ok()) {
    return same;
  }
  SetWeightsInput input;
  const std::span<const float> block = read->state.parameters->span();
  for (int64_t layer = 0; layer < network.layer_count(); ++layer) {
    const std::span<const float> bias = network.bias(block, layer);
    input.layers.push_back({layer,
                            network.weights(block, layer),
                            {bias.data(), 1, static_cast<int64_t>(bias.size())}});
  }
  if (read->has_optimizer && !file.header().reset_optimizer()) {
    input.optimizer = read->state.optimizer;
    input.optimizer_steps = read->state.optimizer_steps;
  }
  input.digest = DigestImport(file.header(), *digest);
  input.owner = read->state.parameters;
  return input;
}

}  // namespace chainrule::server
