#include "sparsetransfer/sparse_coding/encode.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/sparse_coding/active_set_block.hpp"
#include "sparsetransfer/sparse_coding/coordinate_descent.hpp"
#include "sparsetransfer/sparse_coding/fista.hpp"
#include "sparsetransfer/sparse_coding/homotopy.hpp"
#include "sparsetransfer/sparse_coding/proximal.hpp"
#include "sparsetransfer/sparse_coding/rounding.hpp"

namespace sparsetransfer {
namespace {

/// Signals per block: enough to share each panel of the Gram matrix, few enough to end on all
/// threads at about the same time, to keep what they have at each atom and their usual factors in
/// the cache of a core, and to keep their largest factors within 256 MB, of which only as much is
/// touched as they have grown.
Index block_width(Index samples, Index atoms, Index capacity) {
  const Index by_samples = samples < 256 ? 8 : atoms <= 512 ? 32 : 24;
  const Index by_memory = std::max<Index>(4, (Index(1) << 26) / (capacity * capacity));
  return std::min({by_samples, by_memory, std::max<Index>(samples, 1)});
}

template <typename T>
std::unique_ptr<BlockCoder<T>> make_coder(const CodingShape& shape, const CodingSettings& settings,
                                          const ConstVectorRef<double>& weights) {
  switch (settings.algorithm) {
    case Algorithm::coordinate_descent:
      return std::make_unique<SignalCoder<T, CoordinateDescent>>(shape, settings, weights);
    case Algorithm::homotopy:
      // float32 signals are converted before they come here.
      if constexpr (std::is_same_v<T, double>)
        return std::make_unique<SignalCoder<T, HomotopySolver>>(shape, settings, weights);
      break;
    case Algorithm::fista:
      return std::make_unique<FistaBlock<T>>(shape, settings, weights);
    case Algorithm::active_set:
      break;
  }
  return std::make_unique<ActiveSetBlock<T>>(shape, settings, weights);
}

/// Runs solve(coder, begin, count) over all blocks; one coder per worker, made when first needed.
template <typename T, typename Solve>
void for_each_block(const Execution& execution, Index samples, const CodingShape& shape,
                    const CodingSettings& settings, const CodingExtras& extras,
                    const Solve& solve) {
  const double flops = static_cast<double>(samples) * static_cast<double>(shape.atoms) *
                       static_cast<double>(shape.features + shape.capacity);
  const Execution fitting = execution.for_work(flops);
  std::vector<std::unique_ptr<BlockCoder<T>>> coders(
      static_cast<std::size_t>(std::max(1, fitting.num_threads)));
  parallel_for_blocks(fitting, samples, shape.width, [&](Index begin, Index count, int worker) {
    auto& coder = coders[static_cast<std::size_t>(worker)];
    if (!coder) coder = make_coder<T>(shape, settings, extras.weights);
    solve(*coder, begin, count);
  });
}

template <typename T>
void check(const CodingSettings& settings, const CodingExtras& extras, Index atoms, Index samples,
           const CodeOutput<T>& codes) {
  settings.validate();
  require_shape("codes", codes.atoms(), codes.samples(), atoms, samples);
  require(extras.ridge.size() == 0 || extras.ridge.size() == samples,
          "ridge must have one entry per signal");
  require(extras.squared_norms.size() == 0 || extras.squared_norms.size() == samples,
          "squared_norms must have one entry per signal");
  require(extras.weights.size() == 0 || extras.weights.size() == atoms,
          "weights must have one entry per atom");
  require_penalties(extras.ridge, extras.weights);
  require(settings.algorithm != Algorithm::homotopy ||
              (settings.alpha > 0 && (extras.weights.array() > 0).all()),
          "alpha and weights must be positive with algorithm homotopy");
}

/// Whether float32 signals are coded in double precision from the start.
template <typename T>
bool only_in_double(const CodingSettings& settings) {
  return std::is_same_v<T, float> && settings.algorithm == Algorithm::homotopy;
}

constexpr double kUsualColumns = 24.0;

/// About how many columns of the Gram matrix a call meets, of which a signal meets so many. The
/// active set meets those of the atoms in use; all others need the whole matrix.
double columns_met(const CodingSettings& settings, Index signals, Index atoms,
                   double per_signal = kUsualColumns) {
  const auto all = static_cast<double>(atoms);
  if (settings.algorithm != Algorithm::active_set) return all;
  return distinct_columns(std::min(per_signal, all), signals, atoms);
}

/// Marks codes that are yet to be computed: any certificate is better.
void mark_missing(Index samples, CodingReport* reports) {
  for (Index i = 0; i < samples; ++i) reports[i].kkt = std::numeric_limits<double>::infinity();
}

/// Signals that the float32 coder could not certify, as happens when the support spans the whole
/// space: there the rounding of the Gram matrix decides which atoms violate.
std::vector<Index> uncertified(Index samples, const CodingSettings& settings,
                               const CodingReport* reports) {
  std::vector<Index> out;
  for (Index i = 0; i < samples; ++i)
    if (only_in_double<float>(settings) || reports[i].status != Status::converged) out.push_back(i);
  return out;
}

/// The float32 coder gives up early; these few signals are coded again in double precision.
constexpr Index kMostFloatIterations = 200;

template <typename T>
CodingSettings first_attempt(CodingSettings settings) {
  if (std::is_same_v<T, float>)
    settings.max_iterations = std::min(settings.max_iterations, kMostFloatIterations);
  return settings;
}

/// Leaves room for the rounding of the codes to float32.
constexpr double kShareOfDouble = 0.1;

Vector<double> select(const ConstVectorRef<double>& values, const std::vector<Index>& indices) {
  return values.size() > 0 ? Vector<double>(values(indices)) : Vector<double>();
}

/// Codes the signals `again` in double precision, rounds the codes and writes them and their
/// certificates back where they are better than what is there; `code` solves the converted problem
/// given settings, extras, codes and reports, and correlate(i) gives the correlations of signal i.
template <typename Code, typename Correlate>
void code_again(const CodingBlock<float>& block, const CodingShape& shape,
                const CodingSettings& settings, const CodingExtras& extras,
                const std::vector<Index>& again, CodeOutput<float> codes, CodingReport* reports,
                const Code& code, const Correlate& correlate) {
  if (again.empty()) return;
  const Index count = static_cast<Index>(again.size());
  const Vector<double> ridge = select(extras.ridge, again);
  const Vector<double> norms = select(extras.squared_norms, again);
  SparseCodes<double> wide(shape.atoms, count);
  CodeScratch<double> scratch;
  for (Index i = 0; settings.warm_start && i < count; ++i)
    wide.keep(i, codes.code(again[static_cast<std::size_t>(i)]).cast<double>(), scratch);
  std::vector<CodingReport> fresh(again.size());
  CodingSettings stricter = settings;
  stricter.tolerance *= kShareOfDouble;
  code(stricter, CodingExtras{ridge, extras.weights, norms}, CodeOutput<double>(wide),
       fresh.data());
  std::vector<std::unique_ptr<CodeRounder>> rounders(
      static_cast<std::size_t>(std::max(1, block.execution.num_threads)));
  parallel_for_blocks(block.execution, count, 1, [&](Index i, Index, int worker) {
    auto& rounder = rounders[static_cast<std::size_t>(worker)];
    if (!rounder) rounder = std::make_unique<CodeRounder>(shape, settings, extras.weights);
    const Index index = again[static_cast<std::size_t>(i)];
    const CodingReport& found = fresh[static_cast<std::size_t>(i)];
    CodingReport& report = reports[index];
    const Vector<float> correlations = correlate(index);
    const Status otherwise =
        found.status == Status::stopped ? Status::stopped : Status::max_iterations;
    CodingReport rounded = rounder->round(block, index, correlations.data(),
                                          CodeOutput<double>(wide).code(i), otherwise);
    rounded.iterations = report.iterations + found.iterations;
    // The second attempt, which starts anew, may be behind the first: out of time, or because the
    // first was rounded more luckily.
    if (rounded.kkt < report.kkt) {
      codes.replace(index, rounder->code());
      report = rounded;
    } else {
      report.status = rounded.status;
      report.iterations = rounded.iterations;
    }
  });
}

const double* entry_or_null(const ConstVectorRef<double>& values, Index begin) {
  return values.size() > 0 ? values.data() + begin : nullptr;
}

/// Codes in Gram form, without a second attempt at what does not converge.
template <typename T>
void code_blocks(const Execution& execution, const PanelGram<T>& gram,
                 const ConstMatrixRef<T>& correlations, const CodingSettings& settings,
                 const CodingExtras& extras, CodeOutput<T> codes, CodingReport* reports) {
  if (only_in_double<T>(settings)) return mark_missing(correlations.cols(), reports);
  const Index atoms = gram.atoms();
  const CodingShape shape{0, atoms, atoms, block_width(correlations.cols(), atoms, atoms)};
  for_each_block<T>(
      execution, correlations.cols(), shape, settings, extras,
      [&](BlockCoder<T>& coder, Index begin, Index count) {
        const ConstMatrixRef<T> columns = correlations.middleCols(begin, count);
        coder.correlations().topLeftCorner(atoms, count) = columns;
        codes.write(begin, count, settings.warm_start, coder.scratch(), [&](MatrixRef<T> out) {
          coder.solve(
              {execution, gram, nullptr, nullptr, &columns, entry_or_null(extras.ridge, begin),
               entry_or_null(extras.squared_norms, begin)},
              count, out, reports + begin);
        });
      });
}

/// Signals whose active set or path gave up before its rounds were over.
std::vector<Index> stalled(Index samples, const CodingSettings& settings,
                           const CodingReport* reports) {
  std::vector<Index> out;
  const bool finite =
      settings.algorithm == Algorithm::active_set || settings.algorithm == Algorithm::homotopy;
  for (Index i = 0; finite && i < samples; ++i)
    if (reports[i].status == Status::max_iterations &&
        reports[i].iterations < settings.max_iterations)
      out.push_back(i);
  return out;
}

/// Codes stalled signals by the proximal point iteration; correlate(indices) gives correlations.
template <typename Correlate>
void code_stalled(const Execution& execution, const PanelGram<double>& gram,
                  const Correlate& correlate, const CodingSettings& settings,
                  const CodingExtras& extras, CodeOutput<double> codes, CodingReport* reports) {
  const std::vector<Index> again = stalled(codes.samples(), settings, reports);
  if (again.empty()) return;
  CodingSettings inner = settings;
  inner.warm_start = true;
  inner.algorithm = Algorithm::active_set;
  inner.tolerance *= 0.25;
  const Vector<double> ridge = select(extras.ridge, again);
  const Vector<double> norms = select(extras.squared_norms, again);
  const Matrix<double> correlations = correlate(again);
  Matrix<double> current(codes.atoms(), static_cast<Index>(again.size()));
  std::vector<CodingReport> fresh(again.size());
  for (std::size_t i = 0; i < again.size(); ++i) {
    current.col(static_cast<Index>(i)) = codes.code(again[i]);
    fresh[i] = reports[again[i]];
  }
  proximal_point(
      execution, gram, correlations, settings, {ridge, extras.weights, norms},
      [&](const Vector<double>& damped, const Matrix<double>& shifted, Matrix<double>& improved,
          CodingReport* inner_reports) {
        code_blocks<double>(execution, gram, shifted, inner, {damped, extras.weights}, improved,
                            inner_reports);
      },
      current, fresh.data());
  for (std::size_t i = 0; i < again.size(); ++i) {
    codes.replace(again[i], current.col(static_cast<Index>(i)));
    reports[again[i]] = fresh[i];
  }
}

/// Codes signals; correlate(begin, count, out) writes the correlations of some of them. What does
/// not converge is coded again, more carefully.
template <typename T, typename Correlate>
void encode_signals(const Execution& execution, const ConstMatrixRef<T>& signals,
                    const PanelDictionary<T>& panels, const PanelGram<T>& gram, Index total,
                    const CodingSettings& settings, const CodingExtras& extras, CodeOutput<T> codes,
                    CodingReport* reports, const Correlate& correlate) {
  const ConstMatrixRef<T>& dictionary = panels.columns();
  const Index atoms = dictionary.cols();
  const bool ridged = extras.ridge.size() > 0;
  const Index capacity = ridged ? atoms : std::min(atoms, dictionary.rows());
  const CodingShape shape{dictionary.rows(), atoms, capacity, block_width(total, atoms, capacity)};
  const Index first = only_in_double<T>(settings) ? 0 : signals.cols();
  require_range<T>(gram.largest_diagonal(),
                   squared_norms<T>(signals.rightCols(signals.cols() - first)));
  mark_missing(signals.cols() - first, reports);
  for_each_block<T>(execution, first, shape, first_attempt<T>(settings), extras,
                    [&](BlockCoder<T>& coder, Index begin, Index count) {
                      const ConstMatrixRef<T> columns = signals.middleCols(begin, count);
                      const Vector<double> norms = squared_norms<T>(columns);
                      require_range<T>(gram.largest_diagonal(), norms);
                      correlate(begin, count, coder.correlations().leftCols(count));
                      codes.write(begin, count, settings.warm_start, coder.scratch(),
                                  [&](MatrixRef<T> out) {
                                    coder.solve({execution, gram, &columns, &panels, nullptr,
                                                 entry_or_null(extras.ridge, begin), norms.data()},
                                                count, out, reports + begin);
                                  });
                    });
  if constexpr (std::is_same_v<T, float>) {
    const std::vector<Index> again = uncertified(signals.cols(), settings, reports);
    code_again(
        {execution, gram, &signals, &panels, nullptr, entry_or_null(extras.ridge, 0)}, shape,
        settings, extras, again, codes, reports,
        [&](const CodingSettings& stricter, const CodingExtras& wide, auto start,
            CodingReport* fresh) {
          const Matrix<double> wide_signals = signals(Eigen::all, again).template cast<double>();
          encode<double>(execution, wide_signals, dictionary.template cast<double>().eval(),
                         stricter, wide, start, fresh);
        },
        [&](Index i) -> Vector<float> { return dictionary.transpose() * signals.col(i); });
  } else if (!stalled(signals.cols(), settings, reports).empty()) {
    const Vector<double> norms = squared_norms<double>(signals);
    code_stalled(
        execution, gram,
        [&](const std::vector<Index>& again) -> Matrix<double> {
          return dictionary.transpose() * Matrix<double>(signals(Eigen::all, again));
        },
        settings, {extras.ridge, extras.weights, norms}, codes, reports);
  }
}

}  // namespace

template <typename T>
void encode(const Execution& execution, const ConstMatrixRef<T>& signals,
            const ConstMatrixRef<T>& dictionary, const CodingSettings& settings,
            const CodingExtras& extras, CodeOutput<T> codes, CodingReport* reports) {
  require_shape("signals", signals.rows(), signals.cols(), dictionary.rows(), signals.cols());
  check(settings, extras, dictionary.cols(), signals.cols(), codes);
  if (signals.cols() == 0) return;
  require_not_empty("dictionary", dictionary.rows(), dictionary.cols());
  const Index atoms = dictionary.cols();
  if (!are_few(columns_met(settings, signals.cols(), atoms, 2.0), atoms))
    return encode<T>(execution, signals, PreparedDictionary<T>(execution, dictionary),
                     signals.cols(), settings, extras, codes, reports);
  Matrix<T> correlations(round_up(atoms, PanelDictionary<T>::kRows), signals.cols());
  const PanelDictionary<T> panels(execution, dictionary, panels_of_few(dictionary), signals,
                                  correlations);
  // Most atoms above their penalty are used, unless they have so much in common that all are above.
  const double above = mean_above<T>(
      correlations, penalties<T>(settings, extras.weights, atoms, correlations.rows()));
  const double each = above > static_cast<double>(dictionary.rows()) ? kUsualColumns : 0.75 * above;
  const double met = columns_met(settings, signals.cols(), atoms, each);
  const auto gram = are_few(met, atoms) ? PanelGram<T>::by_columns(panels)
                                        : PanelGram<T>::from_dictionary(execution, panels);
  encode_signals<T>(execution, signals, panels, gram, signals.cols(), settings, extras, codes,
                    reports, [&](Index begin, Index count, MatrixRef<T> out) {
                      out = correlations.middleCols(begin, count);
                    });
}

template <typename T>
void encode(const Execution& execution, const ConstMatrixRef<T>& signals,
            const PreparedDictionary<T>& prepared, Index total, const CodingSettings& settings,
            const CodingExtras& extras, CodeOutput<T> codes, CodingReport* reports) {
  const PanelDictionary<T>& panels = prepared.panels();
  require_shape("signals", signals.rows(), signals.cols(), panels.features(), signals.cols());
  check(settings, extras, panels.atoms(), signals.cols(), codes);
  if (signals.cols() == 0) return;
  const auto gram = prepared.gram(execution, columns_met(settings, signals.cols(), panels.atoms()));
  encode_signals<T>(execution, signals, panels, *gram, total, settings, extras, codes, reports,
                    [&](Index begin, Index count, MatrixRef<T> out) {
                      panels.correlate(signals.middleCols(begin, count), out);
                    });
}

template <typename T>
void encode_gram(const Execution& execution, const ConstMatrixRef<T>& gram_matrix,
                 const ConstMatrixRef<T>& correlations, const CodingSettings& settings,
                 const CodingExtras& extras, CodeOutput<T> codes, CodingReport* reports) {
  const Index atoms = gram_matrix.cols();
  require_shape("gram", gram_matrix.rows(), gram_matrix.cols(), atoms, atoms);
  require_shape("correlations", correlations.rows(), correlations.cols(), atoms,
                correlations.cols());
  check(settings, extras, atoms, correlations.cols(), codes);
  if (correlations.cols() == 0) return;
  const PanelGram<T> gram = PanelGram<T>::from_gram(execution, gram_matrix);
  code_blocks<T>(execution, gram, correlations, first_attempt<T>(settings), extras, codes, reports);
  if constexpr (std::is_same_v<T, float>) {
    const std::vector<Index> again = uncertified(correlations.cols(), settings, reports);
    code_again(
        {execution, gram, nullptr, nullptr, &correlations, entry_or_null(extras.ridge, 0),
         entry_or_null(extras.squared_norms, 0)},
        {0, atoms, atoms, 1}, settings, extras, again, codes, reports,
        [&](const CodingSettings& stricter, const CodingExtras& wide, auto start,
            CodingReport* fresh) {
          const Matrix<double> wide_correlations =
              correlations(Eigen::all, again).template cast<double>();
          encode_gram<double>(execution, gram_matrix.template cast<double>().eval(),
                              wide_correlations, stricter, wide, start, fresh);
        },
        [&](Index i) -> Vector<float> { return correlations.col(i); });
  } else {
    code_stalled(
        execution, gram,
        [&](const std::vector<Index>& again) -> Matrix<double> {
          return correlations(Eigen::all, again);
        },
        settings, extras, codes, reports);
  }
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                             \
  template void encode(const Execution&, const ConstMatrixRef<T>&, const ConstMatrixRef<T>&,      \
                       const CodingSettings&, const CodingExtras&, CodeOutput<T>, CodingReport*); \
  template void encode(const Execution&, const ConstMatrixRef<T>&, const PreparedDictionary<T>&,  \
                       Index, const CodingSettings&, const CodingExtras&, CodeOutput<T>,          \
                       CodingReport*);                                                            \
  template void encode_gram(const Execution&, const ConstMatrixRef<T>&, const ConstMatrixRef<T>&, \
                            const CodingSettings&, const CodingExtras&, CodeOutput<T>,            \
                            CodingReport*);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
