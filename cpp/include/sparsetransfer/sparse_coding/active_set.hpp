#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "sparsetransfer/numerics/cholesky.hpp"
#include "sparsetransfer/sparse_coding/lane_sets.hpp"
#include "sparsetransfer/sparse_coding/panel_gram.hpp"

namespace sparsetransfer {

/// The active set of one signal: atoms in use, their coefficients and signs, and the Cholesky
/// factor of their Gram matrix (plus ridge). Room for `capacity` atoms, allocated once.
class ActiveSet {
 public:
  ActiveSet(Index atoms, Index capacity);

  /// Below this share of an atom's energy outside the span of the others, it counts as dependent:
  /// what is left is dominated by the rounding of a Gram matrix in precision T.
  template <typename T>
  static constexpr double dependence() {
    return (sizeof(T) == 4 ? 64 : 4096) * static_cast<double>(std::numeric_limits<T>::epsilon());
  }

  Index size() const { return factor_.size(); }
  const int* atoms() const { return atoms_.data(); }
  const double* coefficients() const { return coefficients_; }
  double* coefficients() { return coefficients_; }
  const double* signs() const { return signs_; }
  Index capacity() const { return factor_.capacity(); }
  /// Rounds the coefficients to the precision of T, changing the gradient as little as it can.
  template <typename T>
  void round_to() {
    factor_.round_to<T>(coefficients_, direction_);
  }

  void clear() { factor_.clear(); }
  /// Takes over the set of a lane, without atoms that turn out to depend on the others.
  template <typename T>
  void take(const PanelGram<T>& gram, double ridge, const LaneSets& sets, Index lane);

  /// Adds candidates (atom, sign) with coefficient `start[q]`; atoms that depend on those in use
  /// are skipped. Returns how many were added. The Gram matrix has to know the columns of the atoms
  /// in use.
  template <typename T>
  Index add(const PanelGram<T>& gram, double ridge, const int* atoms, const double* signs,
            const double* start, Index count);

  /// Minimises the quadratic with linear term over the atoms in use, given the residual of the
  /// stationarity conditions rhs = c_A - alpha_A sign_A (size(), overwritten), keeping all signs:
  /// atoms whose coefficient would cross zero are dropped. The objective never increases; returns
  /// by how much it fell.
  double descend(double* rhs);

  /// An atom outside whose correlation exceeds its penalty by `excess`.
  struct Violator {
    int atom;
    double sign;
    double excess;
  };

  /// Moves along the null direction of a violator that depends on the atoms in use, until one of
  /// them reaches zero and gives its place to it. rhs as in `descend`, only read. Returns false,
  /// and does nothing, if the objective would not fall that way or no atom can leave.
  template <typename T>
  bool exchange(const PanelGram<T>& gram, double ridge, const Violator& violator,
                const double* rhs);

 private:
  /// Drops the atoms marked in `crossing_`.
  void drop_crossing(double* rhs);
  double step(double* rhs);
  /// Whether an atom that would change its sign has no coefficient yet.
  bool some_at_zero(Index count) const;

  UpdatableCholesky factor_;
  std::vector<int> atoms_;
  std::vector<std::int64_t> crossing_;  // as wide as what decides it
  AlignedBuffer<double> memory_;        // of what follows: a coder makes many sets
  double *coefficients_, *signs_, *direction_, *image_, *cross_;
};

extern template Index ActiveSet::add(const PanelGram<float>&, double, const int*, const double*,
                                     const double*, Index);
extern template Index ActiveSet::add(const PanelGram<double>&, double, const int*, const double*,
                                     const double*, Index);
extern template void ActiveSet::take(const PanelGram<float>&, double, const LaneSets&, Index);
extern template void ActiveSet::take(const PanelGram<double>&, double, const LaneSets&, Index);
extern template bool ActiveSet::exchange(const PanelGram<float>&, double, const Violator&,
                                         const double*);
extern template bool ActiveSet::exchange(const PanelGram<double>&, double, const Violator&,
                                         const double*);

}  // namespace sparsetransfer
