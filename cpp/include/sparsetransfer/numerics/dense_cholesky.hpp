#pragma once

#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// Replaces the lower half of a positive definite matrix by its Cholesky factor L; the upper half
/// is neither read nor written. Of a matrix that is not positive definite the rest stays as it is.
template <typename T>
void factor_in_place(MatrixRef<T> matrix);

/// x <- (L L')⁻¹ x, with L in the lower half of `factor`.
template <typename T>
void solve_factored(ConstMatrixRef<T> factor, VectorRef<T> x);

extern template void factor_in_place<float>(MatrixRef<float>);
extern template void factor_in_place<double>(MatrixRef<double>);
extern template void solve_factored<float>(ConstMatrixRef<float>, VectorRef<float>);
extern template void solve_factored<double>(ConstMatrixRef<double>, VectorRef<double>);

}  // namespace sparsetransfer
