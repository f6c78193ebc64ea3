#pragma once

#include "sparsetransfer/transfer/iterate.hpp"

namespace sparsetransfer::transfer {

/// The published loop of transfer sparse coding (Long et al. 2013): sample after sample, with the
/// codes of all others held fixed, each solved exactly by feature-sign search. It keeps S E up to
/// date at O(atoms) a sample where the published one multiplies with an n x n matrix; the iterates
/// are the same. On one thread. At strengths above about one it needs very many sweeps.
template <typename T>
class GaussSeidel {
 public:
  GaussSeidel(const Execution& execution, const CodeProblem<T>& problem,
              const Matrix<T>& correlations);

  /// Sweeps over `point` (evaluated) until its KKT violation is <= tolerance or max_sweeps have
  /// been made; returns the number made. The objective never rises (beyond rounding).
  int run(Iterate<T>& point, double tolerance, int max_sweeps);

 private:
  void sweep();

  const Execution& execution_;
  const CodeProblem<T>& problem_;
  const Matrix<T>& correlations_;
  Matrix<T> codes_;  // S (atoms x samples)
  Matrix<T> means_;  // S E (atoms x r)
};

/// argmin_s 1/2 s'(G + h I)s - b's + alpha |s|_1 by feature-sign search (Lee et al. 2007) from the
/// given s. The minimum over the signs' orthant and its boundary is found exactly in each step.
template <typename T>
void feature_sign(const ConstMatrixRef<T>& gram, T curvature, const Vector<T>& linear, T alpha,
                  VectorRef<T> code);

}  // namespace sparsetransfer::transfer
