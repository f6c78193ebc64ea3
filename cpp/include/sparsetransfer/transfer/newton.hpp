#pragma once

#include "sparsetransfer/transfer/iterate.hpp"

namespace sparsetransfer::transfer {

/// One step of the active-set Newton method for the coupled problem: with the signs of the
/// nonzero codes and of the violating zero codes fixed, the quadratic problem in the active
/// entries is solved by conjugate gradients. Without a Laplacian their preconditioner is exact (one
/// Cholesky factor per sample and the Woodbury identity for the mean terms), with one it is the
/// diagonal. The step is projected on the orthant of the signs and halved until the objective
/// falls; where none does, it ends at sign changes.
template <typename T>
class Newton {
 public:
  Newton(const Execution& execution, const CodeProblem<T>& problem, const Matrix<T>& correlations);

  /// True when the Cholesky factors of the active set of `point` fit into `max_bytes`.
  bool affordable(const Iterate<T>& point, double max_bytes) const;

  /// Replaces `point` (evaluated) by a better one; false and unchanged when none was found.
  bool step(Iterate<T>& point);

 private:
  const Execution& execution_;
  const CodeProblem<T>& problem_;
  const Matrix<T>& correlations_;
  Iterate<T> trial_;
};

}  // namespace sparsetransfer::transfer
