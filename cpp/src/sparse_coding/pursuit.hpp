#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <type_traits>
#include <vector>

#include "sparsetransfer/numerics/max_or_nan.hpp"
#include "sparsetransfer/numerics/simd.hpp"
#include "sparsetransfer/numerics/wide_dot.hpp"
#include "sparsetransfer/sparse_coding/omp.hpp"
#include "sparsetransfer/sparse_coding/panel_dictionary.hpp"
#include "sparsetransfer/sparse_coding/panel_gram.hpp"

namespace sparsetransfer {

/// Pursuit of one signal. With the QR factors D_A = Q L', the rows w_l = (D'q_l)' are all it takes:
/// L_il = w_l[atom i], the correlations with the residual fall by (q_l'x) w_l, and the energy of
/// atom j outside the span is G_jj - sum_l w_l[j]^2.
template <typename T>
class Pursuit {
 public:
  Pursuit(const PanelGram<T>& gram, const PursuitSettings& settings)
      : gram_(gram),
        settings_(settings),
        capacity_(std::min(settings.max_atoms, gram.atoms())),
        rows_(kRows * capacity_, gram.num_panels()),
        correlation_(Vector<T>::Zero(gram.padded_atoms())),
        energy_(gram.padded_atoms()),
        diagonal_(Vector<T>::Zero(gram.padded_atoms())),
        floor_(Vector<T>::Constant(gram.padded_atoms(), std::numeric_limits<T>::infinity())),
        score_(gram.padded_atoms()),
        known_(capacity_),
        panel_best_(gram.num_panels()),
        projections_(static_cast<std::size_t>(capacity_)),
        values_(static_cast<std::size_t>(capacity_)),
        next_(static_cast<std::size_t>(capacity_)),
        work_(static_cast<std::size_t>(capacity_)),
        support_(static_cast<std::size_t>(capacity_)) {
    // A row divided by a pivot sqrt(e) carries an error of eps / sqrt(e), and so do the energies
    // after it: with e >= (64 eps)^(2/3) of an atom's own energy they stay meaningful.
    const T dependence = std::pow(T(64) * std::numeric_limits<T>::epsilon(), T(2) / T(3));
    for (Index j = 0; j < gram.atoms(); ++j) {
      diagonal_[j] = gram.diagonal(j);
      floor_[j] = std::max(dependence * diagonal_[j], std::numeric_limits<T>::min());
    }
  }

  /// What is known of the signal; itself and the dictionary may be null.
  struct Signal {
    ConstVectorRef<T> correlations;
    double squared_norm;
    const T* entries = nullptr;
    const PanelDictionary<T>* dictionary = nullptr;
  };

  /// Begins the code of a signal, which is written with its report when it is done.
  void start(const Signal& signal, T* code, CodingReport* report) {
    signal_.emplace(signal);
    code_ = code;
    report_ = report;
    // A positive correlation below this is rounding, and no reason to take an atom.
    least_ = settings_.nonnegative
                 ? 4 * static_cast<T>(kNoise) * signal.correlations.cwiseAbs().maxCoeff()
                 : -std::numeric_limits<T>::infinity();
    begin();
    residual_ = signal.squared_norm;
    error_ = 0.0;
    size_ = rounds_ = 0;
    foresees_ = signal.dictionary && signal.dictionary->columns().size() >= kLarge;
    taken_ = false;
  }

  /// The atom to take next, which `take` expects with its column known; -1 if the code is done.
  Index next(const Execution& execution) {
    const double enough = std::max(settings_.tolerance, kNoise * signal_->squared_norm);
    for (;;) {
      const bool late = size_ < capacity_ && execution.out_of_time();
      if (size_ < capacity_ && rounds_ < most_rounds() && !late && residual_ + error_ > enough)
        if (const Index atom = choose(); atom >= 0) return atom;
      const bool more = taken_;  // since the code was written last
      taken_ = false;
      write();
      *report_ = certify();
      error_ = 2 * report_->objective - residual_;
      const bool misses = settings_.tolerance > 0 && 2 * report_->objective > settings_.tolerance;
      if (more && misses) continue;
      if (rounds_ == most_rounds() && size_ < capacity_) report_->status = Status::max_iterations;
      if (late) report_->status = Status::stopped;
      if (misses && (size_ < capacity_ || capacity_ == gram_.atoms()))
        report_->status = Status::stopped;  // no independent atom is left
      return -1;
    }
  }

  /// Takes an atom whose column is known.
  void take(Index atom) {
    ++rounds_;
    taken_ = true;
    residual_ -= orthogonalise(atom, size_++);
    if (settings_.nonnegative) keep_positive();
  }

  /// Appends atoms that are likely to be taken after `atom`: those that a pursuit takes which sees
  /// only the best atoms by now, whose products cost little where a pass over the dictionary costs
  /// much; among atoms with much in common others come first, and the runner-up is all there is.
  void foresee(Index atom, std::vector<int>& wanted) {
    const std::size_t before = wanted.size();
    if (foresees_) try_atoms(atom, wanted);
    if (wanted.size() > before) return;
    foresees_ = false;
    if (const Index after = runner_up(atom); after >= 0) wanted.push_back(static_cast<int>(after));
  }

 private:
  using V = Simd<T>;
  using Packet = typename V::Packet;
  static constexpr Index kRows = PanelGram<T>::kRows;
  static constexpr Index kMostRounds = 20;  // for each atom: those of non-negative codes may leave
  static constexpr double kTiny = std::numeric_limits<double>::min();
  static constexpr double kNoise = 4 * static_cast<double>(std::numeric_limits<T>::epsilon());
  static constexpr Index kShortlist = 32, kMostForeseen = 3;
  static constexpr Index kLarge = 1 << 16;  // entries of a dictionary
  static constexpr T kKept = T(0.75);  // share of its energy that an atom keeps which is foreseen
  static constexpr Index kAhead = 3;   // panels whose column is fetched in advance
  static constexpr Index kPackets = std::min<Index>(8, kRows / V::width);  // that fit the registers

  /// An atom of the shortlist, as it is after those that are taken in advance, and their rows.
  struct Foreseen {
    int atom;
    T correlation, energy, score;
    std::array<T, kMostForeseen> row;
  };

  T rate(const Foreseen& seen) const {
    if (!(seen.energy > floor_[seen.atom]) || !(seen.correlation > least_)) return T(0);
    return settings_.rule == SelectionRule::correlation
               ? std::abs(seen.correlation)
               : seen.correlation * seen.correlation / seen.energy;
  }

  /// The best atom of another panel than that of `atom`; -1 if there is none, or none is taken
  /// after this one.
  Index runner_up(Index atom) const {
    Index panel = -1;
    for (Index p = 0; size_ + 1 < capacity_ && p < panel_best_.size(); ++p)
      if (p != atom / kRows && panel_best_[p] > (panel < 0 ? T(0) : panel_best_[panel])) panel = p;
    return panel < 0 ? -1 : best_of(panel);
  }

  /// Takes `atom` and others of the shortlist in advance while these keep most of their energy.
  void try_atoms(Index atom, std::vector<int>& wanted) {
    shortlist_.resize(static_cast<std::size_t>(std::min(kShortlist, gram_.atoms())));
    order_.resize(static_cast<std::size_t>(gram_.atoms()));
    std::iota(order_.begin(), order_.end(), 0);
    std::partial_sort_copy(order_.begin(), order_.end(), shortlist_.begin(), shortlist_.end(),
                           [&](int a, int b) { return score_[a] > score_[b]; });
    auto place = std::find(shortlist_.begin(), shortlist_.end(), atom);
    if (place == shortlist_.end()) *--place = static_cast<int>(atom);  // others tie with it
    std::array<Foreseen, kShortlist> seen;
    Index number = 0;
    for (const int j : shortlist_) seen[number++] = {j, correlation_[j], energy_[j], T(0), {}};
    Index best = place - shortlist_.begin();
    const Index count = std::min(kMostForeseen, capacity_ - size_ - 1);
    for (Index step = 0; step < count; ++step) {
      const Foreseen taken = seen[best];
      const T inverse = 1 / std::sqrt(taken.energy);
      for (Index i = 0; i < number; ++i) {
        Foreseen& other = seen[i];
        T value = signal_->dictionary->atom(taken.atom).dot(signal_->dictionary->atom(other.atom));
        for (Index l = 0; l < size_; ++l) value -= entry(taken.atom, l) * entry(other.atom, l);
        for (Index s = 0; s < step; ++s) value -= taken.row[s] * other.row[s];
        other.row[step] = value *= inverse;
        other.correlation -= taken.correlation * inverse * value;
        other.energy = i == best ? T(0) : other.energy - value * value;
        other.score = rate(other);
      }
      const auto less = [](const Foreseen& a, const Foreseen& b) { return a.score < b.score; };
      best = std::max_element(seen.begin(), seen.begin() + number, less) - seen.begin();
      const int next = seen[best].atom;
      if (!(seen[best].score > T(0)) || seen[best].energy < energy_[next] * kKept) return;
      wanted.push_back(next);
    }
  }

  /// w_l[atom]. Panel by panel: whole rows of a power of two atoms would share their cache sets.
  T& entry(Index atom, Index l) { return rows_(l * kRows + atom % kRows, atom / kRows); }

  Index most_rounds() const { return kMostRounds * capacity_; }

  void begin() {
    correlation_.head(gram_.atoms()) = signal_->correlations;
    energy_ = diagonal_;
    by_rule([&](auto by) {
      for (Index p = 0; p < gram_.num_panels(); ++p) {
        auto best = V::zero();
        for (Index i = p * kRows; i < (p + 1) * kRows; i += V::width)
          best = V::max(
              best, rate<by()>(i, V::load(correlation_.data() + i), V::load(energy_.data() + i)));
        panel_best_[p] = V::max(best);
      }
    });
  }

  /// Calls body with whether the largest correlation is taken, as a constant.
  template <typename Body>
  void by_rule(const Body& body) const {
    if (settings_.rule == SelectionRule::correlation)
      body(std::true_type());
    else
      body(std::false_type());
  }

  /// Scores the atoms of a packet.
  template <bool by_correlation>
  Packet rate(Index first, const Packet& correlation, const Packet& energy) {
    const auto floor = V::load(floor_.data() + first);
    auto score = by_correlation
                     ? V::abs(correlation)
                     : V::divide(V::multiply(correlation, correlation), V::max(energy, floor));
    score = V::where(V::less(floor, energy), score);
    score = V::where(V::less(V::broadcast(least_), correlation), score);
    V::store(score_.data() + first, score);
    return score;
  }

  Index choose() const {
    Index panel = 0;
    for (Index p = 1; p < panel_best_.size(); ++p)
      if (panel_best_[p] > panel_best_[panel]) panel = p;
    return panel_best_[panel] > T(0) ? best_of(panel) : -1;
  }

  Index best_of(Index panel) const {
    Index atom = panel * kRows;
    unsigned bits = 0;
    while ((bits = bits_not_below(score_.data() + atom, panel_best_[panel])) == 0) atom += V::width;
    return atom + std::countr_zero(bits);
  }

  /// Adds an atom at place `size` and returns by how much the squared residual falls.
  double orthogonalise(Index atom, Index size) {
    for (Index l = 0; l < size; ++l) known_[l] = -entry(atom, l);
    const T pivot = std::sqrt(energy_[atom]);
    const T projection = correlation_[atom] / pivot;
    energy_[atom] = T(0);  // and less in the following: it is not taken again
    // After the last atom nothing is asked of the others.
    if (size + 1 < capacity_)
      by_rule([&](auto by) { project<by()>(atom, size, pivot, projection); });
    entry(atom, size) = pivot;
    projections_[size] = static_cast<double>(projection);
    support_[size] = atom;
    return projections_[size] * projections_[size];
  }

  /// Takes the direction of an atom out of all others, and scores them. One pass: what it makes of
  /// a panel is used while it is near.
  template <bool by_correlation>
  void project(Index atom, Index size, T pivot, T projection) {
    const Index place = gram_.place(atom) * kRows;
    const auto inverse = V::broadcast(T(1) / pivot);
    const auto fall = V::broadcast(projection);
    for (Index p = 0; p < gram_.num_panels(); ++p) {
      const T* column = gram_.panel(p) + place;
      if (p + kAhead < gram_.num_panels())
        for (Index i = 0; i < kRows; i += kCacheLine / sizeof(T))
          Eigen::internal::prefetch(gram_.panel(p + kAhead) + place + i);
      auto best = V::zero();
      for (Index begin = 0; begin < kRows; begin += kPackets * V::width) {
        T* rows = rows_.col(p).data() + begin;
        Packet sums[kPackets];
        for (Index r = 0; r < kPackets; ++r) sums[r] = V::load(column + begin + r * V::width);
        for (Index l = 0; l < size; ++l) {
          const auto factor = V::broadcast(known_[l]);
          const T* other = rows + l * kRows;
          for (Index r = 0; r < kPackets; ++r)
            sums[r] = V::multiply_add(factor, V::load(other + r * V::width), sums[r]);
        }
        for (Index r = 0; r < kPackets; ++r)
          V::store(rows + size * kRows + r * V::width, V::multiply(sums[r], inverse));
      }
      const T* row = rows_.col(p).data() + size * kRows;
      for (Index i = 0; i < kRows; i += V::width) {
        const Index first = p * kRows + i;
        const auto value = V::load(row + i);
        const auto correlation =
            V::subtract_product(fall, value, V::load(correlation_.data() + first));
        const auto energy = V::subtract_product(value, value, V::load(energy_.data() + first));
        V::store(correlation_.data() + first, correlation);
        V::store(energy_.data() + first, energy);
        best = V::max(best, rate<by_correlation>(first, correlation, energy));
      }
      panel_best_[p] = V::max(best);
    }
  }

  /// next = L^-T y, in the order of the support.
  void solve() {
    std::copy_n(projections_.begin(), size_, work_.begin());
    for (Index i = size_ - 1; i >= 0; --i) {
      next_[i] = work_[i] / static_cast<double>(entry(support_[i], i));
      for (Index l = 0; l < i; ++l)
        work_[l] -= static_cast<double>(entry(support_[i], l)) * next_[i];
    }
  }

  /// The best non-negative code on the support (Lawson, Hanson, "Solving least squares problems",
  /// 1974, chapter 23): while least squares wants a coefficient that is not positive, walks there
  /// from the last code up to the first zero, and orthogonalises anew without that atom.
  void keep_positive() {
    values_[size_ - 1] = 0.0;
    for (;;) {
      solve();
      double reach = 2.0;  // more than a step to a zero, which may round to 1
      const auto length = [&](Index i) {
        return next_[i] > 0.0 ? 2.0 : values_[i] / std::max(values_[i] - next_[i], kTiny);
      };
      for (Index i = 0; i < size_; ++i) reach = std::min(reach, length(i));
      if (reach == 2.0) break;
      Index kept = 0;
      for (Index i = 0; i < size_; ++i) {
        if (length(i) <= reach) continue;
        values_[kept] = values_[i] + reach * (next_[i] - values_[i]);
        support_[kept++] = support_[i];
      }
      size_ = kept;
      begin();
      residual_ = signal_->squared_norm;
      for (Index i = 0; i < size_; ++i) residual_ -= orthogonalise(support_[i], i);
    }
    std::copy_n(next_.begin(), size_, values_.begin());
  }

  void write() {
    std::fill(code_, code_ + gram_.atoms(), T(0));
    solve();
    for (Index i = 0; i < size_; ++i) code_[support_[i]] = static_cast<T>(next_[i]);
  }

  /// The report of a code as it is returned, in double precision.
  CodingReport certify() {
    const Signal& signal = *signal_;
    double residual = 0.0;
    double largest = 0.0;
    const auto value = [&](Index i) { return static_cast<double>(code_[support_[i]]); };
    if (std::is_same_v<T, float> && signal.dictionary) {
      const Index features = signal.dictionary->features();
      rest_ = Eigen::Map<const Vector<T>>(signal.entries, features).template cast<double>();
      for (Index i = 0; i < size_; ++i)
        rest_ -= value(i) * signal.dictionary->atom(support_[i]).template cast<double>();
      residual = rest_.squaredNorm();
      for (Index i = 0; i < size_; ++i) {
        const T* atom = signal.dictionary->atom(support_[i]).data();
        largest = max_or_nan(largest, std::abs(wide_dot(atom, rest_.data(), features)));
      }
    } else {
      residual = signal.squared_norm;
      for (Index i = 0; i < size_; ++i) {
        const auto b = static_cast<double>(signal.correlations[support_[i]]);
        double c = b;
        for (Index l = 0; l < size_; ++l)
          c -= static_cast<double>(gram_(support_[l], support_[i])) * value(l);
        residual -= value(i) * (b + c);
        largest = max_or_nan(largest, std::abs(c));
      }
    }
    CertificateTerms terms;
    terms.residual = std::max(residual, 0.0);
    require_finite(largest + residual, terms, true);
    return {static_cast<int>(size_), Status::converged, std::numeric_limits<double>::quiet_NaN(),
            largest, coding_objective(terms)};
  }

  const PanelGram<T>& gram_;
  const PursuitSettings& settings_;
  Index capacity_;
  Matrix<T> rows_;
  Vector<T> correlation_, energy_, diagonal_, floor_, score_, known_;
  Vector<T> panel_best_;  // the best score in each panel
  T least_ = T(0);
  Vector<double> rest_;
  std::optional<Signal> signal_;
  T* code_ = nullptr;
  CodingReport* report_ = nullptr;
  double residual_ = 0.0;
  double error_ = 0.0;  // by which the residual of the code as it is exceeds the one kept here
  Index size_ = 0, rounds_ = 0;
  bool taken_ = false;
  bool foresees_ = false;  // more than the runner-up
  std::vector<double> projections_, values_, next_, work_;
  std::vector<Index> support_;
  std::vector<int> order_, shortlist_;
};

}  // namespace sparsetransfer
