#include "engine/blas/tile_scratch.h"

#include "engine/core/check.h"

namespace chainrule::engine {

void TileScratch::Reserve(int64_t floats) {
  const auto size = static_cast<size_t>(floats);
  for (Place& place : places_) {
    if (place.floats.size() < size) place.floats = AlignedBuffer(size);
  }
}

int64_t TileScratch::bytes() const {
  size_t floats = 0;
  for (const Place& place : places_) floats += place.floats.size();
  return static_cast<int64_t>(floats * sizeof(float));
}

// The first free one: a thread that works alone always has the same.
TileScratch::Loan::Loan(TileScratch* scratch) : scratch_(scratch) {
  std::vector<Place>& places = scratch_->places_;
  while (index_ < places.size() && places[index_].taken.exchange(true, std::memory_order_acquire)) {
    ++index_;
  }
  CHAINRULE_CHECK(index_ < places.size());
}

TileScratch::Loan::~Loan() {
  scratch_->places_[index_].taken.store(false, std::memory_order_release);
}

float* TileScratch::Loan::data() const { return scratch_->places_[index_].floats.data(); }

}  // namespace chainrule::engine
