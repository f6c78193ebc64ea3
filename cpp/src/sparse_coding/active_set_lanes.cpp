// Small codes, side by side: see LaneSets.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "sparsetransfer/numerics/max_or_nan.hpp"
#include "sparsetransfer/sparse_coding/active_set_block.hpp"

namespace sparsetransfer {
namespace {

constexpr Index kLanes = LaneSets::kLanes;
// A look at all atoms costs less than atoms that enter and leave again: so many enter at once, and
// none that violates less than this share of the largest violation.
constexpr Index kMostPushed = 3;
constexpr double kShare = 0.5;

template <typename T>
struct Looked {
  T excess;   // the largest over the limits
  T largest;  // of all |c|, or of all c
  T spoiled;  // zero unless an entry is not finite
};

/// Refreshes all panels of a gradient, and by how much it exceeds the limits.
template <typename T, bool NonNegative>
Looked<T> refresh_and_compare(const PanelGram<T>& gram, const CodeEntry<T>* entries, Index count,
                              const T* base, const T* limits, T* gradient, T* over) {
  using V = Simd<T>;
  auto excess = V::broadcast(-std::numeric_limits<T>::infinity());
  auto largest = excess;
  auto spoiled = V::zero();
  for (Index panel = 0; panel < gram.num_panels(); ++panel) {
    const Index first = panel * PanelGram<T>::kRows;
    refresh_panel(gram, panel, entries, count, base + first, gradient + first,
                  [&](Index row, const typename V::Packet& values) {
                    const auto upward = NonNegative ? values : V::abs(values);
                    const auto more = V::subtract(upward, V::load(limits + first + row));
                    V::store(over + first + row, more);
                    excess = V::max(excess, more);
                    largest = V::max(largest, upward);
                    spoiled = V::multiply_add(values, V::zero(), spoiled);
                  });
  }
  return {V::max(excess), V::max(largest), V::sum(spoiled)};
}

}  // namespace

// Lists at most `most` atoms that violate by `low` or more, those that violate most first; one
// alone where a crowd does.
template <typename T>
Index ActiveSetBlock<T>::pick(T excess, T low, Index most) {
  const T* over = over_.data();
  std::array<std::uint64_t, kSideBySide / kPanel> above;
  const auto mark = [&](T limit) {
    Index count = 0;
    for (Index begin = 0; begin < padded_; begin += kPanel) {
      std::uint64_t bits = 0;
      for (Index row = 0; row < kPanel; row += Simd<T>::width)
        bits |= std::uint64_t(bits_not_below(over + begin + row, limit)) << row;
      above[static_cast<std::size_t>(begin / kPanel)] = bits;
      count += std::popcount(bits);
    }
    return count;
  };
  if (is_crowd(mark(low), most)) {
    most = 1;
    mark(excess);
  }
  // No branches but for the atoms there are: nothing predicts their order.
  std::array<T, kMostPushed> best;
  std::array<int, kMostPushed> atoms{};
  best.fill(-std::numeric_limits<T>::infinity());
  Index found = 0;
  for (Index begin = 0; begin < padded_; begin += kPanel) {
    for (std::uint64_t bits = above[static_cast<std::size_t>(begin / kPanel)]; bits != 0;
         bits &= bits - 1) {
      int atom = static_cast<int>(begin) + std::countr_zero(bits);
      T value = over[atom];
      for (std::size_t place = 0; place < best.size(); ++place) {
        const bool more = value > best[place];
        const T less = std::min(value, best[place]);
        const int other = more ? atoms[place] : atom;
        best[place] = std::max(value, best[place]);
        atoms[place] = more ? atom : atoms[place];
        value = less;
        atom = other;
      }
      ++found;
    }
  }
  std::copy(atoms.begin(), atoms.end(), chosen_.begin());
  return std::min(found, most);
}

// Refreshes the gradient of a signal and, if its code is stationary but no solution yet, pushes
// more atoms.
template <typename T>
auto ActiveSetBlock<T>::look(const CodingBlock<T>& block, Index index, Index lane) -> Next {
  Signal& signal = signals_[index];
  const Index used = lanes_.size(lane);
  const int* atoms = lanes_.atoms(lane);
  Entry entries[LaneSets::kCapacity];
  double sum = 0.0;
  for (Index i = 0; i < used; ++i) {
    entries[i] = {atoms[i], static_cast<T>(lanes_.coefficient(lane, i))};
    sum += std::abs(static_cast<double>(entries[i].value));
  }
  note_changes(signal, used, sum);
  T* gradient = gradient_.col(index).data();
  const auto refresh =
      settings_.nonnegative ? refresh_and_compare<T, true> : refresh_and_compare<T, false>;
  const Looked<T> looked = refresh(block.gram, entries, used, base_.col(index).data(),
                                   limits_.col(lane).data(), gradient, over_.data());
  const auto excess = static_cast<double>(looked.excess);
  double stationarity = 0.0;
  for (Index i = 0; i < used; ++i) {
    const int atom = atoms[i];
    if (signal.ridge != 0.0) gradient[atom] -= static_cast<T>(signal.ridge) * entries[i].value;
    const double residual = static_cast<double>(gradient[atom]) -
                            lanes_.sign(lane, i) * static_cast<double>(thresholds_[atom]);
    lanes_.set_residual(lane, i, residual);
    stationarity = max_or_nan(stationarity, std::abs(residual));
  }
  const double accepted = tolerance(signal);
  signal.kkt = std::max(max_or_nan(excess, stationarity), 0.0);
  if (signal.kkt <= accepted) {
    const bool same = uniform_ && thresholds_[0] > T(0) && signal.ridge == 0.0;
    if (std::is_same_v<T, double>)
      signal.extent =
          same ? Extent{looked.largest / thresholds_[0], looked.spoiled} : extent(index);
    return Next::done;
  }
  if (!(signal.kkt > accepted) || signal.iterations >= settings_.max_iterations ||
      block.execution.out_of_time())
    return Next::elsewhere;
  ++signal.iterations;
  if (stationarity > accepted || excess <= accepted) return Next::on;
  const T low = static_cast<T>(std::max(accepted, kShare * excess));
  const Index room = signal.active.capacity() - used;  // others depend on those in use
  if (room == 0) return Next::elsewhere;
  const Index found = pick(looked.excess, low, signal.single ? 1 : std::min(kMostPushed, room));
  if (used + found > LaneSets::kCapacity) return Next::elsewhere;
  block.gram.require(chosen_.data(), found);
  for (Index q = 0; q < found; ++q) {
    const int atom = chosen_[q];
    const double sign = gradient[atom] > T(0) ? 1.0 : -1.0;
    lanes_.push(
        block.gram, signal.ridge, lane, atom, sign,
        static_cast<double>(gradient[atom]) - sign * static_cast<double>(thresholds_[atom]));
    limits_(atom, lane) = std::numeric_limits<T>::infinity();
  }
  return Next::on;
}

// Codes the signals, or leaves what does not fit the lanes to the rounds of `solve`.
template <typename T>
void ActiveSetBlock<T>::code_side_by_side(const CodingBlock<T>& block, Index begin, Index count,
                                          MatrixRef<T>& codes, CodingReport* reports) {
  std::array<bool, kLanes> moving{};
  std::array<Index, kLanes> pushed{};
  std::array<LaneSets::Outcome, kLanes> outcomes;
  Index left = count;
  const auto leave = [&](Index lane, std::vector<Index>& where) {
    moving[lane] = false;
    --left;
    Signal& signal = signals_[begin + lane];
    signal.active.take(block.gram, signal.ridge, lanes_, lane);
    // The gradient at hand is that of all atoms.
    if (signal.active.size() < lanes_.size(lane))
      signal.error.changed = std::numeric_limits<double>::infinity();
    where.push_back(begin + lane);
  };
  for (Index lane = 0; lane < count; ++lane) {
    start(block, begin + lane, nullptr);
    moving[lane] = true;
    lanes_.clear(lane);
    limits_.col(lane) = thresholds_;
  }
  while (left > 0) {
    for (Index lane = 0; lane < count; ++lane) {
      if (!moving[lane]) continue;
      const Index index = begin + lane;
      const Index before = lanes_.size(lane);
      check(block.execution, before);
      const Next next = look(block, index, lane);
      pushed[lane] = lanes_.size(lane) - before;
      if (next == Next::elsewhere) leave(lane, running_);
      if (next != Next::done) continue;
      if (std::is_same_v<T, float>) {
        leave(lane, finished_);  // to be rounded and verified
        continue;
      }
      moving[lane] = false;
      --left;
      double coefficients[LaneSets::kCapacity];
      for (Index i = 0; i < before; ++i) coefficients[i] = lanes_.coefficient(lane, i);
      write(before, lanes_.atoms(lane), coefficients, codes.col(index).data());
      reports[index] =
          certify(block, index, before, lanes_.atoms(lane), coefficients, signals_[index].extent);
    }
    lanes_.step(moving, ActiveSet::dependence<T>(), outcomes);
    for (Index lane = 0; lane < count; ++lane) {
      if (!moving[lane]) continue;
      Signal& signal = signals_[begin + lane];
      const LaneSets::Outcome& outcome = outcomes[lane];
      for (Index i = 0; i < outcome.dropped; ++i) {
        const int atom = lanes_.dropped(lane)[i];
        limits_(atom, lane) = thresholds_[atom];
      }
      const bool alone = signal.single;
      signal.single = !(outcome.decrease > 0.0);
      const bool stuck = signal.single && (outcome.dropped == 0 || (alone && pushed[lane] > 0));
      if (outcome.dependent) lanes_.pop(lane, pushed[lane]);
      if (outcome.dependent || stuck) leave(lane, running_);
    }
  }
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                     \
  template Index ActiveSetBlock<T>::pick(T, T, Index);                                    \
  template auto ActiveSetBlock<T>::look(const CodingBlock<T>&, Index, Index) -> Next;     \
  template void ActiveSetBlock<T>::code_side_by_side(const CodingBlock<T>&, Index, Index, \
                                                     MatrixRef<T>&, CodingReport*);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
