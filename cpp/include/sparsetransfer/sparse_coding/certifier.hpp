#pragma once

#include <vector>

#include "sparsetransfer/sparse_coding/block_coder.hpp"
#include "sparsetransfer/sparse_coding/panel_gradient.hpp"

namespace sparsetransfer {

/// Finds out, in double precision, how good a code is. Owns its workspace; one per worker.
template <typename T>
class Certifier {
 public:
  Certifier(const CodingShape& shape, const CodingSettings& settings,
            const ConstVectorRef<double>& weights);

  /// The report of the code of signal `index` in the block; `correlations` and `code` have one
  /// entry per atom. It counts as converged where the violation is within the tolerance or the
  /// rounding of double precision; otherwise with status `otherwise`.
  CodingReport certify(const CodingBlock<T>& block, Index index, const T* correlations,
                       const T* code, Status otherwise);
  /// c = b - G a - h a at the code certified last.
  const Vector<double>& gradient() const { return gradient_; }

 private:
  double by_signal(const CodingBlock<T>& block, Index index, const T* code);
  double by_gram(const CodingBlock<T>& block, Index index, const T* correlations, const T* code);

  CodingSettings settings_;
  Vector<double> penalties_, gradient_, residual_;
};

extern template class Certifier<float>;
extern template class Certifier<double>;

}  // namespace sparsetransfer
