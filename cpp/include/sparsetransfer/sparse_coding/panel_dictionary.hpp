#pragma once

#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/sparse_coding/panel_gram.hpp"

namespace sparsetransfer {

/// A dictionary D (features x atoms) and a copy of it as panels of 64 atoms, feature by feature:
/// D'x of a few signals then reads memory once and in order. A general matrix product brings the
/// dictionary into such an order anew for every block of signals, at a third of its time.
template <typename T>
class PanelDictionary {
 public:
  static constexpr Index kRows = PanelGram<T>::kRows;

  /// Refers to `dictionary`, which has to outlive it.
  PanelDictionary(const Execution& execution, const ConstMatrixRef<T>& dictionary);

  auto atom(Index index) const { return columns_.col(index); }
  Index features() const { return columns_.rows(); }

  /// out (atoms rounded up to panels x signals) <- D' signals (features x signals); rows without an
  /// atom are zero. Signals do not influence each other.
  void correlate(const ConstMatrixRef<T>& signals, MatrixRef<T> out) const;
  /// By how much rounding may change an entry of `correlate`, over the norms of atom and signal,
  /// where the signal itself was rounded to T.
  double rounding() const;

 private:
  ConstMatrixRef<T> columns_;
  Index panels_;
  AlignedBuffer<T> entries_;
};

extern template class PanelDictionary<float>;
extern template class PanelDictionary<double>;

}  // namespace sparsetransfer
