#pragma once

#include <cstdint>
#include <vector>

#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/status.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer::transfer {

/// min_W 1/2 tr(W'HW) - tr(W'B) + energy/2
///       + element |W|_1 + row sum_r |w_r|_2 + sum_g strength_g |W_g|_F
/// over W (features x outputs) with rows w_r and blocks W_g of rows. For the regression
/// 1/2 |Y - ZW|^2 that is H = Z'Z, B = Z'Y and energy = |Y|^2; quadratic couplings (mean
/// differences, a Laplacian, a ridge) are rows of Z with targets 0. Double precision only: H sums
/// over all samples, and its size does not depend on their number.
struct RegressionProblem {
  Eigen::Map<const Matrix<double>> quadratic{nullptr, 0, 0};  ///< H, positive semidefinite
  Eigen::Map<const Matrix<double>> linear{nullptr, 0, 0};     ///< B (features x outputs)
  double energy = 0;
  double element = 0;
  double row = 0;
  const std::int32_t* groups = nullptr;  ///< group of each feature; null: every row by itself
  Eigen::Map<const Vector<double>> strengths{nullptr, 0};  ///< one per group

  Index features() const { return linear.rows(); }
  Index outputs() const { return linear.cols(); }
  Index units() const { return groups == nullptr ? features() : strengths.size(); }
  Index unit(Index feature) const { return groups == nullptr ? feature : groups[feature]; }
  double strength(Index unit) const { return groups == nullptr ? 0.0 : strengths[unit]; }
  /// The unit of the KKT tolerance: the sum of the strengths a coefficient feels, at most.
  double scale() const;
};

struct RegressionSettings {
  double tolerance = 1e-6;     ///< KKT violation relative to RegressionProblem::scale
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

/// prox of step * penalty at `point` (features x outputs), in place.
void shrink(const RegressionProblem& problem, double step, MatrixRef<double> point);

}  // namespace sparsetransfer::transfer
