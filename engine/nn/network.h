// Network: a spec and where each of its parameters stands in one flat block.
//   layer l:  W: [units × inputs], rows RowStride apart, then b: [units]; each of the two
//   starts on a 64-byte boundary, the gaps are zero and stay zero.
// Thread-safe: immutable once created.
#ifndef CHAINRULE_ENGINE_NN_NETWORK_H_
#define CHAINRULE_ENGINE_NN_NETWORK_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/core/aligned_buffer.h"
#include "engine/core/matrix.h"
#include "engine/nn/spec.h"

namespace chainrule::engine {

class Network {
 public:
  // Requires a valid spec whose block was found to fit (ParameterCount).
  explicit Network(NetworkSpec spec);

  const NetworkSpec& spec() const { return spec_; }
  int64_t layer_count() const { return static_cast<int64_t>(spec_.layers.size()); }
  int64_t layer_inputs(int64_t layer) const;
  int64_t layer_units(int64_t layer) const {
    return spec_.layers[static_cast<size_t>(layer)].units;
  }

  // Weights and biases, without gaps.
  int64_t parameter_count() const { return parameter_count_; }
  // Floats in a block, gaps included.
  int64_t block_size() const { return block_size_; }

  // Floats from one row of a layer's weights to the next.
  int64_t weights_stride(int64_t layer) const { return RowStride(layer_inputs(layer)); }
  // Where in a block a layer's weights and its biases begin.
  int64_t weights_offset(int64_t layer) const { return place(layer).weights; }
  int64_t bias_offset(int64_t layer) const { return place(layer).bias; }
  ConstMatrixView weights(std::span<const float> block, int64_t layer) const;
  MatrixView weights(std::span<float> block, int64_t layer) const;
  std::span<const float> bias(std::span<const float> block, int64_t layer) const;
  std::span<float> bias(std::span<float> block, int64_t layer) const;

  // A block, or several one after another, whose gaps are zero and whose other floats are any.
  AlignedBuffer UnsetBlocks(int64_t count) const;

  // Parameters as the layers' initialisers make them from the seed; biases zero.
  void Initialize(std::span<float> block) const;

 private:
  struct Place {
    int64_t weights = 0;
    int64_t bias = 0;
  };
  void ClearGaps(std::span<float> block) const;
  const Place& place(int64_t layer) const { return places_[static_cast<size_t>(layer)]; }

  NetworkSpec spec_;
  std::vector<Place> places_;
  int64_t parameter_count_ = 0;
  int64_t block_size_ = 0;
};

// Parameters of a network of these widths, or nothing where the count, or the
// block's bytes, overflow.
std::optional<int64_t> ParameterCount(const NetworkSpec& spec);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_NN_NETWORK_H_
