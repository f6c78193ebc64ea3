#pragma once

#include <array>

#include "sparsetransfer/numerics/parallel.hpp"
#include "sparsetransfer/numerics/simd.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// Whether a dictionary is copied into panels, or brought into their order for every product: less
/// memory, and cheaper as long as there are few products.
enum class Panels { stored, transient };

/// Products with a dictionary D (features x atoms) in panels of 64 atoms, feature by feature: D'x
/// of a few signals then reads memory once and in order. A general matrix product brings the
/// dictionary into such an order anew for every block of signals, at a third of its time. Every
/// product is summed in the same order, whatever else is computed beside it.
template <typename T>
class PanelDictionary {
 public:
  static constexpr Index kRows = 64;

  /// Refers to `dictionary`, which has to outlive it.
  PanelDictionary(const Execution& execution, const ConstMatrixRef<T>& dictionary,
                  Panels panels = Panels::stored);
  /// The same, and out <- D' signals as by `correlate`, while the atoms are near.
  PanelDictionary(const Execution& execution, const ConstMatrixRef<T>& dictionary, Panels panels,
                  const ConstMatrixRef<T>& signals, MatrixRef<T> out);

  const ConstMatrixRef<T>& columns() const { return columns_; }
  auto atom(Index index) const { return columns_.col(index); }
  Index features() const { return columns_.rows(); }
  Index atoms() const { return columns_.cols(); }
  Index num_panels() const { return num_blocks(atoms(), kRows); }

  /// out (atoms rounded up to panels x signals) <- D' signals (features x signals); rows without an
  /// atom are zero. Signals do not influence each other.
  void correlate(const ConstMatrixRef<T>& signals, MatrixRef<T> out) const;
  /// Of the atoms, to the bits of their products with themselves.
  const Vector<T>& squared_norms() const { return squared_norms_; }
  /// What `multiply` needs; nothing if panels are stored.
  AlignedBuffer<T> workspace() const;
  /// results[s] (64 entries) <- products of the atoms of a panel with signals[s], s < count.
  void multiply(Index panel, const T* const* signals, Index count, T* const* results,
                AlignedBuffer<T>& workspace) const;
  /// out (64 x count) <- products of at most 64 atoms with each other.
  void multiply_atoms(const int* atoms, Index count, T* out) const;
  /// By how much rounding may change an entry of `correlate`, over the norms of atom and signal,
  /// where the signal itself was rounded to T.
  double rounding() const;

 private:
  /// `multiply` that reads a panel for the first time, and stores it and its norms.
  void read(Index panel, const T* const* signals, Index count, T* const* results,
            AlignedBuffer<T>& workspace);
  std::array<const T*, kRows> columns_of(Index panel) const;  // the last one again beyond the end

  ConstMatrixRef<T> columns_;
  Vector<T> squared_norms_;
  AlignedBuffer<T> entries_;  // empty if panels are transient
};

/// out (64 x count) <- rows begin .. begin + count of `height` columns, transposed, and zeros
/// below.
template <typename T>
void transpose_panel(const T* const* columns, Index height, Index begin, Index count, T* out);

extern template class PanelDictionary<float>;
extern template class PanelDictionary<double>;
extern template void transpose_panel(const float* const*, Index, Index, Index, float*);
extern template void transpose_panel(const double* const*, Index, Index, Index, double*);

}  // namespace sparsetransfer
