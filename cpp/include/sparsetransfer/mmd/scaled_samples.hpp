#pragma once

#include "sparsetransfer/status.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// Samples in the coordinates of the widest kernel: centred, because a shift changes no distance
/// and far from the origin |x|^2 + |y|^2 - 2 x'y loses all its digits, and scaled, so that the
/// kernel's exponent is a product minus two half norms.
template <typename T>
struct ScaledSamples {
  Matrix<T> columns;
  Vector<T> half_norms;
  double scale;

  /// Both samples next to each other. (features x samples) Throws NumericalError on overflow,
  /// which the packets' minimum and maximum would turn into plain numbers.
  ScaledSamples(double scale, const ConstMatrixRef<T>& left, const ConstMatrixRef<T>& right)
      : columns(left.rows(), left.cols() + right.cols()), scale(scale) {
    Vector<double> sum = Vector<double>::Zero(left.rows());
    for (Index i = 0; i < left.cols(); ++i) sum += left.col(i).template cast<double>();
    for (Index i = 0; i < right.cols(); ++i) sum += right.col(i).template cast<double>();
    const Vector<T> centre = (sum / static_cast<double>(columns.cols())).template cast<T>();
    const T factor = static_cast<T>(scale);
    columns.leftCols(left.cols()) = factor * (left.colwise() - centre);
    columns.rightCols(right.cols()) = factor * (right.colwise() - centre);
    half_norms = T(0.5) * columns.colwise().squaredNorm().transpose();
    if (!half_norms.allFinite())
      throw NumericalError("squared distances in units of the largest bandwidth overflow");
  }
};

}  // namespace sparsetransfer
