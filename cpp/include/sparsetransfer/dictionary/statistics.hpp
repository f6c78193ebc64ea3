#pragma once

#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// Adds A += S W Sᵀ and B += X W Sᵀ, all that a dictionary update needs to know of the data.
/// signals X (features x samples), codes S (atoms x samples), weights (samples, or empty for
/// ones) on the diagonal of W, A (atoms x atoms), B (features x atoms). A stays symmetric to the
/// last bit. Nothing may alias. Memory beyond the arguments does not grow with the samples, and
/// the sums do not depend on the number of threads.
template <typename T>
void accumulate_statistics(const Execution& execution, const ConstMatrixRef<T>& signals,
                           const ConstMatrixRef<T>& codes, const ConstVectorRef<T>& weights,
                           MatrixRef<T> A, MatrixRef<T> B);

}  // namespace sparsetransfer
