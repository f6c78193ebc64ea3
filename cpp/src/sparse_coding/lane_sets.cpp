#include "sparsetransfer/sparse_coding/lane_sets.hpp"

#include <algorithm>

namespace sparsetransfer {
namespace {

using V = Simd<double>;
using Packet = V::Packet;

constexpr Index kLanes = LaneSets::kLanes;
constexpr Index kTriangle = LaneSets::kCapacity * (LaneSets::kCapacity + 1) / 2;

AlignedBuffer<double> zeros(Index rows) {
  AlignedBuffer<double> out(rows * kLanes);
  std::fill(out.data(), out.data() + rows * kLanes, 0.0);
  return out;
}

/// sum - a'b over `count` packets, in two chains that do not wait for each other.
Packet subtract_products(const double* a, const double* b, Index count, Packet sum) {
  Packet odd = V::zero();
  Index k = 0;
  for (; k + 1 < count; k += 2) {
    sum = V::subtract_product(V::load(a + k * kLanes), V::load(b + k * kLanes), sum);
    odd = V::subtract_product(V::load(a + (k + 1) * kLanes), V::load(b + (k + 1) * kLanes), odd);
  }
  if (k < count) sum = V::subtract_product(V::load(a + k * kLanes), V::load(b + k * kLanes), sum);
  return V::add(sum, odd);
}

}  // namespace

LaneSets::LaneSets()
    : gram_(zeros(kTriangle)),
      factor_(zeros(kTriangle)),
      inverse_diagonal_(zeros(kCapacity)),
      coefficients_(zeros(kCapacity)),
      signs_(zeros(kCapacity)),
      residual_(zeros(kCapacity)),
      solution_(zeros(kCapacity)),
      step_(zeros(kCapacity)),
      targets_(zeros(kCapacity)),
      crossing_(zeros(kCapacity)) {}

template <typename T>
void LaneSets::push(const PanelGram<T>& gram, double ridge, Index lane, int atom, double sign,
                    double residual) {
  constexpr Index height = PanelGram<T>::kRows;
  const Index m = sizes_[lane]++;
  const int* others = atoms_[lane].data();
  // The entries of the atom's row in the columns of the others.
  const T* row = gram.panel(atom / height) + atom % height;
  double* entries = gram_.data() + start(m) * kLanes + lane;
  for (Index j = 0; j < m; ++j)
    entries[j * kLanes] = static_cast<double>(row[gram.place(others[j]) * height]);
  entries[m * kLanes] = static_cast<double>(gram.diagonal(atom)) + ridge;
  atoms_[lane][m] = atom;
  at(coefficients_, m, lane) = 0.0;
  at(signs_, m, lane) = sign;
  at(residual_, m, lane) = residual;
}

// Rows that are known already come out the same again. What lies beyond the atoms of a lane takes
// no part in anything: its inverse diagonal is zero.
void LaneSets::factorise(Index begin, Index end, double tolerance, double* independent) {
  const Packet limit = V::broadcast(tolerance);
  const Packet one = V::broadcast(1.0);
  const Packet sizes = V::load(used_.data());
  Packet all_good = one;
  for (Index i = begin; i < end; ++i) {
    const double* known = gram_.data() + start(i) * kLanes;
    double* row = factor_.data() + start(i) * kLanes;
    const double* other = factor_.data();
    for (Index j = 0; j < i; ++j) {
      const Packet sum = subtract_products(row, other, j, V::load(known + j * kLanes));
      V::store(row + j * kLanes, V::multiply(sum, V::load(inverse_diagonal_.data() + j * kLanes)));
      other += (j + 1) * kLanes;
    }
    const Packet diagonal = V::load(known + i * kLanes);
    const Packet pivot = subtract_products(row, row, i, diagonal);
    const Packet used = V::less(V::broadcast(static_cast<double>(i)), sizes);
    const Packet good = V::less(V::multiply(limit, diagonal), pivot);
    const Packet root = V::sqrt(V::select(good, pivot, one));
    V::store(row + i * kLanes, root);
    V::store(inverse_diagonal_.data() + i * kLanes,
             V::where(used, V::where(good, V::divide(one, root))));
    all_good = V::select(used, V::where(good, all_good), all_good);
  }
  V::store(independent, all_good);
}

// The last atom takes the place of the one that goes.
void LaneSets::drop(Index lane, Index i) {
  const Index last = --sizes_[lane];
  factorised_[lane] = std::min(factorised_[lane], i);
  if (i == last) return;
  double* gram = gram_.data() + lane;
  const auto entry = [&](Index r, Index c) -> double& { return gram[(start(r) + c) * kLanes]; };
  for (Index j = 0; j < i; ++j) entry(i, j) = entry(last, j);
  for (Index j = i + 1; j < last; ++j) entry(j, i) = entry(last, j);
  entry(i, i) = entry(last, last);
  atoms_[lane][i] = atoms_[lane][last];
  at(coefficients_, i, lane) = at(coefficients_, last, lane);
  at(signs_, i, lane) = at(signs_, last, lane);
}

// With y = L^-1 r the unconstrained step L^-T y lowers the objective by |y|^2 / 2; a step p lowers
// it by y'u - |u|^2 / 2 with u = L'p.
void LaneSets::step(const std::array<bool, kLanes>& moving, double tolerance,
                    std::array<Outcome, kLanes>& outcomes) {
  Index begin = kCapacity;
  Index end = 0;
  std::array<double, kLanes> independent, active;
  for (Index lane = 0; lane < kLanes; ++lane) {
    outcomes[lane] = {};
    used_[lane] = static_cast<double>(sizes_[lane]);
    active[lane] = 0.0;
    if (!moving[lane]) continue;
    begin = std::min(begin, factorised_[lane]);
    end = std::max(end, sizes_[lane]);
  }
  factorise(begin, end, tolerance, independent.data());
  for (Index lane = 0; lane < kLanes; ++lane) {
    if (!moving[lane]) continue;
    outcomes[lane].dependent = independent[lane] == 0.0;
    active[lane] = independent[lane];
    factorised_[lane] = outcomes[lane].dependent ? 0 : sizes_[lane];
  }
  const Packet one = V::broadcast(1.0);
  const Packet half = V::broadcast(0.5);
  const Packet free = V::less(V::zero(), V::load(active.data()));
  const Packet sizes = V::load(used_.data());
  double* solution = solution_.data();
  double* steps = step_.data();
  double* crossing = crossing_.data();
  double* coefficients = coefficients_.data();
  Packet energy = V::zero();
  const double* row = factor_.data();
  for (Index i = 0; i < end; ++i) {
    const Packet sum =
        V::multiply(subtract_products(row, solution, i, V::load(residual_.data() + i * kLanes)),
                    V::load(inverse_diagonal_.data() + i * kLanes));
    V::store(solution + i * kLanes, sum);
    energy = V::multiply_add(sum, sum, energy);
    row += (i + 1) * kLanes;
  }
  Packet crossings = V::zero();
  for (Index j = end - 1; j >= 0; --j) {
    Packet sum = V::load(solution + j * kLanes);
    const double* below = factor_.data() + (start(end - 1) + j) * kLanes;
    for (Index i = end - 1; i > j; --i) {
      sum = V::subtract_product(V::load(below), V::load(steps + i * kLanes), sum);
      below -= i * kLanes;
    }
    sum = V::multiply(sum, V::load(inverse_diagonal_.data() + j * kLanes));
    V::store(steps + j * kLanes, sum);
    const Packet moved = V::multiply(V::load(signs_.data() + j * kLanes),
                                     V::add(V::load(coefficients + j * kLanes), sum));
    const Packet used = V::less(V::broadcast(static_cast<double>(j)), sizes);
    const Packet crosses = V::where(used, V::where(V::not_more(moved, V::zero()), one));
    V::store(crossing + j * kLanes, crosses);
    crossings = V::add(crossings, crosses);
  }
  crossings = V::where(free, crossings);
  std::array<double, kLanes> number, decrease;
  V::store(number.data(), crossings);
  if (V::max(crossings) == 0.0) {
    V::store(decrease.data(), V::multiply(half, energy));
    for (Index i = 0; i < end; ++i) {
      const Packet a = V::load(coefficients + i * kLanes);
      V::store(coefficients + i * kLanes, V::add(a, V::where(free, V::load(steps + i * kLanes))));
    }
    for (Index lane = 0; lane < kLanes; ++lane)
      if (active[lane] > 0.0) outcomes[lane].decrease = decrease[lane];
    return;
  }
  // Where coefficients cross zero: put them all there at once if that lowers the objective.
  Packet fall = V::zero();
  for (Index j = 0; j < end; ++j) {
    const Packet crosses = V::less(V::zero(), V::load(crossing + j * kLanes));
    const Packet to_zero = V::subtract(V::zero(), V::load(coefficients + j * kLanes));
    V::store(targets_.data() + j * kLanes,
             V::select(crosses, to_zero, V::load(steps + j * kLanes)));
  }
  for (Index j = 0; j < end; ++j) {
    Packet image = V::zero();
    const double* below = factor_.data() + (start(j) + j) * kLanes;
    for (Index i = j; i < end; ++i) {
      image = V::multiply_add(V::load(below), V::load(targets_.data() + i * kLanes), image);
      below += (i + 1) * kLanes;
    }
    const Packet y = V::load(solution + j * kLanes);
    fall = V::multiply_add(image, V::subtract(y, V::multiply(half, image)), fall);
  }
  // Otherwise walk to the first of them, which may be where we stand.
  Packet reach = one;
  for (Index i = 0; i < end; ++i) {
    const Packet crosses = V::less(V::zero(), V::load(crossing + i * kLanes));
    const Packet to_zero = V::load(targets_.data() + i * kLanes);
    const Packet apart = V::less(V::zero(), V::abs(to_zero));
    const Packet share = V::where(apart, V::divide(to_zero, V::load(steps + i * kLanes)));
    reach = V::select(crosses, V::min(share, reach), reach);
    V::store(solution + i * kLanes, share);  // what was there is not needed any more
  }
  const Packet falls = V::less(V::zero(), fall);
  const Packet some = V::less(V::zero(), crossings);
  const Packet length = V::select(some, V::select(falls, one, reach), one);
  for (Index i = 0; i < end; ++i) {
    const Packet crosses = V::less(V::zero(), V::load(crossing + i * kLanes));
    const Packet near = V::not_more(V::load(solution + i * kLanes), reach);
    const Packet ends =
        V::where(free, V::where(crosses, V::select(falls, one, V::where(near, one))));
    const Packet a = V::load(coefficients + i * kLanes);
    const Packet b = V::multiply_add(length, V::where(free, V::load(steps + i * kLanes)), a);
    V::store(crossing + i * kLanes, ends);
    V::store(coefficients + i * kLanes, V::select(V::less(V::zero(), ends), V::zero(), b));
  }
  const Packet walked =
      V::multiply(V::multiply(length, V::subtract(one, V::multiply(half, length))), energy);
  V::store(decrease.data(), V::select(some, V::select(falls, fall, walked), walked));
  for (Index lane = 0; lane < kLanes; ++lane) {
    if (active[lane] == 0.0) continue;
    Outcome& outcome = outcomes[lane];
    outcome.decrease = decrease[lane];
    if (number[lane] == 0.0) continue;
    for (Index i = sizes_[lane] - 1; i >= 0; --i) {
      if (at(crossing_, i, lane) == 0.0) continue;
      dropped_[lane][outcome.dropped++] = atoms_[lane][i];
      drop(lane, i);
    }
  }
}

template void LaneSets::push(const PanelGram<float>&, double, Index, int, double, double);
template void LaneSets::push(const PanelGram<double>&, double, Index, int, double, double);

}  // namespace sparsetransfer
