#pragma once

#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/sparse_coding/panel_dictionary.hpp"
#include "sparsetransfer/sparse_coding/panel_gram.hpp"
#include "sparsetransfer/sparse_coding/problem.hpp"
#include "sparsetransfer/sparse_coding/sparse_codes.hpp"

namespace sparsetransfer {

/// What a block of signals is coded against: signals (features x count) and dictionary, or, where
/// only the Gram matrix is known, correlations (atoms x count). Ridge and squared norms may be
/// null.
template <typename T>
struct CodingBlock {
  const Execution& execution;  // checked between signals: a block may take long
  const PanelGram<T>& gram;
  const ConstMatrixRef<T>* signals = nullptr;
  const PanelDictionary<T>* dictionary = nullptr;
  const ConstMatrixRef<T>* correlations = nullptr;
  const double* ridge = nullptr;
  const double* squared_norms = nullptr;
};

/// Sizes of the workspace: codes of at most `capacity` atoms, blocks of at most `width` signals.
struct CodingShape {
  Index features = 0;
  Index atoms = 0;
  Index capacity = 0;
  Index width = 0;
};

/// Codes blocks of signals that do not influence each other. Owns all memory it needs; one per
/// worker.
template <typename T>
class BlockCoder {
 public:
  virtual ~BlockCoder() = default;

  /// (padded atoms x width): the caller fills the first rows with correlations b before `solve`,
  /// which may overwrite them.
  Matrix<T>& correlations() { return base_; }

  CodeScratch<T>& scratch() { return scratch_; }

  /// Writes codes (atoms x count) and reports (count). Codes are read first on a warm start.
  virtual void solve(const CodingBlock<T>& block, Index count, MatrixRef<T> codes,
                     CodingReport* reports) = 0;

 protected:
  explicit BlockCoder(const CodingShape& shape)
      : base_(Matrix<T>::Zero(round_up(shape.atoms, PanelGram<T>::kRows), shape.width)) {}

  Matrix<T> base_;
  CodeScratch<T> scratch_;
};

}  // namespace sparsetransfer
