#include "sparsetransfer/sparse_coding/omp.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/numerics/max_or_nan.hpp"
#include "sparsetransfer/numerics/simd.hpp"
#include "sparsetransfer/numerics/wide_dot.hpp"
#include "sparsetransfer/sparse_coding/panel_dictionary.hpp"
#include "sparsetransfer/sparse_coding/panel_gram.hpp"

namespace sparsetransfer {
namespace {

constexpr Index kBlock = 64;       // signals per product with the dictionary
constexpr Index kMostRounds = 20;  // for each atom: those of non-negative codes may leave again
constexpr double kTiny = std::numeric_limits<double>::min();

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
        correlation_(gram.padded_atoms()),
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

  Matrix<T>& correlations() { return block_; }

  /// What is known of the signal; itself and the dictionary may be null.
  struct Signal {
    ConstVectorRef<T> correlations;
    double squared_norm;
    const T* entries = nullptr;
    const PanelDictionary<T>* dictionary = nullptr;
  };

  void code(const Execution& execution, const Signal& signal, T* code, CodingReport& report) {
    const ConstVectorRef<T>& b = signal.correlations;
    const double noise = 4 * static_cast<double>(std::numeric_limits<T>::epsilon());
    // A positive correlation below this is rounding, and no reason to take an atom.
    least_ = 4 * static_cast<T>(noise) * b.cwiseAbs().maxCoeff();
    begin(b);
    const double start = signal.squared_norm;
    double residual = start;
    double error = 0.0;  // by which the residual of the code as it is exceeds the one kept here
    Index size = 0;
    Index rounds = 0;
    const Index most_rounds = kMostRounds * capacity_;
    bool late = false;
    for (bool more = true; more;) {
      more = false;
      while (size < capacity_ && rounds < most_rounds && !(late = execution.out_of_time()) &&
             residual + error > std::max(settings_.tolerance, noise * start)) {
        const Index atom = choose();
        if (atom < 0) break;
        ++rounds;
        more = true;
        require(atom, size + 1 < capacity_);
        residual -= take(atom, size++);
        if (settings_.nonnegative) size = keep_positive(b, size, start, residual);
      }
      write(size, code);
      report = certify(signal, size, code);
      error = 2 * report.objective - residual;
      more = more && settings_.tolerance > 0 && 2 * report.objective > settings_.tolerance;
    }
    if (rounds == most_rounds && size < capacity_) report.status = Status::max_iterations;
    if (late) report.status = Status::stopped;
    if (settings_.tolerance > 0 && 2 * report.objective > settings_.tolerance &&
        (size < capacity_ || capacity_ == gram_.atoms()))
      report.status = Status::stopped;  // no independent atom is left
  }

 private:
  using V = Simd<T>;
  static constexpr Index kRows = PanelGram<T>::kRows;
  static constexpr Index kAhead = 3;  // panels whose column is fetched in advance
  static constexpr Index kPackets = std::min<Index>(8, kRows / V::width);  // that fit the registers

  /// w_l[atom]. Panel by panel: whole rows of a power of two atoms would share their cache sets.
  T& entry(Index atom, Index l) { return rows_(l * kRows + atom % kRows, atom / kRows); }

  void begin(const ConstVectorRef<T>& b) {
    const Index atoms = gram_.atoms();
    correlation_.head(atoms) = b;
    correlation_.tail(correlation_.size() - atoms).setZero();
    energy_ = diagonal_;
    for (Index p = 0; p < gram_.num_panels(); ++p) rate(p * kRows);
  }

  /// Scores the atoms of a panel; to search them all afterwards would cost as much.
  void rate(Index first) {
    const auto correlation = correlation_.template segment<kRows>(first).array();
    const auto energy = energy_.template segment<kRows>(first).array();
    const auto floor = floor_.template segment<kRows>(first).array();
    auto score = score_.template segment<kRows>(first).array();
    if (settings_.rule == SelectionRule::correlation) {
      score = (energy > floor).select(correlation.abs(), T(0));
    } else {
      score = (energy > floor).select(correlation.square() / energy.max(floor), T(0));
    }
    if (settings_.nonnegative) score = (correlation > least_).select(score, T(0));
    panel_best_[first / kRows] = score.maxCoeff();
  }

  Index choose() const {
    Index panel = 0;
    for (Index p = 1; p < panel_best_.size(); ++p)
      if (panel_best_[p] > panel_best_[panel]) panel = p;
    const T best = panel_best_[panel];
    if (!(best > T(0))) return -1;
    Index atom = panel * kRows;
    while (score_[atom] != best) ++atom;
    return atom;
  }

  /// Makes the column of an atom known. A product with the dictionary waits for memory, so that the
  /// best atom of another panel, often the next to be taken, costs next to nothing beside it.
  void require(Index atom, bool more) {
    if (gram_.knows(atom)) return;
    Index next = -1;
    for (Index p = 0; more && p < panel_best_.size(); ++p)
      if (p != atom / kRows && panel_best_[p] > (next < 0 ? T(0) : panel_best_[next])) next = p;
    int wanted[] = {static_cast<int>(atom), 0};
    if (next < 0) return gram_.require(wanted, 1);
    const T best = panel_best_[next];
    next *= kRows;
    while (score_[next] != best) ++next;
    wanted[1] = static_cast<int>(next);
    gram_.require(wanted, 2);
  }

  /// Adds an atom, whose column is known, and returns by how much the squared residual falls. One
  /// pass: what it makes of a panel is used while it is near.
  double take(Index atom, Index size) {
    const Index place = gram_.place(atom) * kRows;
    for (Index l = 0; l < size; ++l) known_[l] = -entry(atom, l);
    const T pivot = std::sqrt(energy_[atom]);
    const T projection = correlation_[atom] / pivot;
    const auto inverse = V::broadcast(T(1) / pivot);
    const auto fall = V::broadcast(-projection);
    const auto minus = V::broadcast(T(-1));
    for (Index p = 0; p < gram_.num_panels(); ++p) {
      const T* column = gram_.panel(p) + place;
      if (p + kAhead < gram_.num_panels())
        for (Index i = 0; i < kRows; i += kCacheLine / sizeof(T))
          Eigen::internal::prefetch(gram_.panel(p + kAhead) + place + i);
      for (Index begin = 0; begin < kRows; begin += kPackets * V::width) {
        const Index first = p * kRows + begin;
        T* rows = rows_.col(p).data() + begin;
        typename V::Packet sums[kPackets];
        for (Index r = 0; r < kPackets; ++r) sums[r] = V::load(column + begin + r * V::width);
        for (Index l = 0; l < size; ++l) {
          const auto factor = V::broadcast(known_[l]);
          const T* other = rows + l * kRows;
          for (Index r = 0; r < kPackets; ++r)
            sums[r] = V::multiply_add(factor, V::load(other + r * V::width), sums[r]);
        }
        for (Index r = 0; r < kPackets; ++r) {
          const auto value = V::multiply_add(sums[r], inverse, V::zero());
          V::store(rows + size * kRows + r * V::width, value);
          T* correlation = correlation_.data() + first + r * V::width;
          V::store(correlation, V::multiply_add(fall, value, V::load(correlation)));
          T* energy = energy_.data() + first + r * V::width;
          const auto negative = V::multiply_add(minus, value, V::zero());
          V::store(energy, V::multiply_add(negative, value, V::load(energy)));
        }
      }
      if (atom >= p * kRows && atom < (p + 1) * kRows) energy_[atom] = T(0);
      rate(p * kRows);
    }
    entry(atom, size) = pivot;
    projections_[size] = static_cast<double>(projection);
    support_[size] = atom;
    return projections_[size] * projections_[size];
  }

  /// next = L^-T y, in the order of the support.
  void solve(Index size) {
    std::copy_n(projections_.begin(), size, work_.begin());
    for (Index i = size - 1; i >= 0; --i) {
      next_[i] = work_[i] / static_cast<double>(entry(support_[i], i));
      for (Index l = 0; l < i; ++l)
        work_[l] -= static_cast<double>(entry(support_[i], l)) * next_[i];
    }
  }

  /// The best non-negative code on the support (Lawson, Hanson, "Solving least squares problems",
  /// 1974, chapter 23): while least squares wants a coefficient that is not positive, walks there
  /// from the last code up to the first zero, and orthogonalises anew without that atom. Returns
  /// the size of the support that is left.
  Index keep_positive(const ConstVectorRef<T>& b, Index size, double squared_norm,
                      double& residual) {
    values_[size - 1] = 0.0;
    for (;;) {
      solve(size);
      double reach = 1.0;
      const auto length = [&](Index i) {
        return next_[i] > 0.0 ? 1.0 : values_[i] / std::max(values_[i] - next_[i], kTiny);
      };
      for (Index i = 0; i < size; ++i) reach = std::min(reach, length(i));
      if (reach == 1.0) break;
      Index kept = 0;
      for (Index i = 0; i < size; ++i) {
        if (length(i) <= reach) continue;
        values_[kept] = values_[i] + reach * (next_[i] - values_[i]);
        support_[kept++] = support_[i];
      }
      size = kept;
      begin(b);
      residual = squared_norm;
      for (Index i = 0; i < size; ++i) residual -= take(support_[i], i);
    }
    std::copy_n(next_.begin(), size, values_.begin());
    return size;
  }

  void write(Index size, T* code) {
    std::fill(code, code + gram_.atoms(), T(0));
    solve(size);
    for (Index i = 0; i < size; ++i) code[support_[i]] = static_cast<T>(next_[i]);
  }

  /// The report of a code as it is returned, in double precision.
  CodingReport certify(const Signal& signal, Index size, const T* code) {
    double residual = 0.0;
    double largest = 0.0;
    const auto value = [&](Index i) { return static_cast<double>(code[support_[i]]); };
    if (std::is_same_v<T, float> && signal.dictionary) {
      const Index features = signal.dictionary->features();
      rest_ = Eigen::Map<const Vector<T>>(signal.entries, features).template cast<double>();
      for (Index i = 0; i < size; ++i)
        rest_ -= value(i) * signal.dictionary->atom(support_[i]).template cast<double>();
      residual = rest_.squaredNorm();
      for (Index i = 0; i < size; ++i) {
        const T* atom = signal.dictionary->atom(support_[i]).data();
        largest = max_or_nan(largest, std::abs(wide_dot(atom, rest_.data(), features)));
      }
    } else {
      residual = signal.squared_norm;
      for (Index i = 0; i < size; ++i) {
        const auto b = static_cast<double>(signal.correlations[support_[i]]);
        double c = b;
        for (Index l = 0; l < size; ++l)
          c -= static_cast<double>(gram_(support_[l], support_[i])) * value(l);
        residual -= value(i) * (b + c);
        largest = max_or_nan(largest, std::abs(c));
      }
    }
    CertificateTerms terms;
    terms.residual = std::max(residual, 0.0);
    require_finite(largest + residual, terms, true);
    return {static_cast<int>(size), Status::converged, std::numeric_limits<double>::quiet_NaN(),
            largest, coding_objective(terms)};
  }

  const PanelGram<T>& gram_;
  const PursuitSettings& settings_;
  Index capacity_;
  Matrix<T> rows_, block_;
  Vector<T> correlation_, energy_, diagonal_, floor_, score_, known_;
  Vector<T> panel_best_;  // the best score in each panel
  T least_ = T(0);
  Vector<double> rest_;
  std::vector<double> projections_, values_, next_, work_;
  std::vector<Index> support_;
};

template <typename T, typename Correlate>
void pursue_blocks(const Execution& execution, Index samples, const PanelGram<T>& gram,
                   const PursuitSettings& settings, MatrixRef<T> codes, CodingReport* reports,
                   const ConstMatrixRef<T>* signals, const PanelDictionary<T>* dictionary,
                   const Correlate& correlate) {
  settings.validate();
  require_shape("codes", codes.rows(), codes.cols(), gram.atoms(), samples);
  const auto most = static_cast<double>(std::min(settings.max_atoms, gram.atoms()));
  const double flops =
      static_cast<double>(samples) * static_cast<double>(gram.atoms()) * most * most;
  const Execution fitting = execution.for_work(flops);
  std::vector<std::unique_ptr<Pursuit<T>>> workers(
      static_cast<std::size_t>(std::max(1, fitting.num_threads)));
  parallel_for_blocks(fitting, samples, kBlock, [&](Index begin, Index count, int worker) {
    auto& pursuit = workers[static_cast<std::size_t>(worker)];
    if (!pursuit) pursuit = std::make_unique<Pursuit<T>>(gram, settings);
    Vector<double> norms;
    correlate(begin, count, pursuit->correlations(), norms);
    for (Index i = 0; i < count; ++i) {
      execution.check();
      pursuit->code(execution,
                    {pursuit->correlations().col(i).head(gram.atoms()), norms[i],
                     signals ? signals->col(begin + i).data() : nullptr, dictionary},
                    codes.col(begin + i).data(), reports[begin + i]);
    }
  });
}

/// Pursuits of signals; correlate(begin, count, out) writes the correlations of some of them.
template <typename T, typename Correlate>
void pursue_signals(const Execution& execution, const ConstMatrixRef<T>& signals,
                    const PanelDictionary<T>& panels, const PanelGram<T>& gram,
                    const PursuitSettings& settings, MatrixRef<T> codes, CodingReport* reports,
                    const Correlate& correlate) {
  pursue_blocks<T>(execution, signals.cols(), gram, settings, codes, reports, &signals, &panels,
                   [&](Index begin, Index count, Matrix<T>& out, Vector<double>& norms) {
                     out.resize(gram.padded_atoms(), count);
                     norms = squared_norms<T>(signals.middleCols(begin, count));
                     require_range<T>(gram.largest_diagonal(), norms);
                     correlate(begin, count, out);
                   });
}

/// About how many columns of the Gram matrix a call meets, in prices of one of the whole matrix:
/// one by one they wait for memory.
double columns_met(const PursuitSettings& settings, Index signals, Index atoms) {
  constexpr double kPrice = 4.0;
  const auto all = static_cast<double>(atoms);
  return std::min(kPrice * static_cast<double>(signals) *
                      static_cast<double>(std::min(settings.max_atoms, atoms)),
                  all);
}

}  // namespace

void PursuitSettings::validate() const {
  require(max_atoms >= 1, "max_atoms must be at least 1");
  require(std::isfinite(tolerance) && tolerance >= 0, "tolerance must be finite and not negative");
}

template <typename T>
void pursue(const Execution& execution, const ConstMatrixRef<T>& signals,
            const ConstMatrixRef<T>& dictionary, const PursuitSettings& settings,
            MatrixRef<T> codes, CodingReport* reports) {
  require_shape("signals", signals.rows(), signals.cols(), dictionary.rows(), signals.cols());
  require_not_empty("dictionary", dictionary.rows(), dictionary.cols());
  const Index atoms = dictionary.cols();
  if (!are_few(columns_met(settings, signals.cols(), atoms), atoms))
    return pursue<T>(execution, signals, PreparedDictionary<T>(execution, dictionary), settings,
                     codes, reports);
  const PanelDictionary<T> panels(execution, dictionary, Panels::transient);
  Matrix<T> correlations(panels.num_panels() * panels.kRows, signals.cols());
  Vector<T> norms(atoms);
  panels.correlate(execution, signals, correlations, norms);
  const auto gram = PanelGram<T>::by_columns(panels, std::move(norms));
  pursue_signals<T>(execution, signals, panels, gram, settings, codes, reports,
                    [&](Index begin, Index count, MatrixRef<T> out) {
                      out = correlations.middleCols(begin, count);
                    });
}

template <typename T>
void pursue(const Execution& execution, const ConstMatrixRef<T>& signals,
            const PreparedDictionary<T>& prepared, const PursuitSettings& settings,
            MatrixRef<T> codes, CodingReport* reports) {
  const PanelDictionary<T>& panels = prepared.panels();
  require_shape("signals", signals.rows(), signals.cols(), panels.features(), signals.cols());
  const auto gram = prepared.gram(execution, columns_met(settings, signals.cols(), panels.atoms()));
  pursue_signals<T>(execution, signals, panels, *gram, settings, codes, reports,
                    [&](Index begin, Index count, MatrixRef<T> out) {
                      panels.correlate(signals.middleCols(begin, count), out);
                    });
}

template <typename T>
void pursue_gram(const Execution& execution, const ConstMatrixRef<T>& gram_matrix,
                 const ConstMatrixRef<T>& correlations, const ConstVectorRef<double>& squared_norms,
                 const PursuitSettings& settings, MatrixRef<T> codes, CodingReport* reports) {
  const PanelGram<T> gram = PanelGram<T>::from_gram(execution, gram_matrix);
  require_shape("correlations", correlations.rows(), correlations.cols(), gram.atoms(),
                correlations.cols());
  require(squared_norms.size() == correlations.cols(),
          "squared_norms must have one entry per signal");
  pursue_blocks<T>(execution, correlations.cols(), gram, settings, codes, reports, nullptr, nullptr,
                   [&](Index begin, Index count, Matrix<T>& out, Vector<double>& norms) {
                     out = correlations.middleCols(begin, count);
                     norms = squared_norms.segment(begin, count);
                   });
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                             \
  template void pursue(const Execution&, const ConstMatrixRef<T>&, const ConstMatrixRef<T>&,      \
                       const PursuitSettings&, MatrixRef<T>, CodingReport*);                      \
  template void pursue(const Execution&, const ConstMatrixRef<T>&, const PreparedDictionary<T>&,  \
                       const PursuitSettings&, MatrixRef<T>, CodingReport*);                      \
  template void pursue_gram(const Execution&, const ConstMatrixRef<T>&, const ConstMatrixRef<T>&, \
                            const ConstVectorRef<double>&, const PursuitSettings&, MatrixRef<T>,  \
                            CodingReport*);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
