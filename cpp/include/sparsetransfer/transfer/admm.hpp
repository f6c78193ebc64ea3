#pragma once

#include "sparsetransfer/transfer/iterate.hpp"

namespace sparsetransfer::transfer {

/// Alternating directions with the exact quadratic step. The codes are split, S = Z: the step in S
///   (G + rho I) S + S (E E' + L) = A + rho (Z - U)
/// falls apart in the eigenvectors of G, one linear system per eigenvalue: in closed form without a
/// Laplacian, by preconditioned conjugate gradients with one. Z is shrunk and is the point that is
/// returned and certified. Over-relaxed; rho follows the residuals during the first iterations.
template <typename T>
class Admm {
 public:
  Admm(const Execution& execution, const CodeProblem<T>& problem, const Matrix<T>& correlations);

  /// Moves `point` (evaluated) until its KKT violation is <= tolerance or max_iterations have been
  /// made; returns the number made. The objective may rise on the way.
  int run(Iterate<T>& point, double tolerance, int max_iterations);

 private:
  struct Residuals {
    double primal = 0;
    double dual = 0;
  };

  void start(const Iterate<T>& point);
  void quadratic_step(const Iterate<T>& point);
  Residuals shrink(Iterate<T>& point);
  void balance(const Residuals& residuals);

  const Execution& execution_;
  const CodeProblem<T>& problem_;
  const Matrix<T>& correlations_;
  Vector<T> eigenvalues_;   // of G
  Matrix<T> eigenvectors_;  // columns
  Vector<T> thresholds_;    // alpha p
  T rho_ = 1;
  Matrix<T> dual_;       // U' (samples x atoms)
  Matrix<T> rotated_;    // Q'S, transposed; kept to start conjugate gradients from
  Matrix<T> quadratic_;  // S' and scratch
};

}  // namespace sparsetransfer::transfer
