#include "sparsetransfer/transfer/nested_penalty.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sparsetransfer/checks.hpp"
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
Vector<double> thresholded_row_norms(double element, const ConstMatrixRef<double>& gradient,
                                     double factor) {
  const auto left = [&](const auto& part) {
    return ((factor * part.array()).abs() - element)
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
Vector<double> excess(const NestedPenalty& penalty, const ConstMatrixRef<double>& gradient,
                      double factor) {
  const Vector<double> left =
      (thresholded_row_norms(penalty.element, gradient, factor).array() - penalty.row)
          .cwiseMax<Eigen::PropagateNaN>(0.0);
  Vector<double> norms = penalty.unit_norms(left);
  for (Index unit = 0; unit < norms.size(); ++unit)
    norms[unit] = max_or_nan(0.0, norms[unit] - penalty.strength(unit));
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

double NestedPenalty::scale() const {
  const double group = groups.empty() ? 0.0 : strengths.maxCoeff();
  return element + row + group;
}

void NestedPenalty::validate(Index features) const {
  require(element >= 0 && row >= 0, "strengths must not be negative");
  require(groups.empty() == (strengths.size() == 0), "groups and strengths belong together");
  if (groups.empty()) {
    require(element + row > 0, "some strength must be positive");
    return;
  }
  require(static_cast<Index>(groups.size()) == features, "groups must have one entry per feature");
  for (const std::int32_t group : groups)
    require(group >= 0 && group < strengths.size(), "groups must number the strengths");
  require((strengths.array() >= 0).all(), "strengths must not be negative");
  require(element + row + strengths.minCoeff() > 0, "every group must feel a positive strength");
}

NestedPenalty NestedPenalty::restricted(const std::vector<Index>& features) const {
  NestedPenalty part{element, row, {}, {}};
  if (groups.empty()) return part;
  std::vector<std::int32_t> number(static_cast<std::size_t>(strengths.size()), -1);
  std::vector<double> values;
  for (const Index feature : features) {
    auto& known = number[static_cast<std::size_t>(unit(feature))];
    if (known < 0) {
      known = static_cast<std::int32_t>(values.size());
      values.push_back(strengths[unit(feature)]);
    }
    part.groups.push_back(known);
  }
  part.strengths =
      Eigen::Map<const Vector<double>>(values.data(), static_cast<Index>(values.size()));
  return part;
}

Vector<double> NestedPenalty::unit_norms(const Vector<double>& rows) const {
  if (groups.empty()) return rows;
  // In units of the largest row, so that no square over- or underflows.
  Vector<double> largest = Vector<double>::Zero(units(rows.size()));
  for (Index feature = 0; feature < rows.size(); ++feature) {
    double& known = largest[unit(feature)];
    known = max_or_nan(known, rows[feature]);
  }
  Vector<double> sums = Vector<double>::Zero(units(rows.size()));
  for (Index feature = 0; feature < rows.size(); ++feature) {
    const double share = rows[feature] / largest[unit(feature)];
    if (rows[feature] != 0) sums[unit(feature)] += share * share;
  }
  return largest.cwiseProduct(sums.cwiseSqrt());
}

double NestedPenalty::value(const ConstMatrixRef<double>& coefficients) const {
  const Vector<double> rows = row_norms(coefficients);
  double total = row * rows.sum();
  if (element > 0) total += element * coefficients.lpNorm<1>();
  if (!groups.empty()) total += strengths.dot(unit_norms(rows));
  return total;
}

void NestedPenalty::shrink(double step, MatrixRef<double> point) const {
  if (element > 0) {
    const double threshold = step * element;
    point = point.unaryExpr([threshold](double value) { return soft(value, threshold); });
  }
  // The penalties are nested (entries in rows in groups): one pass from the leaves to the root is
  // the proximal operator of their sum (Jenatton, Mairal, Obozinski, Bach, 2011).
  Vector<double> rows = row_norms(point);
  Vector<double> factors(rows.size());
  for (Index feature = 0; feature < rows.size(); ++feature) {
    const double kept = rows[feature] - step * row;
    factors[feature] = kept > 0 ? kept / rows[feature] : 0.0;
    rows[feature] = std::max(kept, 0.0);
  }
  if (!groups.empty()) {
    const Vector<double> norms = unit_norms(rows);
    for (Index feature = 0; feature < rows.size(); ++feature) {
      const double norm = norms[unit(feature)];
      const double kept = norm - step * strength(unit(feature));
      factors[feature] *= kept > 0 ? kept / norm : 0.0;
    }
  }
  for (Index column = 0; column < point.cols(); ++column)
    point.col(column).array() *= factors.array();
}

Vector<double> NestedPenalty::violations(const ConstMatrixRef<double>& coefficients,
                                         const ConstMatrixRef<double>& gradient) const {
  const Vector<double> rows = row_norms(coefficients);
  const Vector<double> norms = unit_norms(rows);
  const Vector<double> thresholded = thresholded_row_norms(element, gradient, 1.0);
  const Vector<double> zero_units = excess(*this, gradient, 1.0);
  Vector<double> worst = Vector<double>::Zero(units(rows.size()));
  for (Index feature = 0; feature < rows.size(); ++feature) {
    const Index u = unit(feature);
    double found = 0;
    if (norms[u] == 0) {
      found = zero_units[u];
    } else if (rows[feature] == 0) {
      found = max_or_nan(0.0, thresholded[feature] - row);
    } else {
      const double pull = row / rows[feature] + strength(u) / norms[u];
      for (Index output = 0; output < gradient.cols(); ++output) {
        const double value = coefficients(feature, output);
        const double slope = gradient(feature, output);
        const double off = value != 0
                               ? std::abs(slope + std::copysign(element, value) + pull * value)
                               : std::abs(slope) - element;
        found = max_or_nan(found, off);
      }
    }
    worst[u] = max_or_nan(worst[u], found);
  }
  return worst;
}

double NestedPenalty::dual_scaling(const ConstMatrixRef<double>& gradient, double limit) const {
  if (!(limit > 0)) return 0;
  if (excess(*this, gradient, limit).maxCoeff<Eigen::PropagateNaN>() == 0) return limit;
  double low = 0, high = limit;
  for (int halving = 0; halving < 60; ++halving) {
    const double middle = low + (high - low) / 2;
    (excess(*this, gradient, middle).maxCoeff<Eigen::PropagateNaN>() == 0 ? low : high) = middle;
  }
  return low;
}

PenaltyModel::PenaltyModel(const NestedPenalty& penalty, const Matrix<double>& coefficients,
                           const Vector<double>& rows)
    : penalty_(penalty),
      at_(coefficients),
      inverse_row_(rows.cwiseInverse()),
      row_pull_(penalty.row * inverse_row_),
      pull_(row_pull_) {
  if (penalty.groups.empty()) return;
  const Vector<double> norms = penalty.unit_norms(rows);
  unit_cubed_ = penalty.strengths.cwiseQuotient(norms.cwiseProduct(norms).cwiseProduct(norms));
  for (Index i = 0; i < rows.size(); ++i)
    pull_[i] += penalty.strength(penalty.unit(i)) / norms[penalty.unit(i)];
}

void PenaltyModel::add_gradient(Matrix<double>& gradient) const {
  for (Index i = 0; i < at_.rows(); ++i)
    for (Index output = 0; output < at_.cols(); ++output) {
      gradient(i, output) += pull_[i] * at_(i, output);
      if (penalty_.element > 0 && at_(i, output) != 0)
        gradient(i, output) += std::copysign(penalty_.element, at_(i, output));
    }
}

void PenaltyModel::add_curvature(const Matrix<double>& direction, Matrix<double>& image) const {
  Vector<double> along = Vector<double>::Zero(at_.rows());
  for (Index output = 0; output < at_.cols(); ++output)
    along += at_.col(output).cwiseProduct(direction.col(output));
  Vector<double> back = row_pull_.cwiseProduct(inverse_row_).cwiseProduct(inverse_row_);
  back = back.cwiseProduct(along);
  if (!penalty_.groups.empty()) {
    Vector<double> unit_along = Vector<double>::Zero(penalty_.strengths.size());
    for (Index i = 0; i < at_.rows(); ++i) unit_along[penalty_.unit(i)] += along[i];
    for (Index i = 0; i < at_.rows(); ++i)
      back[i] += unit_cubed_[penalty_.unit(i)] * unit_along[penalty_.unit(i)];
  }
  for (Index output = 0; output < at_.cols(); ++output)
    image.col(output) +=
        pull_.cwiseProduct(direction.col(output)) - back.cwiseProduct(at_.col(output));
}

}  // namespace sparsetransfer::transfer
