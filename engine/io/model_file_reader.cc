#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/io/model_file.h"
#include "engine/io/model_layout.h"

namespace chainrule::engine {
namespace {

static_assert(std::endian::native == std::endian::little, "floats are copied as they are");

constexpr int64_t kLengthBytes = 8;

absl::Status Bad(absl::string_view tensor, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("tensor '", tensor.substr(0, 64), "': ", what));
}

std::string Shape(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

bool Has(const SafetensorsHeader& header, absl::string_view prefix) {
  return std::any_of(header.tensors.begin(), header.tensors.end(), [&](const auto& tensor) {
    return absl::string_view(tensor.name).substr(0, prefix.size()) == prefix;
  });
}

// Each tensor that the network needs is there, and each that is there is needed.
absl::Status CheckTensors(const SafetensorsHeader& header, const std::vector<TensorPlace>& places,
                          const ModelFileRules& rules) {
  std::map<absl::string_view, const TensorPlace*> by_name;
  for (const TensorPlace& place : places) by_name[place.name] = &place;
  size_t found = 0;
  for (const SafetensorsTensor& tensor : header.tensors) {
    const auto place = by_name.find(tensor.name);
    if (place == by_name.end()) {
      if (rules.extras && tensor.dtype == "U8" && tensor.shape.size() == 1) continue;
      return Bad(tensor.name, "is not of this network");
    }
    if (tensor.dtype != "F32") return Bad(tensor.name, absl::StrCat(tensor.dtype, "; only F32"));
    if (tensor.shape != place->second->shape) {
      return Bad(tensor.name, absl::StrCat("shape ", Shape(tensor.shape), "; the network has ",
                                           Shape(place->second->shape)));
    }
    ++found;
  }
  if (found == places.size()) return absl::OkStatus();
  for (const TensorPlace& place : places) {
    if (header.Find(place.name) == nullptr) return Bad(place.name, "is missing");
  }
  return absl::OkStatus();
}

absl::Status TakeNumber(const std::string& key, std::map<std::string, std::string>* metadata,
                        int64_t* number) {
  const auto found = metadata->find(key);
  if (found == metadata->end()) return absl::OkStatus();
  if (!absl::SimpleAtoi(found->second, number) || *number < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("__metadata__ '", key, "': '", found->second.substr(0, 64), "' is no count"));
  }
  metadata->erase(found);
  return absl::OkStatus();
}

// The numbers of a file on their way into a state.
class StateReader {
 public:
  StateReader(const Network& network, const ModelParts& parts, const ModelFileRules& rules)
      : network_(network), rules_(rules), places_(TensorPlaces(network, parts)) {
    for (const TensorPlace& place : places_) by_name_[place.name] = &place;
  }

  const std::vector<TensorPlace>& places() const { return places_; }

  void Allocate(const ModelParts& parts) {
    const auto block = static_cast<size_t>(network_.block_size());
    parameters_ = std::make_shared<AlignedBuffer>(block);
    optimizer_ =
        std::make_shared<AlignedBuffer>(block * static_cast<size_t>(OptimizerArrays(network_)));
    normalization_ = std::make_shared<Normalization>();
    if (parts.normalization) Size(network_.spec().input_width, &normalization_->inputs);
    if (parts.target_normalization) Size(network_.spec().output_width(), &normalization_->targets);
  }

  absl::Status Read(const SafetensorsTensor& tensor, const ByteSource& source, ModelFile* file) {
    const auto found = by_name_.find(tensor.name);
    if (found == by_name_.end()) {
      std::string& bytes = file->tensors[tensor.name];
      bytes.resize(static_cast<size_t>(tensor.end - tensor.begin));
      return source(bytes);
    }
    const TensorPlace& place = *found->second;
    const MatrixView rows(PartOf(place.part).data() + place.offset, place.rows, place.columns,
                          place.stride);
    // Rows that are next to each other are read in one go.
    const bool whole = rows.contiguous();
    for (int64_t row = 0; row < (whole ? 1 : rows.rows); ++row) {
      const auto count = static_cast<size_t>(whole ? rows.size() : rows.columns);
      const std::span<float> floats(rows.row(row).data(), count);
      const absl::Status status =
          source({reinterpret_cast<char*>(floats.data()), floats.size() * sizeof(float)});
      if (!status.ok()) return status;
    }
    return CheckNumbers(place, rows);
  }

  void Finish(ModelState* state) {
    state->parameters = std::move(parameters_);
    state->optimizer = std::move(optimizer_);
    state->normalization = std::move(normalization_);
  }

 private:
  static void Size(int64_t width, Standardizer* standardizer) {
    standardizer->mean.resize(static_cast<size_t>(width));
    standardizer->scale.resize(static_cast<size_t>(width));
  }

  std::span<float> PartOf(ModelPart part) {
    switch (part) {
      case ModelPart::kParameters:
        return parameters_->span();
      case ModelPart::kOptimizer:
        return optimizer_->span();
      case ModelPart::kInputsMean:
        return normalization_->inputs.mean;
      case ModelPart::kInputsScale:
        return normalization_->inputs.scale;
      case ModelPart::kTargetsMean:
        return normalization_->targets.mean;
      case ModelPart::kTargetsScale:
        return normalization_->targets.scale;
    }
    return {};
  }

  absl::Status CheckNumbers(const TensorPlace& place, ConstMatrixView rows) const {
    const bool scale =
        place.part == ModelPart::kInputsScale || place.part == ModelPart::kTargetsScale;
    if (!rules_.finite && !scale) return absl::OkStatus();
    for (int64_t row = 0; row < rows.rows; ++row) {
      for (int64_t column = 0; column < rows.columns; ++column) {
        const float number = rows(row, column);
        if ((!scale || number >= std::numeric_limits<float>::min()) &&
            (!rules_.finite || std::isfinite(number)))
          continue;
        const std::string where = place.shape.size() == 1
                                      ? absl::StrCat("[", column, "]")
                                      : absl::StrCat("[", row, ", ", column, "]");
        return Bad(place.name, absl::StrCat(where, " is ", number,
                                            scale ? "; must be at least 1.17549435e-38" : ""));
      }
    }
    return absl::OkStatus();
  }

  const Network& network_;
  const ModelFileRules rules_;
  const std::vector<TensorPlace> places_;
  std::map<absl::string_view, const TensorPlace*> by_name_;
  std::shared_ptr<AlignedBuffer> parameters_;
  std::shared_ptr<AlignedBuffer> optimizer_;
  std::shared_ptr<Normalization> normalization_;
};

}  // namespace

ByteSource ReadFrom(absl::string_view bytes) {
  return [bytes](std::span<char> out) mutable -> absl::Status {
    if (out.size() > bytes.size()) return absl::InvalidArgumentError("the file ends early");
    std::copy_n(bytes.begin(), out.size(), out.begin());
    bytes.remove_prefix(out.size());
    return absl::OkStatus();
  };
}

absl::StatusOr<SafetensorsHeader> ReadModelFileHeader(int64_t file_bytes,
                                                      const ByteSource& source) {
  std::string first(static_cast<size_t>(std::clamp<int64_t>(file_bytes, 0, kLengthBytes)), '\0');
  if (absl::Status status = source(first); !status.ok()) return status;
  const absl::StatusOr<int64_t> length = SafetensorsHeaderBytes(first, file_bytes);
  if (!length.ok()) return length.status();
  std::string json(static_cast<size_t>(*length), '\0');
  if (absl::Status status = source(json); !status.ok()) return status;
  return ParseSafetensorsHeader(json, file_bytes);
}

absl::StatusOr<std::vector<int64_t>> LayerWidths(const SafetensorsHeader& header) {
  std::vector<int64_t> widths;
  for (size_t layer = 0;; ++layer) {
    const std::string name = absl::StrCat("layers.", layer, ".weight");
    const SafetensorsTensor* const weight = header.Find(name);
    if (weight == nullptr && layer > 0) return widths;
    if (weight == nullptr) return Bad(name, "is missing");
    if (weight->shape.size() != 2 || weight->shape[0] < 1 || weight->shape[1] < 1) {
      return Bad(name, absl::StrCat("shape ", Shape(weight->shape), "; must be [units, inputs]"));
    }
    if (layer == 0) widths.push_back(weight->shape[1]);
    if (weight->shape[1] != widths.back()) {
      return Bad(name, absl::StrCat("takes ", weight->shape[1], " inputs, the layer before has ",
                                    widths.back(), " units"));
    }
    widths.push_back(weight->shape[0]);
  }
}

absl::StatusOr<ModelFile> ReadModelFile(const SafetensorsHeader& header, const Network& network,
                                        const ModelFileRules& rules, const ByteSource& source) {
  const ModelParts parts = {Has(header, "optimizer."), Has(header, "normalization."),
                            Has(header, "target_normalization.")};
  StateReader reader(network, parts, rules);
  if (absl::Status status = CheckTensors(header, reader.places(), rules); !status.ok()) {
    return status;
  }
  if (parts.target_normalization && !IsRegression(network.spec().loss.kind)) {
    return Bad("target_normalization.mean", "the network's loss is not one of regression");
  }
  ModelFile file;
  file.has_optimizer = parts.optimizer;
  file.metadata = header.metadata;
  for (const auto& [key, number] :
       {std::pair("chainrule.step", &file.state.step),
        std::pair("chainrule.optimizer_steps", &file.state.optimizer_steps)}) {
    if (absl::Status status = TakeNumber(key, &file.metadata, number); !status.ok()) return status;
  }
  reader.Allocate(parts);
  for (const SafetensorsTensor& tensor : header.tensors) {
    if (absl::Status status = reader.Read(tensor, source, &file); !status.ok()) return status;
  }
  reader.Finish(&file.state);
  return file;
}

}  // namespace chainrule::engine
