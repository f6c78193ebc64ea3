#pragma once

#include "sparsetransfer/transfer/regression.hpp"

namespace sparsetransfer::transfer {

/// The root of the sum of squares, which neither over- nor underflow; NaN if an entry is.
double stable_norm(const ConstMatrixRef<double>& matrix);

/// The same of every row.
Vector<double> row_norms(const ConstMatrixRef<double>& matrix);

/// sqrt of the sum of squares of the rows of every group; the row norms without groups.
Vector<double> unit_norms(const RegressionProblem& problem, const Vector<double>& rows);

double penalty(const RegressionProblem& problem, const ConstMatrixRef<double>& coefficients);

/// Per unit (row or group), how far 0 is from gradient + subdifferential of the penalty.
Vector<double> violations(const RegressionProblem& problem,
                          const ConstMatrixRef<double>& coefficients,
                          const ConstMatrixRef<double>& gradient);

/// The largest factor in [0, limit], to bisection accuracy from below, for which factor * gradient
/// is feasible in the dual problem.
double dual_scaling(const RegressionProblem& problem, const ConstMatrixRef<double>& gradient,
                    double limit);

}  // namespace sparsetransfer::transfer
