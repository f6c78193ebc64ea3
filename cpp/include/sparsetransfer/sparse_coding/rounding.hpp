#pragma once

#include <vector>

#include "sparsetransfer/sparse_coding/certifier.hpp"

namespace sparsetransfer {

/// Rounds codes to float32 so that their gradient changes as little as it can. Rounding every
/// coefficient to nearest would change it by some ulp of the largest coefficient, the more the more
/// the atoms have in common; here small coefficients make up for the rounding of large ones.
/// Owns its workspace, which grows to the square of the largest count seen; one per worker.
class SortedRounding {
 public:
  /// Rounds values[i], the coefficient of atoms[i].
  void round(const PanelGram<float>& gram, double ridge, Index count, const int* atoms,
             double* values);

 private:
  std::vector<Index> order_;
  Vector<double> entries_, sorted_, work_;
};

/// Turns codes that were found in double precision into certified float32 codes. One per worker.
class CodeRounder {
 public:
  CodeRounder(const CodingShape& shape, const CodingSettings& settings,
              const ConstVectorRef<double>& weights)
      : certifier_(shape, settings, weights), code_(shape.atoms) {}

  /// Rounds the code of signal `index` of the block, to nearest where that happens to be better
  /// than with care, and returns the certificate of the rounded one; arguments as in
  /// `Certifier::certify`.
  CodingReport round(const CodingBlock<float>& block, Index index, const float* correlations,
                     const ConstVectorRef<double>& code, Status otherwise);
  /// The code rounded last.
  const Vector<float>& code() const { return code_; }

 private:
  Certifier<float> certifier_;
  SortedRounding rounding_;
  Vector<float> code_, nearest_;
  std::vector<int> used_;
  std::vector<double> values_;
};

}  // namespace sparsetransfer
