#pragma once

#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// tr(DᵀD A)/2 − tr(DᵀB), summed in double: the part of |X − D S|²/2 that depends on D, where
/// A = S Sᵀ and B = X Sᵀ. Adding |X|²/2 gives the whole.
template <typename T>
double dictionary_objective(const Execution& execution, const ConstMatrixRef<T>& A,
                            const ConstMatrixRef<T>& B, const ConstMatrixRef<T>& dictionary);

/// Throws NumericalError unless every entry of the statistics is finite: an update would otherwise
/// spread an overflow over the whole dictionary.
template <typename T>
void require_finite(const ConstMatrixRef<T>& A, const ConstMatrixRef<T>& B);

}  // namespace sparsetransfer
