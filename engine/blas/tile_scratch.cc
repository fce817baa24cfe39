#include "engine/blas/tile_scratch.h"

#include "engine/core/check.h"

namespace chainrule::engine {

void TileScratch::Reserve(int64_t floats) {
  const auto size = static_cast<size_t>(floats);
  for (Place& place : places_) {
    if (place.floats.size() < size) place.floats = AlignedBuffer(size);
  }
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
