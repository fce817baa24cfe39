// TileScratch: places to compute tiles in that nobody keeps, one for each thread that
// may be at work at once. A place stays in its core's cache where a whole matrix would
// not.
// Thread-safe, but Reserve wants no loan to be out.
#ifndef CHAINRULE_ENGINE_BLAS_TILE_SCRATCH_H_
#define CHAINRULE_ENGINE_BLAS_TILE_SCRATCH_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "engine/core/aligned_buffer.h"

namespace chainrule::engine {

class TileScratch {
 public:
  explicit TileScratch(int threads) : places_(static_cast<size_t>(threads)) {}

  // Makes every place at least so many floats. Allocates only to grow.
  void Reserve(int64_t floats);

  int64_t bytes() const;

  // A place, as long as this lives.
  class Loan {
   public:
    explicit Loan(TileScratch* scratch);
    ~Loan();
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;

    float* data() const;

   private:
    TileScratch* const scratch_;
    size_t index_ = 0;
  };

 private:
  struct Place {
    AlignedBuffer floats;
    std::atomic<bool> taken = false;
  };

  std::vector<Place> places_;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_BLAS_TILE_SCRATCH_H_
