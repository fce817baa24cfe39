// Files of weights, as they come from anywhere.
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "engine/core/check.h"
#include "engine/io/model_file.h"
#include "tests/fuzz/fuzzer.h"

namespace chainrule::fuzz {
namespace {

using engine::AlignedBuffer;

const engine::Network& TheNetwork() {
  static const engine::Network network = [] {
    engine::NetworkSpec spec;
    spec.input_width = 3;
    spec.layers.resize(2);
    spec.layers[0].units = 4;
    spec.layers[1].units = 2;
    spec.optimizer.kind = engine::OptimizerKind::kAdam;
    return engine::Network(spec);
  }();
  return network;
}

std::string FileOf(bool with_optimizer, const std::map<std::string, absl::string_view>& tensors) {
  engine::Normalization normalization;
  normalization.inputs = {.mean = {1, 2, 3}, .scale = {1, 2, 4}};
  const engine::ModelState state = engine::InitialState(TheNetwork(), normalization);
  const engine::ModelFileParts parts = engine::WriteModelFile(
      TheNetwork(), state, with_optimizer, {.metadata = {{"by", "hand"}}, .tensors = tensors});
  std::string file = parts.header;
  for (const absl::string_view part : parts.data) file.append(part.data(), part.size());
  return file;
}

void Read(absl::string_view bytes, const engine::ModelFileRules& rules) {
  const engine::ByteSource source = engine::ReadFrom(bytes);
  const auto file_bytes = static_cast<int64_t>(bytes.size());
  const auto header = engine::ReadModelFileHeader(file_bytes, source);
  if (!header.ok()) return;
  CHAINRULE_CHECK(header->data_begin + header->data_bytes == file_bytes);
  int64_t end = 0;
  for (const engine::SafetensorsTensor& tensor : header->tensors) {
    CHAINRULE_CHECK(tensor.begin == end && tensor.end >= tensor.begin);
    end = tensor.end;
  }
  CHAINRULE_CHECK(end == header->data_bytes);
  static_cast<void>(engine::LayerWidths(*header));
  const auto file = engine::ReadModelFile(*header, TheNetwork(), rules, source);
  if (!file.ok()) return;
  const AlignedBuffer& parameters = *file->state.parameters;
  CHAINRULE_CHECK(static_cast<int64_t>(parameters.size()) == TheNetwork().block_size());
  if (!rules.finite) return;
  for (const float number : parameters.span()) CHAINRULE_CHECK(std::isfinite(number));
}

}  // namespace

std::vector<std::string> Seeds() {
  return {FileOf(true, {{"window", "remembered"}}), FileOf(false, {})};
}

void TestOneInput(absl::string_view bytes) {
  Read(bytes, {.finite = true, .extras = false});
  Read(bytes, {.finite = false, .extras = true});
}

}  // namespace chainrule::fuzz
