#pragma once

#include "sparsetransfer/dictionary/constraint.hpp"
#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

struct KsvdSettings {
  double alpha = 0.0;  ///< the codes' penalty; 0: fixed supports (OMP codes) and unit-norm atoms
  AtomConstraint constraint{};  ///< with alpha = 0 only non-negativity can be asked for
  bool positive_codes = false;

  void validate() const;
};

/// One pass of approximate K-SVD (Rubinstein et al. 2008): for every atom, with E the residual
/// without it on the signals that use it, d = the point of the set nearest to E g / |g|², then
/// g = soft(Eᵀd, alpha) / |d|² on the same signals. Both halves are exact minimisers, so
/// |X − D S|²/2 + alpha |S|₁ never increases. With alpha = 0 the atom has length one and g = Eᵀd.
/// signals (features x samples), codes (atoms x samples) and dictionary are updated; supports
/// only shrink. Holds one residual of the size of the signals. Returns |X − D S|²/2 afterwards.
/// The result does not depend on the number of threads.
template <typename T>
double update_ksvd(const Execution& execution, const ConstMatrixRef<T>& signals,
                   const KsvdSettings& settings, MatrixRef<T> codes, MatrixRef<T> dictionary);

}  // namespace sparsetransfer
