#pragma once

#include <Eigen/Core>

namespace sparsetransfer {

using Index = Eigen::Index;

/// Column-major. Signals are (features x samples), dictionaries (features x atoms), codes
/// (atoms x samples): a C-ordered NumPy array of samples in rows is this matrix in place.
template <typename T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
template <typename T>
using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;

/// Borrowed views for interfaces. `ConstMatrixRef` accepts any column-major expression with unit
/// inner stride without a copy.
template <typename T>
using ConstMatrixRef = Eigen::Ref<const Matrix<T>, 0, Eigen::OuterStride<>>;
template <typename T>
using MatrixRef = Eigen::Ref<Matrix<T>, 0, Eigen::OuterStride<>>;
template <typename T>
using ConstVectorRef = Eigen::Ref<const Vector<T>>;
template <typename T>
using VectorRef = Eigen::Ref<Vector<T>>;

}  // namespace sparsetransfer
