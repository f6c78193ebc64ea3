#pragma once

#include <algorithm>

#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// Rounds x to precision T so that L'(rounded - x) stays small, for a lower triangle L of which
/// row(i) gives the i + 1 first entries of row i: from the last entry of x to the first, each makes
/// up for the rounding of those that came before it, as far as one multiple of its own precision
/// can. Entries that would lose their sign, or whose diagonal entry in L is zero, are rounded to
/// nearest. `work` has `size` entries.
///
/// L. Babai, "On Lovasz' lattice reduction and the nearest lattice point problem", Combinatorica
/// 6:1-13, 1986 (the nearest plane procedure).
template <typename T, typename RowOf>
void round_to_nearest_plane(Index size, const RowOf& row, double* x, double* work) {
  std::fill(work, work + size, 0.0);
  for (Index i = size - 1; i >= 0; --i) {
    const double* entries = row(i);
    const double exact = x[i];
    double rounded = static_cast<double>(static_cast<T>(exact));
    if (entries[i] > 0.0) {
      const auto shifted = static_cast<double>(static_cast<T>(exact - work[i] / entries[i]));
      if (shifted * exact > 0.0) rounded = shifted;
    }
    x[i] = rounded;
    const double change = rounded - exact;
    for (Index l = 0; l < i; ++l) work[l] += entries[l] * change;
  }
}

}  // namespace sparsetransfer
