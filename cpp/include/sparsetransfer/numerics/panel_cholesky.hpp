#pragma once

#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// The Cholesky factor of a large symmetric matrix, computed and applied by panels: it can be
/// stopped between them, shares their work among threads, and does not depend on their number.
class PanelCholesky {
 public:
  /// Factorises `matrix` (its lower half is read). False if it is not positive definite.
  bool compute(const Execution& execution, Matrix<double> matrix);
  /// matrix⁻¹ rhs.
  Matrix<double> solve(const Execution& execution, Matrix<double> rhs) const;

 private:
  Matrix<double> factor_;
};

}  // namespace sparsetransfer
