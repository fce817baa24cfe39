// Predictor: one network's forward pass for Predict and Evaluate, on weights packed
// in panels.  Each output is one sequential chain of fused multiply-adds over the
// inputs in blocks of a constant length, so a row's outputs are the same bits
// alone, in any batch, at any place in it.  Normalisation included: rows go in and
// outputs come out in the caller's units.
// Thread-safe: immutable once created; Run writes only to its arguments.
#ifndef CHAINRULE_ENGINE_NN_PREDICTOR_H_
#define CHAINRULE_ENGINE_NN_PREDICTOR_H_

#include <cstdint>
#include <memory>
#include <span>

#include "engine/core/executor.h"
#include "engine/core/matrix.h"
#include "engine/nn/network.h"
#include "engine/nn/normalization.h"

namespace chainrule::engine {

class Predictor {
 public:
  // Scratch memory of one Run at a time, grown when needed and reused.
  class Scratch;

  // Packs the weights; `network` must outlive the predictor, the others are read
  // here only.
  Predictor(const Network& network, std::span<const float> parameters,
            const Normalization& normalization);
  ~Predictor();

  // outputs ← the network's outputs for inputs. inputs: [rows × input_width],
  // outputs: [rows × output_width]; logits (the last layer's Z), the same shape, is
  // written unless its data is null. Rows are worked on in blocks, so the scratch
  // is bounded. With an executor, many rows are shared out to threads.
  void Run(ConstMatrixView inputs, MatrixView outputs, MatrixView logits, Scratch* scratch,
           const Executor* executor = nullptr) const;

  // Bytes that the packed weights take.
  int64_t memory_bytes() const;

 private:
  struct Packed;
  std::unique_ptr<const Packed> packed_;
};

class Predictor::Scratch {
 public:
  Scratch();
  ~Scratch();

 private:
  friend class Predictor;
  struct Buffers;
  std::unique_ptr<Buffers> buffers_;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_NN_PREDICTOR_H_
