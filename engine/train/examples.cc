#include "engine/train/examples.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "engine/core/check.h"

namespace chainrule::engine {
namespace {

constexpr int64_t kLineBytes = 64;
// As much of a shuffled row as is worth asking for ahead: the processor itself follows a
// longer one.
constexpr int64_t kPrefetchBytes = 4'096;

// Class c as targets: one-hot, or, of one unit, 0 or 1.
void WriteClass(int32_t class_id, std::span<float> targets) {
  if (targets.size() == 1) {
    targets[0] = static_cast<float>(class_id);
    return;
  }
  std::fill(targets.begin(), targets.end(), 0.0F);
  targets[static_cast<size_t>(class_id)] = 1.0F;
}

int64_t Bytes(const ElementRows& elements, int64_t rows) {
  return elements.data == nullptr ? 0 : rows * elements.columns * ElementBytes(elements.type);
}

}  // namespace

ExampleChunk Rows(const ExampleChunk& chunk, int64_t first, int64_t count) {
  ExampleChunk part = chunk;
  part.rows = count;
  for (ElementRows* rows : {&part.inputs, &part.targets, &part.sample_weights}) {
    if (rows->data == nullptr) continue;
    rows->data = static_cast<const unsigned char*>(rows->data) +
                 first * rows->columns * ElementBytes(rows->type);
  }
  if (!part.class_ids.empty()) {
    part.class_ids = part.class_ids.subspan(static_cast<size_t>(first), static_cast<size_t>(count));
  }
  return part;
}

void ElementRows::CopyElements(int64_t first, std::span<float> destination) const {
  const auto* bytes = static_cast<const unsigned char*>(data);
  ConvertElements(type, bytes + first * ElementBytes(type), destination);
}

double ElementRows::ElementAt(int64_t index) const {
  return VisitType(type, [&](auto element) {
    std::memcpy(&element,
                static_cast<const unsigned char*>(data) + index * int64_t{sizeof(element)},
                sizeof(element));
    return static_cast<double>(element);
  });
}

void ElementRows::PrefetchRow(int64_t row) const {
  const int64_t row_bytes = columns * ElementBytes(type);
  const char* const first = static_cast<const char*>(data) + row * row_bytes;
  const int64_t bytes = std::min(row_bytes, kPrefetchBytes);
  for (int64_t i = 0; i < bytes; i += kLineBytes) __builtin_prefetch(first + i);
}

Examples::Examples(int64_t input_width, int64_t output_width)
    : input_width_(input_width), output_width_(output_width) {}

void Examples::Append(ExampleChunk chunk) {
  CHAINRULE_CHECK(spooled_ == nullptr);
  CHAINRULE_CHECK(chunk.inputs.columns == input_width_);
  CHAINRULE_CHECK(chunk.targets.data == nullptr || chunk.targets.columns == output_width_);
  if (chunk.rows == 0) return;
  weighted_ = weighted_ || chunk.sample_weights.data != nullptr;
  first_rows_.push_back(rows_);
  rows_ += chunk.rows;
  chunks_.push_back(std::move(chunk));
}

void Examples::Spool(std::shared_ptr<const SpooledRows> rows) {
  CHAINRULE_CHECK(rows_ == 0 && spooled_ == nullptr);
  spooled_ = std::move(rows);
  rows_ = spooled_->rows();
  weighted_ = spooled_->weighted();
}

void Examples::Clear() {
  rows_ = 0;
  weighted_ = false;
  chunks_.clear();
  first_rows_.clear();
  spooled_.reset();
}

int64_t Examples::bytes() const {
  if (spooled_ != nullptr) return spooled_->bytes();
  int64_t sum = 0;
  for (const ExampleChunk& chunk : chunks_) {
    sum += Bytes(chunk.inputs, chunk.rows) + Bytes(chunk.targets, chunk.rows) +
           Bytes(chunk.sample_weights, chunk.rows) +
           static_cast<int64_t>(chunk.class_ids.size_bytes());
  }
  return sum;
}

Example Examples::At(int64_t index) const {
  CHAINRULE_CHECK(!chunks_.empty());
  if (chunks_.size() == 1) return {chunks_.data(), index};
  const auto after = std::upper_bound(first_rows_.begin(), first_rows_.end(), index);
  const auto chunk = static_cast<size_t>(after - first_rows_.begin()) - 1;
  return {&chunks_[chunk], index - first_rows_[chunk]};
}

void Example::CopyTargets(std::span<float> targets) const {
  if (chunk->targets.data != nullptr) {
    chunk->targets.CopyRow(row, targets);
  } else {
    WriteClass(chunk->class_ids[static_cast<size_t>(row)], targets);
  }
}

float Example::Weight() const {
  if (chunk->sample_weights.data == nullptr) return 1.0F;
  float weight = 1.0F;
  chunk->sample_weights.CopyRow(row, {&weight, 1});
  return weight;
}

void Examples::CopyInputs(int64_t index, std::span<float> inputs) const {
  At(index).CopyInputs(inputs);
}

void Examples::CopyTargets(int64_t index, std::span<float> targets) const {
  At(index).CopyTargets(targets);
}

float Examples::Weight(int64_t index) const { return weighted_ ? At(index).Weight() : 1.0F; }

double Examples::WeightSum(std::span<const int64_t> indexes) const {
  if (!weighted_) return static_cast<double>(indexes.size());
  double sum = 0;
  for (const int64_t index : indexes) sum += static_cast<double>(Weight(index));
  return sum;
}

absl::Status Examples::AddWeights(std::span<const int64_t> indexes, double* sum) const {
  if (spooled_ != nullptr && weighted_) return spooled_->AddWeights(indexes, sum);
  for (const int64_t index : indexes) *sum += weighted_ ? static_cast<double>(Weight(index)) : 1.0;
  return absl::OkStatus();
}

void Examples::Gather(std::span<const int64_t> indexes, MatrixView inputs, MatrixView targets,
                      std::span<float> weights) const {
  for (size_t i = 0; i < indexes.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    CopyInputs(indexes[i], inputs.row(row));
    CopyTargets(indexes[i], targets.row(row));
    weights[i] = Weight(indexes[i]);
  }
}

}  // namespace chainrule::engine
