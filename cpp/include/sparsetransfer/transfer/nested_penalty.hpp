#pragma once

#include <cstdint>
#include <vector>

#include "sparsetransfer/types.hpp"

namespace sparsetransfer::transfer {

/// element |W|_1 + row sum_r |w_r|_2 + sum_g strengths_g |W_g|_F over W (features x outputs) with
/// rows w_r and groups W_g of rows: all that the solver of regressions knows of its penalty. A unit
/// is a group, or a row without groups. Every gradient here is that of the smooth part, features x
/// outputs.
struct NestedPenalty {
  double element = 0;
  double row = 0;
  std::vector<std::int32_t> groups;  ///< group of each feature; empty: every row by itself
  Vector<double> strengths;          ///< one per group

  Index units(Index features) const { return groups.empty() ? features : strengths.size(); }
  Index unit(Index feature) const {
    return groups.empty() ? feature : groups[static_cast<std::size_t>(feature)];
  }
  double strength(Index unit) const { return groups.empty() ? 0.0 : strengths[unit]; }

  /// The unit of the KKT tolerance: the sum of the strengths a coefficient feels, at most.
  double scale() const;
  /// Throws std::invalid_argument unless it suits that many features.
  void validate(Index features) const;
  /// The same penalty of these rows only; groups keep their order and get consecutive numbers.
  NestedPenalty restricted(const std::vector<Index>& features) const;

  double value(const ConstMatrixRef<double>& coefficients) const;
  /// prox of step * penalty at `point`, in place.
  void shrink(double step, MatrixRef<double> point) const;
  /// Per unit, how far 0 is from gradient + subdifferential of the penalty.
  Vector<double> violations(const ConstMatrixRef<double>& coefficients,
                            const ConstMatrixRef<double>& gradient) const;
  /// The largest factor in [0, limit], to bisection accuracy from below, for which
  /// factor * gradient is feasible in the dual problem.
  double dual_scaling(const ConstMatrixRef<double>& gradient, double limit) const;
  /// The norm of every unit from the norms of the rows.
  Vector<double> unit_norms(const Vector<double>& rows) const;
};

/// Derivatives of a penalty at coefficients without a zero row, over the entries that are not zero:
/// what a Newton step needs. Borrows its arguments.
class PenaltyModel {
 public:
  /// `rows` are the norms of the rows of `coefficients`.
  PenaltyModel(const NestedPenalty& penalty, const Matrix<double>& coefficients,
               const Vector<double>& rows);

  void add_gradient(Matrix<double>& gradient) const;
  /// image += Hessian * direction.
  void add_curvature(const Matrix<double>& direction, Matrix<double>& image) const;
  /// A diagonal from above the Hessian, the same for all outputs.
  const Vector<double>& diagonal() const { return pull_; }

 private:
  const NestedPenalty& penalty_;
  const Matrix<double>& at_;
  Vector<double> inverse_row_, row_pull_, pull_, unit_cubed_;
};

/// The root of the sum of squares, which neither over- nor underflow; NaN if an entry is.
double stable_norm(const ConstMatrixRef<double>& matrix);

/// The same of every row.
Vector<double> row_norms(const ConstMatrixRef<double>& matrix);

}  // namespace sparsetransfer::transfer
