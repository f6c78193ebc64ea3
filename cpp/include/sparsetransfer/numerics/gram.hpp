#pragma once

#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// result = D' D for D (features x atoms); result (atoms x atoms) must not alias D.
template <typename T>
void gram(const Execution& execution, const ConstMatrixRef<T>& dictionary, MatrixRef<T> result);

/// result = D' X for D (features x atoms), X (features x samples); result (atoms x samples).
template <typename T>
void correlations(const Execution& execution, const ConstMatrixRef<T>& dictionary,
                  const ConstMatrixRef<T>& signals, MatrixRef<T> result);

/// An upper bound of the largest eigenvalue of a symmetric positive semidefinite matrix, from
/// |G^16|_F^(1/16): never below it, and at most size^(1/32) times it (16 % at size 128).
template <typename T>
T spectral_bound(const Execution& execution, const ConstMatrixRef<T>& gram);

/// The squared Frobenius norm, summed in double by blocks of constant width.
template <typename T>
double squared_norm(const Execution& execution, const ConstMatrixRef<T>& matrix);

}  // namespace sparsetransfer
