#include "server/convert/digest.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "engine/core/check.h"

namespace chainrule::server {

struct Digest::State {
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> xxh3{XXH3_createState()};
};

Digest::Digest() : state_(std::make_unique<State>()) {
  CHAINRULE_CHECK(state_->xxh3 != nullptr);
  CHAINRULE_CHECK(XXH3_128bits_reset(state_->xxh3.get()) == XXH_OK);
}

Digest::~Digest() = default;

void Digest::AddBytes(const void* data, size_t size) {
  CHAINRULE_CHECK(XXH3_128bits_update(state_->xxh3.get(), data, size) == XXH_OK);
}

void Digest::AddInteger(uint64_t value) { AddBytes(&value, sizeof value); }

void Digest::AddText(absl::string_view text) {
  AddInteger(text.size());
  AddBytes(text.data(), text.size());
}

void Digest::AddDigest(const ContentDigest& part) { AddBytes(part.data(), sizeof part); }

void Digest::AddElements(const engine::ElementRows& elements, int64_t rows) {
  const auto count = static_cast<size_t>(rows * elements.columns);
  if (count == 0) return;
  if (elements.type == engine::ElementType::kFloat32) {
    return AddBytes(elements.data, count * sizeof(float));
  }
  std::vector<float> row(static_cast<size_t>(elements.columns));
  for (int64_t i = 0; i < rows; ++i) {
    elements.CopyRow(i, row);
    AddBytes(row.data(), row.size() * sizeof(float));
  }
}

ContentDigest Digest::Finish() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_->xxh3.get());
  return {hash.low64, hash.high64};
}

void RowsDigest::Add(const engine::ExampleChunk& chunk) {
  const auto rows = static_cast<size_t>(chunk.rows);
  if (rows == 0) return;
  const bool by_class = chunk.targets.data == nullptr;
  if (by_class_ != by_class) {  // from this row on
    targets_.AddInteger(rows_);
    targets_.AddInteger(by_class ? 1 : 0);
  }
  by_class_ = by_class;
  rows_ += rows;
  inputs_.AddElements(chunk.inputs, chunk.rows);
  if (by_class) {
    targets_.AddBytes(chunk.class_ids.data(), chunk.class_ids.size_bytes());
  } else {
    targets_.AddElements(chunk.targets, chunk.rows);
  }
  if (chunk.sample_weights.data != nullptr) {
    weights_.AddElements(chunk.sample_weights, chunk.rows);
  } else {
    AddOnes(chunk.rows);
  }
}

void RowsDigest::AddOnes(int64_t count) {
  std::array<float, 256> ones;
  ones.fill(1.0F);
  while (count > 0) {
    const int64_t part = std::min(count, static_cast<int64_t>(ones.size()));
    weights_.AddBytes(ones.data(), static_cast<size_t>(part) * sizeof(float));
    count -= part;
  }
}

ContentDigest RowsDigest::Finish() const {
  Digest all;
  all.AddInteger(rows_);
  for (const Digest* part : {&inputs_, &targets_, &weights_}) all.AddDigest(part->Finish());
  return all.Finish();
}

}  // namespace chainrule::server
