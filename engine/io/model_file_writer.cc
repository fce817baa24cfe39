#include <bit>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/core/check.h"
#include "engine/io/model_file.h"
#include "engine/io/model_layout.h"

namespace chainrule::engine {
namespace {

static_assert(std::endian::native == std::endian::little, "floats are copied as they are");

std::span<const float> PartOf(const ModelState& state, ModelPart part) {
  switch (part) {
    case ModelPart::kParameters:
      return state.parameters->span();
    case ModelPart::kOptimizer:
      return state.optimizer->span();
    case ModelPart::kInputsMean:
      return state.normalization->inputs.mean;
    case ModelPart::kInputsScale:
      return state.normalization->inputs.scale;
    case ModelPart::kTargetsMean:
      return state.normalization->targets.mean;
    case ModelPart::kTargetsScale:
      return state.normalization->targets.scale;
  }
  return {};
}

absl::string_view BytesOf(std::span<const float> floats) {
  return {reinterpret_cast<const char*>(floats.data()), floats.size() * sizeof(float)};
}

// A tensor whole where its rows are next to each other, else row by row.
void AddTensor(std::span<const float> part, const TensorPlace& place, ModelFileParts* file) {
  CHAINRULE_CHECK(part.size() >= static_cast<size_t>(place.offset + place.rows * place.stride));
  const ConstMatrixView rows(part.data() + place.offset, place.rows, place.columns, place.stride);
  if (rows.contiguous()) {
    file->data.push_back(BytesOf({rows.data, static_cast<size_t>(rows.size())}));
    return;
  }
  for (int64_t row = 0; row < rows.rows; ++row) file->data.push_back(BytesOf(rows.row(row)));
}

}  // namespace

ModelFileParts WriteModelFile(const Network& network, const ModelState& state, bool with_optimizer,
                              const ModelFileExtras& extras) {
  ModelFileParts file;
  std::vector<SafetensorsTensor> tensors;
  const ModelParts parts = {with_optimizer, !state.normalization->inputs.empty(),
                            !state.normalization->targets.empty()};
  for (TensorPlace& place : TensorPlaces(network, parts)) {
    AddTensor(PartOf(state, place.part), place, &file);
    tensors.push_back({std::move(place.name), "F32", std::move(place.shape), 0, 0});
  }
  for (const auto& [name, bytes] : extras.tensors) {
    file.data.push_back(bytes);
    tensors.push_back({name, "U8", {static_cast<int64_t>(bytes.size())}, 0, 0});
  }
  std::map<std::string, std::string> metadata = extras.metadata;
  metadata["chainrule.step"] = absl::StrCat(state.step);
  if (with_optimizer) metadata["chainrule.optimizer_steps"] = absl::StrCat(state.optimizer_steps);
  file.header = WriteSafetensorsHeader(&tensors, metadata);
  file.bytes =
      static_cast<int64_t>(file.header.size()) + (tensors.empty() ? 0 : tensors.back().end);
  return file;
}

}  // namespace chainrule::engine
