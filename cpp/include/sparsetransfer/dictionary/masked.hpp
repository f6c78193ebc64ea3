#pragma once

#include "sparsetransfer/dictionary/block_coordinate.hpp"
#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/sparse_coding/masked.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// Minimises Σ_i w_i |m_i ∘ (x_i − D s_i)|²/2 over the atoms for fixed codes, one atom after the
/// other: every feature of an atom has a curvature of its own, Σ_i w_i m_fi s_ji², so that a step
/// is `minimise_separable`. signals and mask (features x samples), codes (atoms x samples), weights
/// (samples, or empty for ones); missing entries are never read. Holds one residual of the size of
/// the signals. Atoms that nobody uses keep their values. Returns the sum afterwards; the result
/// does not depend on the number of threads.
template <typename T>
double update_masked(const Execution& execution, const ConstMatrixRef<T>& signals,
                     const ConstMaskRef& mask, const ConstMatrixRef<T>& codes,
                     const ConstVectorRef<T>& weights, const BlockCoordinateSettings& settings,
                     MatrixRef<T> dictionary);

/// Adds the statistics of masked samples: for every feature f the matrix A_f += Σ_i w_i m_fi s_i
/// s_iᵀ at A + f atoms², column-major and symmetric, and B += (m ∘ x) W Sᵀ (features x atoms).
template <typename T>
void accumulate_masked(const Execution& execution, const ConstMatrixRef<T>& signals,
                       const ConstMaskRef& mask, const ConstMatrixRef<T>& codes,
                       const ConstVectorRef<T>& weights, T* A, MatrixRef<T> B);

/// The passes of `update_masked` from the statistics alone. Returns Σ_f (d_fᵀA_f d_f/2 − b_fᵀd_f)
/// afterwards, d_f being row f of the dictionary; no passes: only that.
template <typename T>
double update_from_masked(const Execution& execution, const T* A, const ConstMatrixRef<T>& B,
                          const BlockCoordinateSettings& settings, MatrixRef<T> dictionary);

}  // namespace sparsetransfer
