#pragma once

#include "sparsetransfer/transfer/iterate.hpp"

namespace sparsetransfer::transfer {

/// Accelerated proximal gradient with the mean terms inside the proximal operator: the step does
/// not depend on their strength. Monotone: a step that does not lower the objective is replaced
/// by a plain proximal gradient step. Steps are per sample,
/// 1 / (lambda_max(G) + b_i lambda_max(W'W) + sum_j |L_ij|).
///
/// For one atom (a row of S, here a column z) the proximal operator
///   argmin_s sum_i (s_i - z_i)^2 / (2 tau_i) + alpha |s|_1 + 1/2 |E's|^2
/// is s_i = ST(z_i - tau_i e_i't, tau_i alpha), where t = E's is the root of a monotone, piecewise
/// linear map, found by semismooth Newton.
template <typename T>
class Fista {
 public:
  Fista(const Execution& execution, const CodeProblem<T>& problem, const Matrix<T>& correlations);

  /// Improves `point` (evaluated) until its KKT violation is <= tolerance or max_iterations have
  /// been made; returns the number made. Momentum is kept across calls on the same point.
  int run(Iterate<T>& point, double tolerance, int max_iterations);

  /// Forgets the momentum; call after `point` was changed by another solver.
  void restart();

 private:
  bool step(Iterate<T>& point);
  double update_atoms(const Iterate<T>& point, T beta);

  const Execution& execution_;
  const CodeProblem<T>& problem_;
  const Matrix<T>& correlations_;
  Vector<T> steps_;       // tau (samples)
  Vector<T> thresholds_;  // tau alpha p
  Matrix<T> means_;       // E (samples x r)
  Matrix<T> scaled_;      // tau E (samples x r)
  Iterate<T> other_;      // the previous point; a step writes the next one over it
  double momentum_ = 1;
  bool has_previous_ = false;
};

}  // namespace sparsetransfer::transfer
