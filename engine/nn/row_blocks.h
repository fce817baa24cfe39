// ForRowBlocks: a pass over rows that do not depend on each other, in blocks whose
// size is a function of the shape alone.  A pass that is worth one block runs inline.
#ifndef CHAINRULE_ENGINE_NN_ROW_BLOCKS_H_
#define CHAINRULE_ENGINE_NN_ROW_BLOCKS_H_

#include <algorithm>
#include <cstdint>

#include "engine/core/executor.h"

namespace chainrule::engine {

// Elements of a block: some tens of microseconds of element-wise work, beside which
// handing it to another core (about 1 µs) is little.
inline constexpr int64_t kRowBlockElements = 32'768;

// Calls work(first, count) for each block of [0, rows).
template <typename Work>
void ForRowBlocks(const Executor& executor, int64_t rows, int64_t columns, Work work) {
  const int64_t block = std::max<int64_t>(1, kRowBlockElements / std::max<int64_t>(1, columns));
  if (rows <= block) return work(int64_t{0}, rows);
  executor.ParallelFor((rows + block - 1) / block, [&](int64_t index) {
    const int64_t first = index * block;
    work(first, std::min(block, rows - first));
  });
}

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_NN_ROW_BLOCKS_H_
