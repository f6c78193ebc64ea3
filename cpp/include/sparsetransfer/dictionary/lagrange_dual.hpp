#pragma once

#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/status.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

struct LagrangeDualSettings {
  int max_iterations = 50;
  double tolerance = 1e-10;  ///< duality gap, relative to the size of the dual value

  void validate() const;
};

struct LagrangeDualReport {
  Status status = Status::max_iterations;
  int iterations = 0;
  double gap = 0.0;  ///< primal minus dual value of tr(DᵀD A)/2 − tr(DᵀB), |d_j| ≤ 1
};

/// Minimises tr(DᵀD A)/2 − tr(DᵀB) over |d_j| ≤ 1 exactly, through its Lagrange dual in one
/// multiplier per atom (Lee et al. 2007): D = B (A + Λ)⁻¹, by interior-point Newton steps started
/// near the multipliers that the given dictionary implies. Computed in double. The dictionary is
/// read and written and left as it was where that is better; unused atoms keep their values. Costs
/// O(atoms³) per iteration.
template <typename T>
LagrangeDualReport update_lagrange_dual(const Execution& execution, const ConstMatrixRef<T>& A,
                                        const ConstMatrixRef<T>& B,
                                        const LagrangeDualSettings& settings,
                                        MatrixRef<T> dictionary);

/// The method of optimal directions (Engan et al. 1999): the unconstrained minimiser
/// D = B A⁻¹ over the used atoms. Atoms are not normalised: scale them together with the rows of
/// the codes. Directions that the codes do not determine keep their value. Computed in double.
template <typename T>
void update_optimal_directions(const Execution& execution, const ConstMatrixRef<T>& A,
                               const ConstMatrixRef<T>& B, MatrixRef<T> dictionary);

}  // namespace sparsetransfer
