#pragma once

#include "sparsetransfer/transfer/regression.hpp"

namespace sparsetransfer::transfer {

/// out = H W, cut into row blocks of constant width.
void multiply(const Execution& execution, const ConstMatrixRef<double>& quadratic,
              const ConstMatrixRef<double>& coefficients, MatrixRef<double> out);

/// Coefficients with what their certificate needs.
struct RegressionPoint {
  Matrix<double> coefficients;  ///< W
  Matrix<double> product;       ///< H W
  double objective = 0;
  double violation = 0;
};

/// Fills objective and violation from coefficients and product.
void assess(const RegressionProblem& problem, RegressionPoint& point);

/// Solves a problem that is small enough to be handled as a whole (a working set).
class RegressionBlock {
 public:
  RegressionBlock(const Execution& execution, const RegressionProblem& problem,
                  const RegressionSettings& settings, Matrix<double> start);

  /// Until the violation is <= tolerance or the iterations are used up or nothing moves.
  void run(double tolerance, int max_iterations);

  const RegressionPoint& point() const { return point_; }
  int iterations() const { return iterations_; }
  int newton_steps() const { return newton_steps_; }

 private:
  bool proximal_step();
  bool newton_step();
  Matrix<double> newton_direction(const std::vector<Index>& support, const PenaltyModel& penalty,
                                  const Matrix<double>& mask, const Matrix<double>& gradient) const;
  double rounding() const;

  const Execution& execution_;
  const RegressionProblem& problem_;
  const RegressionSettings& settings_;
  RegressionPoint point_;
  RegressionPoint other_;  // the previous point, then the next one
  double curvature_ = 0;
  double momentum_ = 1;
  bool has_previous_ = false;
  int iterations_ = 0;
  int newton_steps_ = 0;
};

}  // namespace sparsetransfer::transfer
