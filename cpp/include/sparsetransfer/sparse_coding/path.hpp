#pragma once

#include <vector>

#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/sparse_coding/panel_gram.hpp"
#include "sparsetransfer/sparse_coding/problem.hpp"

namespace sparsetransfer {

/// What the paths of several signals have in common. `weights` (atoms) must be positive.
struct PathSettings {
  double least_penalty = 0.0;
  Index most_steps = 1000;
  bool nonnegative = false;

  void validate() const;
};

/// All solutions of one signal's lasso: at the penalties of its breakpoints, falling, the entries
/// begin[i] .. begin[i + 1] of `atoms` and `values`. Between two breakpoints codes are linear.
struct CodePath {
  std::vector<double> penalties;
  std::vector<Index> begin = {0};
  std::vector<int> atoms;
  std::vector<double> values;
  std::vector<double> kkt;  ///< the largest violation between a breakpoint and the one above it
  Status status = Status::converged;  ///< max_iterations: of steps; stopped: by the time
};

/// The paths of signals with the given correlations (atoms x signals), from the first atom down to
/// the least penalty. `ridge` has one entry per signal, or none. Paths that run out of time end at
/// the breakpoint that they have reached, at least their first.
std::vector<CodePath> code_paths(const Execution& execution, const PanelGram<double>& gram,
                                 const ConstMatrixRef<double>& correlations,
                                 const PathSettings& settings,
                                 const ConstVectorRef<double>& weights,
                                 const ConstVectorRef<double>& ridge);

/// Least angle regression with `count` atoms: codes (atoms x signals) where atom count + 1 would
/// join, or least squares where there is no further one. Atoms never leave. Writes the number of
/// steps of each signal.
void least_angle(const Execution& execution, const PanelGram<double>& gram,
                 const ConstMatrixRef<double>& correlations, Index count, MatrixRef<double> codes,
                 int* steps);

}  // namespace sparsetransfer
