#include "sparsetransfer/numerics/dense_cholesky.hpp"

#include <Eigen/Cholesky>

namespace sparsetransfer {

template <typename T>
void factor_in_place(MatrixRef<T> matrix) {
  const Eigen::LLT<Eigen::Ref<Matrix<T>, 0, Eigen::OuterStride<>>> factor(matrix);
}

template <typename T>
void solve_factored(ConstMatrixRef<T> factor, VectorRef<T> x) {
  factor.template triangularView<Eigen::Lower>().solveInPlace(x);
  factor.transpose().template triangularView<Eigen::Upper>().solveInPlace(x);
}

template void factor_in_place<float>(MatrixRef<float>);
template void factor_in_place<double>(MatrixRef<double>);
template void solve_factored<float>(ConstMatrixRef<float>, VectorRef<float>);
template void solve_factored<double>(ConstMatrixRef<double>, VectorRef<double>);

}  // namespace sparsetransfer
