#pragma once

#include <vector>

#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/status.hpp"
#include "sparsetransfer/transfer/nested_penalty.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer::transfer {

/// min_W 1/2 tr(W'HW) - tr(W'B) + energy/2 + penalty(W) over W (features x outputs). For the
/// regression 1/2 |Y - ZW|^2 that is H = Z'Z, B = Z'Y and energy = |Y|^2; quadratic couplings (mean
/// differences, a Laplacian, a ridge) are rows of Z with targets 0. Double precision only: H sums
/// over all samples, and its size does not depend on their number.
struct RegressionProblem {
  Eigen::Map<const Matrix<double>> quadratic;  ///< H, positive semidefinite
  Eigen::Map<const Matrix<double>> linear;     ///< B (features x outputs)
  double energy;
  NestedPenalty penalty;

  Index features() const { return linear.rows(); }
  Index outputs() const { return linear.cols(); }
};

struct RegressionSettings {
  double tolerance = 1e-6;     ///< KKT violation relative to NestedPenalty::scale
  int max_iterations = 20000;  ///< proximal gradient iterations
  double newton_from = 0.3;    ///< relative violation below which Newton steps are tried; 0: never

  void validate() const;
};

struct RegressionReport {
  double objective = 0;
  double kkt_violation = 0;  ///< largest distance of 0 from the subdifferential: entries of rows
                             ///< that are not zero, norms of rows or groups that are
  double duality_gap = 0;    ///< >= objective - optimum
  Status status = Status::converged;
  int iterations = 0;
  int newton_steps = 0;
  std::vector<double> history;  ///< objective at the start and after every working set
};

/// Minimises the problem from the given coefficients (features x outputs). Working sets of rows
/// (or groups) are solved by monotone accelerated proximal gradient with a Newton method on the
/// support; zeros are exact. The objective never rises beyond rounding.
RegressionReport solve(const Execution& execution, const RegressionProblem& problem,
                       const RegressionSettings& settings, MatrixRef<double> coefficients);

/// The objective, violation, gap and status of given coefficients, without a step.
RegressionReport certify(const Execution& execution, const RegressionProblem& problem,
                         const RegressionSettings& settings,
                         const ConstMatrixRef<double>& coefficients);

}  // namespace sparsetransfer::transfer
