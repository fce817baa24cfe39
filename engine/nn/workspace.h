// Workspace: the memory of one forward and backward pass over at most `capacity`
// rows, made once and reused, so that a pass allocates nothing.  What a pass does
// not need takes no room.  One aligned buffer; a layer's matrices for n rows are
// the first n rows of their places.
// Thread-compatible.  Owned by who runs the passes.
#ifndef CHAINRULE_ENGINE_NN_WORKSPACE_H_
#define CHAINRULE_ENGINE_NN_WORKSPACE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "engine/core/aligned_buffer.h"
#include "engine/core/matrix.h"
#include "engine/nn/network.h"

namespace chainrule::engine {

// Forward and backward run over blocks of at most so many rows, so a workspace is
// bounded by the model and never by a request.
inline constexpr int64_t kMaxBlockRows = 4'096;

struct WorkspaceOptions {
  bool keep_z = false;   // also of layers whose backward pass does not look at Z
  bool dropout = false;  // room for masks, where the spec has dropout
};

class Workspace {
 public:
  // Of any values. Requires 1 ≤ capacity ≤ kMaxBlockRows.
  Workspace(const Network& network, int64_t capacity, WorkspaceOptions options);

  int64_t capacity() const { return capacity_; }
  int64_t bytes() const {
    return size_ * static_cast<int64_t>(sizeof(float)) +
           capacity_ * static_cast<int64_t>(sizeof(double));
  }

  MatrixView inputs(int64_t rows) { return View(inputs_, rows); }    // X of layer 0
  MatrixView targets(int64_t rows) { return View(targets_, rows); }  // Y
  std::span<float> weights(int64_t rows);                            // of the examples
  std::span<double> row_loss(int64_t rows);

  // Of a layer. z is the same memory as a where nothing needs it.
  MatrixView z(int64_t layer, int64_t rows) { return View(places(layer).z, rows); }
  MatrixView a(int64_t layer, int64_t rows) { return View(places(layer).a, rows); }
  // What the layer read, and what the next one reads: a, or a ∘ mask with dropout.
  MatrixView input(int64_t layer, int64_t rows) {
    return layer == 0 ? inputs(rows) : View(places(layer - 1).output, rows);
  }
  MatrixView output(int64_t layer, int64_t rows) { return View(places(layer).output, rows); }
  // Empty (data null) where the layer has no dropout.
  MatrixView mask(int64_t layer, int64_t rows) { return View(places(layer).mask, rows); }
  // Layers take turns with two buffers: dz(l) lasts until dz(l − 2) is written.
  MatrixView dz(int64_t layer, int64_t rows) { return View(places(layer).dz, rows); }

 private:
  // A place in the buffer; columns 0: none.
  struct Place {
    int64_t first = 0;
    int64_t columns = 0;
  };
  struct LayerPlaces {
    Place z, a, output, mask, dz;
  };

  const LayerPlaces& places(int64_t layer) const { return layers_[static_cast<size_t>(layer)]; }
  MatrixView View(Place place, int64_t rows);
  Place Reserve(int64_t columns);
  LayerPlaces ReserveLayer(const Network& network, int64_t layer, WorkspaceOptions options);

  int64_t capacity_;
  int64_t size_ = 0;
  Place inputs_;
  Place targets_;
  Place weights_;
  std::vector<LayerPlaces> layers_;
  std::vector<double> row_loss_;
  AlignedBuffer buffer_;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_NN_WORKSPACE_H_
