#pragma once

#include <functional>
#include <utility>

#include "sparsetransfer/numerics/parallel.hpp"

namespace sparsetransfer {

/// Calls body(row, column, worker) once for every unordered pair of blocks, the pairs of a block
/// with itself included, so that no two calls that run at the same time share a block: what a
/// call adds to its two blocks needs no lock, and is added in the same order whatever the number
/// of threads. The rounds are a round-robin schedule by the circle method.
inline void for_block_pairs(const Execution& execution, Index blocks,
                            const std::function<void(Index row, Index column, int worker)>& body) {
  parallel_for(execution, blocks, [&](Index block, int worker) { body(block, block, worker); });
  const Index players = blocks + blocks % 2;  // an odd block out is paired with an empty one
  for (Index round = 0; round + 1 < players; ++round) {
    parallel_for(execution, players / 2, [&](Index table, int worker) {
      const Index circle = players - 1;
      Index row = table == 0 ? circle : (round + table) % circle;
      Index column = (round + circle - table) % circle;
      if (row > column) std::swap(row, column);
      if (column < blocks) body(row, column, worker);
    });
  }
}

}  // namespace sparsetransfer
