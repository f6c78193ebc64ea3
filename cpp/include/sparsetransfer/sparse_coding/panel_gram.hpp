#pragma once

#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/numerics/simd.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// A Gram matrix stored as panels of 64 rows, each column-major and contiguous: the gradients of
/// many signals are refreshed panel by panel, and one panel stays in the second-level cache while
/// all signals of a block read their own columns of it. Rows are padded with zeros.
template <typename T>
class PanelGram {
 public:
  static constexpr Index kRows = 64;

  /// D'D of a dictionary D (features x atoms); only one triangle is computed. Both factories throw
  /// if there is nothing in their argument.
  static PanelGram from_dictionary(const Execution& execution, const ConstMatrixRef<T>& dictionary);
  /// A copy of a symmetric matrix (atoms x atoms). Throws if it is not square.
  static PanelGram from_gram(const Execution& execution, const ConstMatrixRef<T>& gram);

  Index atoms() const { return atoms_; }
  Index padded_atoms() const { return num_panels() * kRows; }
  Index num_panels() const { return (atoms_ + kRows - 1) / kRows; }
  const T* panel(Index index) const { return panels_.data() + index * kRows * atoms_; }
  /// The largest squared norm of an atom.
  double largest_diagonal() const { return largest_diagonal_; }
  T operator()(Index row, Index col) const { return *address(row, col); }
  const T* address(Index row, Index col) const {
    return panel(row / kRows) + col * kRows + row % kRows;
  }

 private:
  explicit PanelGram(Index atoms)
      : atoms_(atoms), panels_((atoms + kRows - 1) / kRows * kRows * atoms) {}
  T* mutable_panel(Index index) { return panels_.data() + index * kRows * atoms_; }
  /// Pads the last panel and finds the largest diagonal entry.
  void complete();

  Index atoms_;
  double largest_diagonal_ = 0.0;
  AlignedBuffer<T> panels_;
};

extern template class PanelGram<float>;
extern template class PanelGram<double>;

}  // namespace sparsetransfer
