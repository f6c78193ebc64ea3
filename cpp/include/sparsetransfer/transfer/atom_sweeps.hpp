#pragma once

#include "sparsetransfer/transfer/iterate.hpp"

namespace sparsetransfer::transfer {

/// Block coordinate descent over the atoms: the codes of one atom for all samples (a row of S) are
/// minimised over together, mean terms included, which makes it indifferent to their strength.
/// Exact without a graph; with one, the minimiser of a separable bound of its term. A sweep over
/// all atoms costs little more than an iteration of Fista and comes much farther while the codes
/// are rough.
template <typename T>
class AtomSweeps {
 public:
  AtomSweeps(const Execution& execution, const CodeProblem<T>& problem,
             const Matrix<T>& correlations);

  /// Sweeps over `point` (evaluated) until none of its codes moves by more than `tolerance` over
  /// its curvature or max_sweeps have been made; evaluates it and returns the number made. The
  /// objective never rises (beyond rounding).
  int run(Iterate<T>& point, double tolerance, int max_sweeps);

 private:
  double sweep(Iterate<T>& point);
  void form_panel(const Iterate<T>& point, Index begin, Index count);
  double move_atom(Iterate<T>& point, Index begin, Index i);
  void add_neighbours(Index atom, const Iterate<T>& point);

  const Execution& execution_;
  const CodeProblem<T>& problem_;
  const Matrix<T>& correlations_;
  Matrix<T> means_;       // E (samples x r)
  Matrix<T> scaled_;      // tau E, for one atom
  Vector<T> fixed_;       // the graph's bound of the curvature (samples)
  Matrix<T> label_gram_;  // W'W (atoms x atoms); empty without labels
  Matrix<T> quadratic_;   // S G + diag(b) S W'W before the panel's atoms move (samples x panel)
  Matrix<T> moved_;       // by how much they have (samples x panel)
  Vector<T> steps_, thresholds_, target_, gradient_, next_;
};

}  // namespace sparsetransfer::transfer
