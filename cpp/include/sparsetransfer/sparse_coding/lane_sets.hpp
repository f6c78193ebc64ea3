#pragma once

#include <array>

#include "sparsetransfer/numerics/simd.hpp"
#include "sparsetransfer/sparse_coding/panel_gram.hpp"

namespace sparsetransfer {

/// Small active sets of several signals, one per lane of a SIMD register: what takes a handful of
/// dependent operations for one signal takes no longer for all of them. The signals do not
/// influence each other, and what is computed for one does not depend on its lane.
class LaneSets {
 public:
  static constexpr Index kLanes = Simd<double>::width;
  static constexpr Index kCapacity = 20;  // atoms of a signal

  LaneSets();

  Index size(Index lane) const { return sizes_[lane]; }
  const int* atoms(Index lane) const { return atoms_[lane].data(); }
  double coefficient(Index lane, Index i) const { return at(coefficients_, i, lane); }
  double sign(Index lane, Index i) const { return at(signs_, i, lane); }
  /// Whether the factor is that of the atoms in use: not after atoms were pushed or dropped.
  bool factorised(Index lane) const { return factorised_[lane] >= sizes_[lane]; }
  /// Entry (i, j) of the factor, j <= i.
  double factor(Index lane, Index i, Index j) const { return at(factor_, start(i) + j, lane); }

  void clear(Index lane) { sizes_[lane] = factorised_[lane] = 0; }
  /// Sets the residual of the stationarity conditions, c - alpha sign, at the i-th atom in use.
  void set_residual(Index lane, Index i, double value) { at(residual_, i, lane) = value; }
  /// Puts an atom with coefficient zero behind the others; there has to be room.
  template <typename T>
  void push(const PanelGram<T>& gram, double ridge, Index lane, int atom, double sign,
            double residual);
  /// Takes back the atoms that were pushed last.
  void pop(Index lane, Index count) { sizes_[lane] -= count; }

  /// What became of a lane in a step.
  struct Outcome {
    double decrease = 0.0;   // of the objective
    bool dependent = false;  // an atom depends on the others: nothing was done
    Index dropped = 0;       // atoms whose coefficient reached zero
  };

  /// One round of `ActiveSet::descend` in the lanes that are `moving`: towards the minimum of the
  /// quadratic with linear term over the atoms in use, keeping all signs. `tolerance` times its
  /// squared norm bounds what has to be left of an atom besides the others.
  void step(const std::array<bool, kLanes>& moving, double tolerance,
            std::array<Outcome, kLanes>& outcomes);
  /// The atoms that the last step dropped.
  const int* dropped(Index lane) const { return dropped_[lane].data(); }

 private:
  using Rows = AlignedBuffer<double>;

  static constexpr Index start(Index row) { return row * (row + 1) / 2; }
  static double& at(Rows& rows, Index i, Index lane) { return rows.data()[i * kLanes + lane]; }
  static double at(const Rows& rows, Index i, Index lane) { return rows.data()[i * kLanes + lane]; }
  void factorise(Index begin, Index end, double tolerance, double* independent);
  void drop(Index lane, Index i);

  std::array<Index, kLanes> sizes_{};
  std::array<Index, kLanes> factorised_{};  // rows of the factor that hold
  std::array<double, kLanes> used_{};       // the sizes
  std::array<std::array<int, kCapacity>, kLanes> atoms_, dropped_;
  Rows gram_, factor_;  // lower triangles, row by row
  Rows inverse_diagonal_, coefficients_, signs_, residual_, solution_, step_, targets_, crossing_;
};

extern template void LaneSets::push(const PanelGram<float>&, double, Index, int, double, double);
extern template void LaneSets::push(const PanelGram<double>&, double, Index, int, double, double);

}  // namespace sparsetransfer
