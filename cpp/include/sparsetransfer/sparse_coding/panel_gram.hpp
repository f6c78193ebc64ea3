#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/sparse_coding/panel_dictionary.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// A Gram matrix stored as panels of 64 rows, each column-major and contiguous: the gradients of
/// many signals are refreshed panel by panel, and one panel stays in the second-level cache while
/// all signals of a block read their own columns of it. Rows are padded with zeros.
///
/// A Gram matrix `by_columns` computes a column when it is first required, to the same bits, and
/// keeps it. Several threads may use it at once.
template <typename T>
class PanelGram {
 public:
  static constexpr Index kRows = PanelDictionary<T>::kRows;

  /// D'D of a dictionary D (features x atoms); only one triangle is computed. All factories throw
  /// if there is nothing in their argument.
  static PanelGram from_dictionary(const Execution& execution, const ConstMatrixRef<T>& dictionary);
  static PanelGram from_dictionary(const Execution& execution,
                                   const PanelDictionary<T>& dictionary);
  /// D'D by columns. Refers to `dictionary`, which has to outlive it.
  static PanelGram by_columns(const PanelDictionary<T>& dictionary);
  /// A copy of a symmetric matrix (atoms x atoms). Throws if it is not square.
  static PanelGram from_gram(const Execution& execution, const ConstMatrixRef<T>& gram);

  Index atoms() const { return atoms_; }
  Index padded_atoms() const { return num_panels() * kRows; }
  Index num_panels() const { return num_blocks(atoms_, kRows); }
  /// The rows of a panel; column j begins at 64 * place(j).
  const T* panel(Index index) const { return entries_.data() + index * stride_; }
  Index place(Index col) const { return places_[static_cast<std::size_t>(col)]; }
  /// The column has to be known.
  T operator()(Index row, Index col) const {
    return panel(row / kRows)[place(col) * kRows + row % kRows];
  }
  /// Squared norms of the atoms, known in any case, and the largest of them.
  T diagonal(Index atom) const { return diagonal_[atom]; }
  double largest_diagonal() const { return largest_diagonal_; }

  bool complete() const { return !met_; }
  bool knows(Index atom) const {
    return !met_ || met_->states[static_cast<std::size_t>(atom)].load(std::memory_order_acquire) ==
                        State::known;
  }
  /// Number of known columns.
  Index known() const { return met_ ? met_->count.load() : atoms_; }
  /// Makes columns known.
  void require(const int* atoms, Index count) const {
    if (met_) compute(atoms, count);
  }
  /// out (64 x count) <- the entries of at most 64 atoms, known or not.
  void entries(const int* atoms, Index count, T* out) const;

 private:
  enum class State : unsigned char { unknown, claimed, known };
  struct Met {
    Met(const PanelDictionary<T>& from, Index atoms)
        : dictionary(from), states(static_cast<std::size_t>(atoms)) {}
    const PanelDictionary<T>& dictionary;
    std::vector<std::atomic<State>> states;
    std::atomic<Index> count{0};
  };

  PanelGram(Index atoms, Index stride);
  void compute(const int* atoms, Index count) const;
  void use_large_pages();
  void set_diagonal(Vector<T> diagonal);

  Index atoms_;
  Index stride_;  // of the panels
  double largest_diagonal_ = 0.0;
  Vector<T> diagonal_;
  mutable AlignedBuffer<T> entries_;
  mutable std::vector<int> places_;
  std::unique_ptr<Met> met_;  // none if the matrix is complete
};

extern template class PanelGram<float>;
extern template class PanelGram<double>;

}  // namespace sparsetransfer
