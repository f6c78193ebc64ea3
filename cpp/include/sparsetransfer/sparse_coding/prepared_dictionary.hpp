#pragma once

#include <memory>
#include <mutex>

#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/sparse_coding/panel_dictionary.hpp"
#include "sparsetransfer/sparse_coding/panel_gram.hpp"

namespace sparsetransfer {

/// Whether so many columns of a Gram matrix, each at the price of one column of the whole matrix,
/// are cheaper than that.
bool are_few(double columns, Index atoms);

/// How many of all atoms some signals use together, each `per_signal` of them, any with the same
/// chance: a bound where they have favourites.
double distinct_columns(double per_signal, Index signals, Index atoms);

/// How many entries of a column of correlations (atoms x signals) exceed their limit (atoms) in
/// magnitude, on average.
template <typename T>
double mean_above(const ConstMatrixRef<T>& correlations, const Vector<T>& limits);

/// Whether a call with few signals copies the dictionary: every step of its codes reads all atoms,
/// and faster from panels, unless they come from memory.
template <typename T>
Panels panels_of_few(const ConstMatrixRef<T>& dictionary) {
  constexpr Index kMostBytes = Index(1) << 24;
  return dictionary.size() * static_cast<Index>(sizeof(T)) <= kMostBytes ? Panels::stored
                                                                         : Panels::transient;
}

/// A dictionary D (features x atoms) with its panels and what is known of its Gram matrix, for
/// several calls, also at once by several threads. Refers to the dictionary, which has to outlive
/// it. Keeps at most one Gram matrix, besides one that calls under way still read. Codes are the
/// same, bit for bit, whatever was coded before.
template <typename T>
class PreparedDictionary {
 public:
  PreparedDictionary(const Execution& execution, const ConstMatrixRef<T>& dictionary);
  PreparedDictionary(const PreparedDictionary&) = delete;
  PreparedDictionary& operator=(const PreparedDictionary&) = delete;

  const PanelDictionary<T>& panels() const { return panels_; }
  /// The Gram matrix for a call that meets about so many of its columns, each at the price of one
  /// column of the whole matrix: by columns while that is cheaper than the rest of the matrix.
  std::shared_ptr<const PanelGram<T>> gram(const Execution& execution,
                                           double expected_columns) const;

 private:
  PanelDictionary<T> panels_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const PanelGram<T>> gram_;
};

extern template class PreparedDictionary<float>;
extern template class PreparedDictionary<double>;

}  // namespace sparsetransfer
