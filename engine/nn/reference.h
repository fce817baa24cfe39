// ReferenceNetwork: the naive twin of the whole network in float64, loops as the
// formulas are written: what back-propagation is compared with.
//   Loss(change) = Σ wᵢ·lossᵢ / Σ wᵢ + penalties, with one parameter changed
// RELU and LEAKY_RELU have no derivative at z = 0, and within float32's rounding of it
// the engine may stand on the other side: each unit stays on the side on which it is
// without a change (`Side`), so that Loss is smooth and a central difference is of the
// piece that the engine differentiated.
// Thread-safe: immutable once created.
#ifndef CHAINRULE_ENGINE_NN_REFERENCE_H_
#define CHAINRULE_ENGINE_NN_REFERENCE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "engine/core/matrix.h"
#include "engine/nn/network.h"

namespace chainrule::engine {

// One parameter.
struct ParameterPlace {
  int64_t layer = 0;
  bool bias = false;
  int64_t unit = 0;
  int64_t input = 0;  // 0 for a bias
};

class ReferenceNetwork {
 public:
  // Rows as the network reads them: standardised. `engine_z`: of each layer, the Z that
  // the engine computed, looked at only where this one's is too near to 0 to tell; may
  // be empty. `network` is borrowed, the others are read here only.
  ReferenceNetwork(const Network& network, std::span<const float> parameters,
                   ConstMatrixView inputs, ConstMatrixView targets, std::span<const float> weights,
                   std::span<const ConstMatrixView> engine_z);

  // The loss with `change` added to the parameter at `place`.
  double Loss(const ParameterPlace& place, double change) const;
  double Loss() const;
  double Parameter(const ParameterPlace& place) const;
  // [rows × units] of a layer, row-major.
  const std::vector<double>& z(int64_t layer) const;
  const std::vector<double>& a(int64_t layer) const;

 private:
  struct Layer {
    std::vector<double> weights;  // [units × inputs]
    std::vector<double> bias;     // [units]
    std::vector<double> z;        // [rows × units]
    std::vector<double> a;        // the same
    std::vector<char> above;      // the same: z is taken to be above 0
  };

  const Layer& layer(int64_t index) const { return layers_[static_cast<size_t>(index)]; }
  const LayerSpec& spec(int64_t index) const;
  void AddLayer(int64_t index, std::span<const float> parameters, ConstMatrixView engine_z);
  std::span<const double> InputRow(int64_t layer, int64_t row) const;
  void Activate(int64_t layer, int64_t row, std::span<const double> z, std::span<double> a) const;
  std::vector<double> ForwardRow(int64_t layer, std::span<const double> input) const;
  double RowLoss(int64_t row, const ParameterPlace& place, double change) const;
  double OutputLoss(int64_t row, std::span<const double> z) const;
  double Penalty(const ParameterPlace& place, double change) const;

  const Network& network_;
  int64_t rows_;
  std::vector<double> inputs_;
  std::vector<double> targets_;
  std::vector<double> weights_;
  std::vector<Layer> layers_;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_NN_REFERENCE_H_
