#include "client/data/rows.h"

namespace chainrule::client {
namespace {

template <typename T>
void AppendRow(const std::vector<T>& from, int64_t width, int64_t index, std::vector<T>* to) {
  if (from.empty()) return;
  to->insert(to->end(), from.begin() + index * width, from.begin() + (index + 1) * width);
}

}  // namespace

void Rows::Clear() {
  count = 0;
  values.clear();
  pixels.clear();
  classes.clear();
  targets.clear();
  weights.clear();
  numbers.clear();
}

void Rows::Append(const Rows& other, int64_t index) {
  width = other.width;
  target_width = other.target_width;
  AppendRow(other.values, width, index, &values);
  AppendRow(other.pixels, width, index, &pixels);
  AppendRow(other.classes, 1, index, &classes);
  AppendRow(other.targets, target_width, index, &targets);
  AppendRow(other.weights, 1, index, &weights);
  AppendRow(other.numbers, 1, index, &numbers);
  ++count;
}

}  // namespace chainrule::client
