#pragma once

#include "sparsetransfer/dictionary/constraint.hpp"
#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

struct BlockCoordinateSettings {
  int passes = 1;          ///< cyclic passes over the atoms at most
  double tolerance = 0.0;  ///< stop after a pass in which no atom moved farther than this
  AtomConstraint constraint{};

  void validate() const;
};

/// Minimises tr(DᵀD A)/2 − tr(DᵀB) over atoms in their set by exact minimisation of one atom
/// after the other (Mairal et al. 2010, algorithm 2): u = d_j + (B_j − D A_j)/A_jj,
/// d_j = the point of the set nearest to u. A = S Sᵀ (atoms x atoms, symmetric, both halves are
/// read), B = X Sᵀ (features x atoms), dictionary (features x atoms) is read and written and may
/// alias neither. The objective never increases. Unused atoms (see `is_unused`) keep their values.
/// Returns the passes made. The result does not depend on the number of threads.
template <typename T>
int update_block_coordinate(const Execution& execution, const ConstMatrixRef<T>& A,
                            const ConstMatrixRef<T>& B, const BlockCoordinateSettings& settings,
                            MatrixRef<T> dictionary);

}  // namespace sparsetransfer
