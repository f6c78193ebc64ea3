#include "sparsetransfer/sparse_coding/active_set_block.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "sparsetransfer/numerics/max_or_nan.hpp"

namespace sparsetransfer {
namespace {

// A round may add so many atoms, or double the set: on coherent atoms most of a larger crowd would
// leave again (2.6 times slower with 64 at once on smooth spectra), on incoherent ones the sets
// are large and the doubling soon lifts the limit.
constexpr Index kMostAdded = 12;
constexpr Index kMostDoubled = 64;
// In a dictionary so small another round costs less than atoms that enter and leave.
constexpr Index kSmall = 256;
constexpr Index kMostListed = 64;  // more atoms are counted
constexpr int kMostHalvings = 8;   // of the range in which the limit for new atoms is looked for
constexpr int kMaxStalled = 4;
constexpr Index kWorkPerCheck = 1 << 14;

}  // namespace

template <typename T>
ActiveSetBlock<T>::ActiveSetBlock(const CodingShape& shape, const CodingSettings& settings,
                                  const ConstVectorRef<double>& weights)
    : BlockCoder<T>(shape),
      atoms_(shape.atoms),
      padded_(round_up(shape.atoms, kPanel)),
      width_(shape.width),
      settings_(settings),
      thresholds_(penalties<T>(settings, weights, atoms_, padded_)),
      uniform_(weights.size() == 0),
      certifier_(shape, settings, weights),
      limits_(padded_, LaneSets::kLanes),
      gradient_(padded_, width_),
      over_(padded_),
      rhs_(round_up(shape.capacity, UpdatableCholesky::kGroup)) {
  if constexpr (std::is_same_v<T, float>) {
    reference_.setZero(atoms_, width_);
    exact_.resize(padded_, width_);
    residual_.setZero(round_up(shape.features, Simd<double>::width), width_ + 1);
    narrow_residual_.resize(shape.features, width_);
    norms_.resize(padded_);
  }
  signals_.reserve(static_cast<std::size_t>(width_));
  for (Index i = 0; i < width_; ++i) signals_.emplace_back(atoms_, shape.capacity);
  running_.reserve(static_cast<std::size_t>(width_));
  finished_.reserve(static_cast<std::size_t>(width_));
  unsettled_.reserve(static_cast<std::size_t>(width_));
  entries_.resize(static_cast<std::size_t>(atoms_ * width_));
  entry_count_.resize(static_cast<std::size_t>(width_));
  chosen_.resize(static_cast<std::size_t>(padded_ + 1));
  chosen_over_.resize(static_cast<std::size_t>(padded_ + 1));
  chosen_signs_.resize(static_cast<std::size_t>(atoms_));
}

template <typename T>
double ActiveSetBlock<T>::tolerance(const Signal& signal) const {
  // After a verification the gradient is exact around the reference: aim well below the target,
  // so that rounding the code does not undo it.
  return std::max(signal.exact ? 0.25 * signal.wanted : signal.wanted, signal.noise);
}

template <typename T>
void ActiveSetBlock<T>::solve(const CodingBlock<T>& block, Index count, MatrixRef<T> codes,
                              CodingReport* reports) {
  running_.clear();
  work_ = kWorkPerCheck;
  scale_ = block.gram.largest_diagonal();
  finished_.clear();
  if (!settings_.warm_start && atoms_ <= kSideBySide) {
    for (Index begin = 0; begin < count; begin += LaneSets::kLanes)
      code_side_by_side(block, begin, std::min(LaneSets::kLanes, count - begin), codes, reports);
    deliver(block, codes, reports);
  } else {
    for (Index i = 0; i < count; ++i) {
      start(block, i, settings_.warm_start ? codes.col(i).data() : nullptr);
      running_.push_back(i);
    }
  }
  while (!running_.empty()) {
    for (const Index index : running_) list_changes(index);
    require_columns(block.gram);
    refresh(block.gram);
    std::size_t kept = 0;
    for (const Index index : running_) {
      check(block.execution, signals_[index].active.size());
      if (advance(block, index)) {
        running_[kept++] = index;
      } else {
        finished_.push_back(index);
      }
    }
    running_.resize(kept);
    deliver(block, codes, reports);
  }
}

template <typename T>
void ActiveSetBlock<T>::deliver(const CodingBlock<T>& block, MatrixRef<T>& codes,
                                CodingReport* reports) {
  if constexpr (std::is_same_v<T, float>) {
    // All at once: every verification reads the whole dictionary.
    if (!running_.empty()) return;
    verify(block);  // moves signals that need more work back to running_
  }
  for (const Index index : finished_) {
    const ActiveSet& active = signals_[index].active;
    write(active.size(), active.atoms(), active.coefficients(), codes.col(index).data());
    reports[index] = std::is_same_v<T, float> ? signals_[index].report
                                              : certify(block, index, active.size(), active.atoms(),
                                                        active.coefficients(), extent(index));
  }
  finished_.clear();
}

template <typename T>
void ActiveSetBlock<T>::check(const Execution& execution, Index used) {
  // Reading the clock takes as long as a round of a small problem.
  work_ += padded_ + used * used;
  if (work_ < kWorkPerCheck) return;
  execution.check();
  work_ = 0;
}

template <typename T>
void ActiveSetBlock<T>::list_changes(Index index) {
  const ActiveSet& active = signals_[index].active;
  Entry* entries = entries_.data() + index * atoms_;
  Index count = 0;
  if (!signals_[index].exact) {
    for (Index i = 0; i < active.size(); ++i)
      entries[count++] = {active.atoms()[i], static_cast<T>(active.coefficients()[i])};
  } else {
    // The reference is rounded to T, so the difference is exact where it matters: near zero.
    T* reference = reference_.col(index).data();
    T* left = over_.data();  // what of the reference is not in use any more
    std::copy(reference, reference + atoms_, left);
    for (Index i = 0; i < active.size(); ++i) {
      const int atom = active.atoms()[i];
      const double change = active.coefficients()[i] - static_cast<double>(reference[atom]);
      entries[count] = {atom, static_cast<T>(change)};
      count += change != 0.0;  // nothing has changed yet right after a verification
      left[atom] = T(0);
    }
    for (Index j = 0; j < atoms_; ++j)
      if (left[j] != T(0)) entries[count++] = {static_cast<int>(j), -left[j]};
  }
  entry_count_[index] = count;
  double sum = 0.0;
  for (Index e = 0; e < count; ++e) sum += std::abs(static_cast<double>(entries[e].value));
  note_changes(signals_[index], count, sum);
}

template <typename T>
void ActiveSetBlock<T>::note_changes(Signal& signal, Index changes, double sum) const {
  signal.error.changes = changes;
  signal.error.changed = sum;
  // What rounding alone can make of a vanishing gradient.
  signal.noise =
      4 * static_cast<double>(std::numeric_limits<T>::epsilon()) * (signal.largest + scale_ * sum);
}

// One product with the dictionary makes the columns of all signals known.
template <typename T>
void ActiveSetBlock<T>::require_columns(const PanelGram<T>& gram) {
  if (gram.complete()) return;
  required_.clear();
  for (const Index index : running_)
    for (Index e = 0; e < entry_count_[index]; ++e)
      required_.push_back(entries_[index * atoms_ + e].atom);
  gram.require(required_.data(), static_cast<Index>(required_.size()));
}

template <typename T>
void ActiveSetBlock<T>::refresh(const PanelGram<T>& gram) {
  for (Index p = 0; p < gram.num_panels(); ++p) {
    for (const Index index : running_)
      refresh_panel(gram, p, entries_.data() + index * atoms_, entry_count_[index],
                    base_.col(index).data() + p * kPanel, gradient_.col(index).data() + p * kPanel);
  }
  for (const Index index : running_) {
    const double ridge = signals_[index].ridge;
    if (ridge == 0.0) continue;
    const Entry* entries = entries_.data() + index * atoms_;
    for (Index e = 0; e < entry_count_[index]; ++e)
      gradient_(entries[e].atom, index) -= static_cast<T>(ridge) * entries[e].value;
  }
}

template <typename T>
double ActiveSetBlock<T>::inspect(Index index, double& stationarity) {
  const ActiveSet& active = signals_[index].active;
  T* gradient = gradient_.col(index).data();
  double* rhs = rhs_.data();
  double largest = 0.0;
  // The active part of the gradient moves to rhs and is cleared, so that the scan below sees
  // the other atoms only.
  for (Index i = 0; i < active.size(); ++i) {
    const int atom = active.atoms()[i];
    rhs[i] = static_cast<double>(gradient[atom]) -
             active.signs()[i] * static_cast<double>(thresholds_[atom]);
    largest = max_or_nan(largest, std::abs(rhs[i]));
    gradient[atom] = T(0);
  }
  stationarity = largest;
  const auto column = gradient_.col(index).array();
  if (settings_.nonnegative) {
    over_ = column - thresholds_.array();
  } else {
    over_ = column.abs() - thresholds_.array();
  }
  return static_cast<double>(over_.maxCoeff());
}

// Takes the atoms above a limit that not many more than wanted exceed, in their own order but for
// the largest, which comes first. Halving the range and counting again takes a few vector
// operations; the branches of a sort, which nothing predicts, took a sixth of the whole time.
template <typename T>
Index ActiveSetBlock<T>::choose(Index index, double excess, double tolerance) {
  const Signal& signal = signals_[index];
  const Index old = signal.active.size();
  Index most = signal.single ? 1 : std::clamp(old, kMostAdded, kMostDoubled);
  const T largest = static_cast<T>(excess);
  T high = largest;
  T low = signal.single ? high : static_cast<T>(std::max(tolerance, signal.growth * excess));
  Index above = count_above(low);
  if (atoms_ <= kSmall && old < kMostAdded && most > 1 && is_crowd(above, most)) {
    // Take a few and look anew.
    most = old + 1;
    if (most == 1) low = high;
  }
  if (above <= most) high = low;
  Index found = above <= kMostListed ? list_above(low) : -1;
  for (int step = 0; step < kMostHalvings && low < high; ++step) {
    const T middle = low + (high - low) / 2;
    above = found < 0 ? count_above(middle) : count_listed(found, middle);
    (above > most ? low : high) = middle;
    if (above <= most && 4 * above >= 3 * most) break;
    if (found < 0 && above > most && above <= kMostListed) found = list_above(low);
  }
  if (found < 0) found = list_above(high);
  Index kept = 0;
  for (Index q = 0; q < found; ++q) {
    const T over = chosen_over_[q];
    chosen_[kept] = chosen_[q];
    chosen_over_[kept] = over;
    kept += over >= high;
  }
  found = std::min(kept, most);  // more are possible only if they all tie
  const T* gradient = gradient_.col(index).data();
  for (Index q = 0; q < found; ++q)
    if (chosen_over_[q] == largest) std::swap(chosen_[q], chosen_[0]);
  for (Index q = 0; q < found; ++q) chosen_signs_[q] = gradient[chosen_[q]] > T(0) ? 1.0 : -1.0;
  return found;
}

template <typename T>
Index ActiveSetBlock<T>::count_above(T limit) const {
  const T* over = over_.data();
  Index found = 0;
  for (Index begin = 0; begin < padded_; begin += Simd<T>::width)
    found += std::popcount(bits_not_below(over + begin, limit));
  return found;
}

// Of those that are listed.
template <typename T>
Index ActiveSetBlock<T>::count_listed(Index listed, T limit) const {
  int above = 0;
  for (Index q = 0; q < listed; ++q) above += chosen_over_[q] >= limit;
  return above;
}

// Lists the atoms that violate by `limit` or more, and by how much.
template <typename T>
Index ActiveSetBlock<T>::list_above(T limit) {
  const T* over = over_.data();
  Index found = 0;
  for (Index begin = 0; begin < padded_; begin += Simd<T>::width) {
    for (unsigned bits = bits_not_below(over + begin, limit); bits != 0; bits &= bits - 1) {
      const Index j = begin + std::countr_zero(bits);
      chosen_[found] = static_cast<int>(j);
      chosen_over_[found++] = over[j];
    }
  }
  return found;
}

template <typename T>
bool ActiveSetBlock<T>::grow(const PanelGram<T>& gram, Index index, double excess,
                             double tolerance) {
  Signal& signal = signals_[index];
  const Index old = signal.active.size();
  const Index found = choose(index, excess, tolerance);
  const Index added =
      signal.active.add(gram, signal.ridge, chosen_.data(), chosen_signs_.data(), nullptr, found);
  for (Index i = old; i < old + added; ++i) {
    const int atom = signal.active.atoms()[i];
    rhs_.data()[i] = static_cast<double>(gradient_(atom, index)) -
                     signal.active.signs()[i] * static_cast<double>(thresholds_[atom]);
  }
  return added > 0;
}

template <typename T>
bool ActiveSetBlock<T>::advance(const CodingBlock<T>& block, Index index) {
  const PanelGram<T>& gram = block.gram;
  Signal& signal = signals_[index];
  double stationarity = 0.0;
  const double excess = inspect(index, stationarity);
  const double accepted = tolerance(signal);
  const double violation = max_or_nan(excess, stationarity);
  signal.kkt = std::max(violation, 0.0);
  const bool late = block.execution.out_of_time();
  const bool exhausted =
      signal.iterations >= settings_.max_iterations || signal.stalled >= kMaxStalled;
  if (signal.kkt <= accepted || exhausted || late) {
    signal.status = signal.kkt <= accepted ? Status::converged
                    : late                 ? Status::stopped
                                           : Status::max_iterations;
    restore(index);
    return false;
  }
  ++signal.iterations;
  const Index before = signal.active.size();
  bool moved = false;
  Index added = 0;
  if (excess > accepted) {
    if (grow(gram, index, excess, accepted)) {
      added = signal.active.size() - before;
    } else if (before > 0) {
      moved = signal.active.exchange(gram, signal.ridge, {chosen_[0], chosen_signs_[0], excess},
                                     rhs_.data());
    }
  }
  if (moved) return true;
  const Index grown = signal.active.size();
  const double decrease = signal.active.descend(rhs_.data());
  const Index dropped = grown - signal.active.size();
  const bool progress = decrease > 0.0;
  signal.stalled = progress ? 0 : signal.stalled + 1;
  signal.single = !progress;
  if (added > 0) {
    // Atoms dropped again cost an append and a Givens rotation each; too few cost another round.
    if (2 * dropped > added) {
      signal.growth = std::min(0.9, signal.growth + 0.1);
    } else {
      signal.growth = std::max(0.0, signal.growth - 0.1);
    }
  }
  return true;
}

template <typename T>
void ActiveSetBlock<T>::restore(Index index) {
  const ActiveSet& active = signals_[index].active;
  for (Index i = 0; i < active.size(); ++i) {
    const int atom = active.atoms()[i];
    gradient_(atom, index) =
        static_cast<T>(rhs_.data()[i] + active.signs()[i] * static_cast<double>(thresholds_[atom]));
  }
}

template class ActiveSetBlock<float>;
template class ActiveSetBlock<double>;

}  // namespace sparsetransfer
