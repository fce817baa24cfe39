#include "server/store/spool_layout.h"

namespace chainrule::server {
namespace {

using engine::ElementRows;

void Append(const void* data, int64_t row, int64_t row_bytes, std::string* bytes) {
  bytes->append(static_cast<const char*>(data) + row * row_bytes, static_cast<size_t>(row_bytes));
}

}  // namespace

RowLayout RowLayout::Of(const engine::ExampleChunk& chunk) {
  RowLayout layout;
  layout.inputs = chunk.inputs.type;
  layout.input_width = chunk.inputs.columns;
  if (chunk.targets.data != nullptr) {
    layout.targets = chunk.targets.type;
    layout.target_width = chunk.targets.columns;
  }
  if (chunk.sample_weights.data != nullptr) layout.weight = chunk.sample_weights.type;
  return layout;
}

int64_t RowLayout::target_bytes() const {
  return targets.has_value() ? target_width * engine::ElementBytes(*targets)
                             : static_cast<int64_t>(sizeof(int32_t));
}

int64_t RowLayout::weight_bytes() const {
  return weight.has_value() ? engine::ElementBytes(*weight) : 0;
}

void AppendRow(const RowLayout& layout, const engine::ExampleChunk& chunk, int64_t row,
               std::string* bytes) {
  Append(chunk.inputs.data, row, layout.input_bytes(), bytes);
  const void* const targets =
      layout.targets.has_value() ? chunk.targets.data : chunk.class_ids.data();
  Append(targets, row, layout.target_bytes(), bytes);
  if (layout.weight.has_value()) {
    Append(chunk.sample_weights.data, row, layout.weight_bytes(), bytes);
  }
}

}  // namespace chainrule::server
