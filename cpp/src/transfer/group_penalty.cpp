#include "group_penalty.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sparsetransfer/numerics/max_or_nan.hpp"

namespace sparsetransfer::transfer {
namespace {

double soft(double value, double threshold) {
  return value > threshold ? value - threshold : value < -threshold ? value + threshold : 0.0;
}

/// The root of every sum of squares; `scaled` computes those again that over- or underflowed.
template <typename Scaled>
Vector<double> roots(const Vector<double>& sums, const Scaled& scaled) {
  constexpr double kLeast = std::numeric_limits<double>::min() / 1e-32;
  Vector<double> norms = sums.cwiseSqrt();
  for (Index i = 0; i < norms.size(); ++i)
    if (!(sums[i] >= kLeast && std::isfinite(sums[i]))) norms[i] = scaled(i);
  return norms;
}

/// Per row, |ST(factor * gradient, element)|_2.
Vector<double> thresholded_row_norms(const RegressionProblem& problem,
                                     const ConstMatrixRef<double>& gradient, double factor) {
  const auto left = [&](const auto& part) {
    return ((factor * part.array()).abs() - problem.element)
        .template cwiseMax<Eigen::PropagateNaN>(0.0)
        .eval();
  };
  Vector<double> sums = Vector<double>::Zero(gradient.rows());
  for (Index output = 0; output < gradient.cols(); ++output)
    sums.array() += left(gradient.col(output)).square();
  return roots(sums, [&](Index row) { return stable_norm(left(gradient.row(row)).matrix()); });
}

/// What is left of each unit of factor * gradient after all penalties of the unit have taken
/// their share: 0 exactly where the unit is feasible.
Vector<double> excess(const RegressionProblem& problem, const ConstMatrixRef<double>& gradient,
                      double factor) {
  const Vector<double> left =
      (thresholded_row_norms(problem, gradient, factor).array() - problem.row)
          .cwiseMax<Eigen::PropagateNaN>(0.0);
  Vector<double> norms = unit_norms(problem, left);
  for (Index unit = 0; unit < norms.size(); ++unit)
    norms[unit] = max_or_nan(0.0, norms[unit] - problem.strength(unit));
  return norms;
}

}  // namespace

double stable_norm(const ConstMatrixRef<double>& matrix) {
  const double largest = matrix.cwiseAbs().maxCoeff<Eigen::PropagateNaN>();
  if (!(largest > 0) || !std::isfinite(largest)) return largest;
  return largest * (matrix / largest).norm();
}

Vector<double> row_norms(const ConstMatrixRef<double>& matrix) {
  Vector<double> sums = Vector<double>::Zero(matrix.rows());
  for (Index column = 0; column < matrix.cols(); ++column) sums += matrix.col(column).cwiseAbs2();
  return roots(sums, [&](Index row) { return stable_norm(matrix.row(row).eval()); });
}

Vector<double> unit_norms(const RegressionProblem& problem, const Vector<double>& rows) {
  if (problem.groups == nullptr) return rows;
  // In units of the largest row, so that no square over- or underflows.
  Vector<double> largest = Vector<double>::Zero(problem.units());
  for (Index feature = 0; feature < rows.size(); ++feature) {
    double& known = largest[problem.unit(feature)];
    known = max_or_nan(known, rows[feature]);
  }
  Vector<double> sums = Vector<double>::Zero(problem.units());
  for (Index feature = 0; feature < rows.size(); ++feature) {
    const double share = rows[feature] / largest[problem.unit(feature)];
    if (rows[feature] != 0) sums[problem.unit(feature)] += share * share;
  }
  return largest.cwiseProduct(sums.cwiseSqrt());
}

double penalty(const RegressionProblem& problem, const ConstMatrixRef<double>& coefficients) {
  const Vector<double> rows = row_norms(coefficients);
  double total = problem.row * rows.sum();
  if (problem.element > 0) total += problem.element * coefficients.lpNorm<1>();
  if (problem.groups != nullptr) total += problem.strengths.dot(unit_norms(problem, rows));
  return total;
}

void shrink(const RegressionProblem& problem, double step, MatrixRef<double> point) {
  if (problem.element > 0) {
    const double threshold = step * problem.element;
    point = point.unaryExpr([threshold](double value) { return soft(value, threshold); });
  }
  // The penalties are nested (entries in rows in groups): one pass from the leaves to the root is
  // the proximal operator of their sum (Jenatton, Mairal, Obozinski, Bach, 2011).
  Vector<double> rows = row_norms(point);
  Vector<double> factors(rows.size());
  for (Index feature = 0; feature < rows.size(); ++feature) {
    const double kept = rows[feature] - step * problem.row;
    factors[feature] = kept > 0 ? kept / rows[feature] : 0.0;
    rows[feature] = std::max(kept, 0.0);
  }
  if (problem.groups != nullptr) {
    const Vector<double> norms = unit_norms(problem, rows);
    for (Index feature = 0; feature < rows.size(); ++feature) {
      const double norm = norms[problem.unit(feature)];
      const double kept = norm - step * problem.strength(problem.unit(feature));
      factors[feature] *= kept > 0 ? kept / norm : 0.0;
    }
  }
  for (Index column = 0; column < point.cols(); ++column)
    point.col(column).array() *= factors.array();
}

Vector<double> violations(const RegressionProblem& problem,
                          const ConstMatrixRef<double>& coefficients,
                          const ConstMatrixRef<double>& gradient) {
  const Vector<double> rows = row_norms(coefficients);
  const Vector<double> norms = unit_norms(problem, rows);
  const Vector<double> thresholded = thresholded_row_norms(problem, gradient, 1.0);
  const Vector<double> zero_units = excess(problem, gradient, 1.0);
  Vector<double> worst = Vector<double>::Zero(problem.units());
  for (Index feature = 0; feature < rows.size(); ++feature) {
    const Index unit = problem.unit(feature);
    double found = 0;
    if (norms[unit] == 0) {
      found = zero_units[unit];
    } else if (rows[feature] == 0) {
      found = max_or_nan(0.0, thresholded[feature] - problem.row);
    } else {
      const double pull = problem.row / rows[feature] + problem.strength(unit) / norms[unit];
      for (Index output = 0; output < gradient.cols(); ++output) {
        const double value = coefficients(feature, output);
        const double slope = gradient(feature, output);
        const double off =
            value != 0 ? std::abs(slope + std::copysign(problem.element, value) + pull * value)
                       : std::abs(slope) - problem.element;
        found = max_or_nan(found, off);
      }
    }
    worst[unit] = max_or_nan(worst[unit], found);
  }
  return worst;
}

double dual_scaling(const RegressionProblem& problem, const ConstMatrixRef<double>& gradient,
                    double limit) {
  if (!(limit > 0)) return 0;
  if (excess(problem, gradient, limit).maxCoeff<Eigen::PropagateNaN>() == 0) return limit;
  double low = 0, high = limit;
  for (int halving = 0; halving < 60; ++halving) {
    const double middle = low + (high - low) / 2;
    (excess(problem, gradient, middle).maxCoeff<Eigen::PropagateNaN>() == 0 ? low : high) = middle;
  }
  return low;
}

}  // namespace sparsetransfer::transfer
