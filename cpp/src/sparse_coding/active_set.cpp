#include "sparsetransfer/sparse_coding/active_set.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace sparsetransfer {
namespace {

constexpr Index kBatch = UpdatableCholesky::kMaxAppend;

}  // namespace

ActiveSet::ActiveSet(Index atoms, Index capacity)
    : factor_(std::min(atoms, capacity)),
      atoms_(static_cast<std::size_t>(factor_.capacity())),
      crossing_(static_cast<std::size_t>(factor_.capacity())),
      memory_(factor_.capacity() * (4 + kBatch)),
      coefficients_(memory_.data()),
      signs_(coefficients_ + factor_.capacity()),
      direction_(signs_ + factor_.capacity()),
      image_(direction_ + factor_.capacity()),
      cross_(image_ + factor_.capacity()) {}

template <typename T>
Index ActiveSet::add(const PanelGram<T>& gram, double ridge, const int* atoms, const double* signs,
                     const double* start, Index count) {
  // Entries among the candidates; those with atoms in use stand in the columns of these.
  constexpr Index height = PanelGram<T>::kRows;
  AlignedBuffer<T> fresh;
  int candidate[height];  // of the atoms that this call adds
  if (!gram.complete()) {
    if (count > height) {
      gram.require(atoms, count);
    } else {
      fresh = AlignedBuffer<T>(height * height);
      gram.entries(atoms, count, fresh.data());
    }
  }
  const Index first = size();
  const auto product = [&](Index row, Index col) {
    return static_cast<double>(fresh.data() ? fresh.data()[col * height + row]
                                            : gram(atoms[row], atoms[col]));
  };
  Index added = 0;
  for (Index begin = 0; begin < count; begin += kBatch) {
    const Index batch = std::min(kBatch, count - begin);
    const int* chosen = atoms + begin;
    const Index old = size();
    double* cross = cross_;
    const Index width = batch <= UpdatableCholesky::kGroup ? UpdatableCholesky::kGroup : kBatch;
    const T* rows[kBatch];  // of the candidates, in the column at place 0
    for (Index q = 0; q < batch; ++q) rows[q] = gram.panel(chosen[q] / height) + chosen[q] % height;
    for (Index i = 0; i < old; ++i) {
      if (i < first || !fresh.data()) {
        const Index begin_of_column = gram.place(atoms_[i]) * height;
        for (Index q = 0; q < batch; ++q)
          cross[i * kBatch + q] = static_cast<double>(rows[q][begin_of_column]);
      } else {
        for (Index q = 0; q < batch; ++q)
          cross[i * kBatch + q] = product(begin + q, candidate[i - first]);
      }
      for (Index q = batch; q < width; ++q) cross[i * kBatch + q] = 0.0;
    }
    double corner[kBatch * kBatch];
    for (Index q = 0; q < width; ++q) {
      double* row = corner + q * kBatch;
      std::fill(row, row + width, 0.0);
      if (q >= batch) continue;
      // What is left of the diagonal is not read.
      if (fresh.data()) {
        for (Index r = q; r < batch; ++r) row[r] = product(begin + r, begin + q);
      } else {
        const Index begin_of_column = gram.place(chosen[q]) * height;
        for (Index r = q; r < batch; ++r) row[r] = static_cast<double>(rows[r][begin_of_column]);
      }
      row[q] += ridge;
    }
    bool accepted[kBatch];
    factor_.append(batch, cross, corner, dependence<T>(), accepted);
    Index next = old;
    for (Index q = 0; q < batch; ++q) {
      if (!accepted[q]) continue;
      atoms_[next] = chosen[q];
      signs_[next] = signs[begin + q];
      coefficients_[next] = start ? start[begin + q] : 0.0;
      if (fresh.data()) candidate[next - first] = static_cast<int>(begin + q);
      ++next;
    }
    added += next - old;
  }
  return added;
}

template <typename T>
void ActiveSet::take(const PanelGram<T>& gram, double ridge, const LaneSets& sets, Index lane) {
  const Index size = sets.size(lane);
  const int* atoms = sets.atoms(lane);
  double signs[LaneSets::kCapacity], start[LaneSets::kCapacity];
  for (Index i = 0; i < size; ++i) {
    signs[i] = sets.sign(lane, i);
    start[i] = sets.coefficient(lane, i);
  }
  factor_.clear();
  if (!sets.factorised(lane)) {
    add(gram, ridge, atoms, signs, start, size);
    return;
  }
  factor_.assign(size, [&](Index i, Index j) { return sets.factor(lane, i, j); });
  std::copy(atoms, atoms + size, atoms_.begin());
  std::copy(signs, signs + size, signs_);
  std::copy(start, start + size, coefficients_);
}

void ActiveSet::drop_crossing(double* rhs) {
  const Index before = size();
  const std::int64_t* crossing = crossing_.data();
  for (Index i = before - 1; i >= 0; --i)
    if (crossing[i]) factor_.remove(i, rhs);
  Index kept = 0;
  for (Index i = 0; i < before; ++i) {
    atoms_[kept] = atoms_[i];
    coefficients_[kept] = coefficients_[i];
    signs_[kept] = signs_[i];
    kept += 1 - crossing[i];
  }
}

double ActiveSet::descend(double* rhs) {
  std::fill(rhs + size(), rhs + round_up(size(), UpdatableCholesky::kGroup), 0.0);
  factor_.solve_lower(rhs);
  double decrease = 0.0;
  for (bool crossed = true; crossed && size() > 0;) {
    const Index size_before = size();
    decrease += step(rhs);
    crossed = size() < size_before;
  }
  return decrease;
}

bool ActiveSet::some_at_zero(Index count) const {
  for (Index i = 0; i < count; ++i)
    if (crossing_[i] && coefficients_[i] == 0.0) return true;
  return false;
}

double ActiveSet::step(double* rhs) {
  // With y = rhs (already L^-1 (c - alpha sign)) the unconstrained step is L^-T y and lowers the
  // objective by |y|^2 / 2; a step p lowers it by y'u - |u|^2 / 2 with u = L'p, after which y - u
  // is the new right-hand side.
  const Index m = size();
  const Index padded = round_up(m, UpdatableCholesky::kGroup);
  double* a = coefficients_;
  double* direction = direction_;
  const double* sign = signs_;
  std::copy(rhs, rhs + padded, direction);
  factor_.solve_upper(direction);
  // No branches in these loops: nothing predicts which atoms cross.
  std::int64_t* crossing = crossing_.data();
  std::int64_t crossings = 0;
  for (Index i = 0; i < m; ++i) {
    crossing[i] = sign[i] * (a[i] + direction[i]) <= 0.0;
    crossings += crossing[i];
  }
  const Eigen::Map<const Vector<double>> y(rhs, m);
  if (crossings == 0) {
    const double energy = y.squaredNorm();
    for (Index i = 0; i < m; ++i) a[i] += direction[i];
    std::fill(rhs, rhs + padded, 0.0);
    return 0.5 * energy;
  }
  // Put every crossing coefficient to zero at once if that lowers the objective, ...
  for (Index i = 0; i < m; ++i) direction[i] = crossing[i] ? -a[i] : direction[i];
  double* image = image_;
  factor_.multiply_transposed(direction, image);
  const Eigen::Map<const Vector<double>> u(image, m);
  double decrease = y.dot(u) - 0.5 * u.squaredNorm();
  if (decrease > 0.0) {
    for (Index i = 0; i < m; ++i) {
      a[i] = crossing[i] ? 0.0 : a[i] + direction[i];
      rhs[i] -= image[i];
    }
  } else if (some_at_zero(m)) {
    // ... otherwise drop the ones that want to leave zero the wrong way, ...
    decrease = 0.0;
    for (Index i = 0; i < m; ++i) crossing[i] = crossing[i] && a[i] == 0.0;
  } else {
    // ... otherwise walk to the first coefficient that reaches zero.
    std::copy(rhs, rhs + padded, direction);
    factor_.solve_upper(direction);
    const double energy = y.squaredNorm();
    double longest = 1.0;
    for (Index i = 0; i < m; ++i)
      if (crossing[i]) longest = std::min(longest, -a[i] / direction[i]);
    for (Index i = 0; i < m; ++i) {
      if (crossing[i]) crossing[i] = -a[i] / direction[i] <= longest;
      a[i] = crossing[i] ? 0.0 : a[i] + longest * direction[i];
      rhs[i] *= 1.0 - longest;
    }
    decrease = (longest - 0.5 * longest * longest) * energy;
  }
  drop_crossing(rhs);
  return decrease;
}

template <typename T>
bool ActiveSet::exchange(const PanelGram<T>& gram, double ridge, const Violator& violator,
                         const double* rhs) {
  const auto [atom, sign, excess] = violator;
  const Index m = size();
  const Index padded = round_up(m, UpdatableCholesky::kGroup);
  double* direction = direction_;
  double* a = coefficients_;
  for (Index i = 0; i < m; ++i) direction[i] = static_cast<double>(gram(atom, atoms_[i]));
  std::fill(direction + m, direction + padded, 0.0);
  factor_.solve_lower(direction);
  factor_.solve_upper(direction);  // the atom is D_A direction
  // With D_j = D_A v the quadratic does not change, and the slope of the rest is
  // alpha_j - s v'(alpha_A sign_A) = -excess + s v'rhs: not always negative off stationarity.
  double slope = -excess;
  for (Index i = 0; i < m; ++i) slope += sign * direction[i] * rhs[i];
  if (slope > -0.5 * excess) return false;
  double length = std::numeric_limits<double>::infinity();
  Index leaving = -1;
  for (Index i = 0; i < m; ++i) {
    const double rate = -sign * direction[i];
    if (rate * signs_[i] >= 0.0) continue;
    if (const double reach = -a[i] / rate; reach < length) {
      length = reach;
      leaving = i;
    }
  }
  if (leaving < 0) return false;
  for (Index i = 0; i < m; ++i) a[i] -= length * sign * direction[i];
  for (Index i = 0; i < m; ++i) crossing_[i] = i == leaving;
  drop_crossing(nullptr);
  const double start = sign * length;
  return add(gram, ridge, &atom, &sign, &start, 1) == 1;
}

template Index ActiveSet::add(const PanelGram<float>&, double, const int*, const double*,
                              const double*, Index);
template Index ActiveSet::add(const PanelGram<double>&, double, const int*, const double*,
                              const double*, Index);
template void ActiveSet::take(const PanelGram<float>&, double, const LaneSets&, Index);
template void ActiveSet::take(const PanelGram<double>&, double, const LaneSets&, Index);
template bool ActiveSet::exchange(const PanelGram<float>&, double, const Violator&, const double*);
template bool ActiveSet::exchange(const PanelGram<double>&, double, const Violator&, const double*);

}  // namespace sparsetransfer
