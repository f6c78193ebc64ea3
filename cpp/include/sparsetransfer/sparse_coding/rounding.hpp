#pragma once

#include <vector>

#include "sparsetransfer/sparse_coding/certifier.hpp"

namespace sparsetransfer {

/// Turns codes that were found in double precision into float32 codes. Rounding every coefficient
/// to nearest would change the gradient by some ulp of the largest coefficient, the more the more
/// the atoms have in common; here small coefficients make up for the rounding of large ones.
/// Owns its workspace; one per worker.
class CodeRounder {
 public:
  CodeRounder(const CodingShape& shape, const CodingSettings& settings,
              const ConstVectorRef<double>& weights)
      : certifier_(shape, settings, weights) {}

  /// Writes the rounded code of signal `index` of the block and returns its certificate; arguments
  /// as in `Certifier::certify`.
  CodingReport round(const CodingBlock<float>& block, Index index, const float* correlations,
                     const ConstVectorRef<double>& code, float* rounded, Status otherwise);

 private:
  Certifier<float> certifier_;
  std::vector<Index> used_;
  Vector<double> values_, work_;
  Matrix<double> gram_;
};

}  // namespace sparsetransfer
