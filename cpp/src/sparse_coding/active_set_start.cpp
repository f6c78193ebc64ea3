// How the codes of a block begin.

#include <algorithm>
#include <cmath>

#include "sparsetransfer/sparse_coding/active_set_block.hpp"

namespace sparsetransfer {
namespace {

// A start with more atoms than this, and than this share of all, is taken only if its atoms look
// like those of a solution: to factorise hundreds of them and drop one after the other costs a
// hundred times a cold start.
constexpr Index kMostTrusted = 32;
constexpr Index kTrustedShare = 8;

}  // namespace

template <typename T>
void ActiveSetBlock<T>::start(const CodingBlock<T>& block, Index index, const T* code) {
  Signal& signal = signals_[index];
  signal.active.clear();
  signal.ridge = block.ridge ? block.ridge[index] : 0.0;
  signal.wanted = certifier_.tolerance(base_.col(index).data());
  signal.largest = static_cast<double>(base_.col(index).head(atoms_).cwiseAbs().maxCoeff());
  signal.growth = 0.5;
  if (block.signals) {
    signal.error.size = std::sqrt(block.squared_norms[index]);
    signal.error.base = block.dictionary->rounding() * signal.error.size;
  }
  signal.iterations = signal.stalled = signal.verifications = 0;
  signal.single = signal.exact = false;
  signal.status = Status::converged;
  if (!code) return;
  const bool trusted =
      is_sparse((Eigen::Map<const Vector<T>>(code, atoms_).array() != T(0)).count());
  if (!trusted && !improves(block.gram, index, code)) return;
  Index used = 0;
  double off = 0.0;  // the violations of the atoms in use, and their penalties
  double limits = 0.0;
  for (Index j = 0; j < atoms_; ++j) {
    const double value = static_cast<double>(code[j]);
    if (value == 0.0 || (settings_.nonnegative && value < 0.0)) continue;
    if (!trusted) {
      if (!stays(block.gram, index, j, value)) continue;
      const double limit = static_cast<double>(thresholds_[j]);
      off += std::abs(static_cast<double>(gradient_(j, index)) - std::copysign(limit, value));
      limits += limit;
    }
    chosen_[used] = static_cast<int>(j);
    chosen_signs_[used] = value > 0 ? 1.0 : -1.0;
    rhs_.data()[std::min(used, signal.active.capacity() - 1)] = value;
    if (++used == signal.active.capacity()) break;
  }
  if (!trusted && !is_sparse(used) && off > 0.5 * limits) return;
  signal.active.add(block.gram, signal.ridge, chosen_.data(), chosen_signs_.data(), rhs_.data(),
                    used);
}

template <typename T>
bool ActiveSetBlock<T>::is_sparse(Index used) const {
  return used <= std::max(kMostTrusted, atoms_ / kTrustedShare);
}

// Leaves the gradient at the code behind, and tells whether its objective is below that of zero.
template <typename T>
bool ActiveSetBlock<T>::improves(const PanelGram<T>& gram, Index index, const T* code) {
  Entry* entries = entries_.data() + index * atoms_;
  Index count = 0;
  for (Index j = 0; j < atoms_; ++j)
    if (code[j] > T(0) || (code[j] < T(0) && !settings_.nonnegative))
      entries[count++] = {static_cast<int>(j), code[j]};
  required_.clear();
  for (Index e = 0; e < count; ++e) required_.push_back(entries[e].atom);
  gram.require(required_.data(), count);
  for (Index p = 0; p < gram.num_panels(); ++p)
    refresh_panel(gram, p, entries, count, base_.col(index).data() + p * kPanel,
                  gradient_.col(index).data() + p * kPanel);
  double objective = 0.0;  // with c = b - (G + h) a: alpha |a|_1 - 1/2 a'(b + c)
  for (Index e = 0; e < count; ++e) {
    const auto [atom, value] = entries[e];
    gradient_(atom, index) -= static_cast<T>(signals_[index].ridge) * value;
    objective +=
        static_cast<double>(thresholds_[atom] * std::abs(value)) -
        0.5 * static_cast<double>(value) *
            (static_cast<double>(base_(atom, index)) + static_cast<double>(gradient_(atom, index)));
  }
  return objective < 0.0;
}

// Whether a coordinate step from a code with the gradient left by `improves` keeps the sign of
// this coefficient; at a solution every one does.
template <typename T>
bool ActiveSetBlock<T>::stays(const PanelGram<T>& gram, Index index, Index atom,
                              double value) const {
  const double curvature = static_cast<double>(gram.diagonal(atom)) + signals_[index].ridge;
  const double pull = static_cast<double>(gradient_(atom, index)) + curvature * value;
  return std::copysign(1.0, value) * pull > static_cast<double>(thresholds_[atom]);
}

#define SPARSETRANSFER_INSTANTIATE(T)                                              \
  template void ActiveSetBlock<T>::start(const CodingBlock<T>&, Index, const T*);  \
  template bool ActiveSetBlock<T>::is_sparse(Index) const;                         \
  template bool ActiveSetBlock<T>::improves(const PanelGram<T>&, Index, const T*); \
  template bool ActiveSetBlock<T>::stays(const PanelGram<T>&, Index, Index, double) const;
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
