#pragma once

#include <vector>

#include "sparsetransfer/sparse_coding/block_coder.hpp"
#include "sparsetransfer/sparse_coding/panel_gradient.hpp"

namespace sparsetransfer {

/// Finds out, in double precision, how good a code is as it stands in T, for the penalties as they
/// were given. Owns its workspace; one per worker.
template <typename T>
class Certifier {
 public:
  Certifier(const CodingShape& shape, const CodingSettings& settings,
            const ConstVectorRef<double>& weights);

  /// The report of the code of signal `index` in the block; `correlations` and `code` have one
  /// entry per atom. It counts as converged where the violation is within the tolerance, or, of
  /// codes in double precision, within `rounding` of the products; otherwise with status
  /// `otherwise`. Throws NumericalError if the gradient or the objective is not finite.
  CodingReport certify(const CodingBlock<T>& block, Index index, const T* correlations,
                       const T* code, Status otherwise);
  /// c = b - G a - h a at the code certified last.
  const Vector<double>& gradient() const { return gradient_; }
  /// Per atom.
  const Vector<double>& penalties() const { return penalties_; }
  /// The accepted violation: relative to the largest penalty, or, if there is none, to the largest
  /// of the correlations (one per atom).
  double tolerance(const T* correlations) const;

 private:
  double by_signal(const CodingBlock<T>& block, Index index, const T* code);
  double by_gram(const CodingBlock<T>& block, Index index, const T* correlations, const T* code);

  CodingSettings settings_;
  double largest_penalty_;
  Vector<double> penalties_, gradient_, residual_;
};

extern template class Certifier<float>;
extern template class Certifier<double>;

}  // namespace sparsetransfer
