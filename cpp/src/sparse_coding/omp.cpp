#include "sparsetransfer/sparse_coding/omp.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "pursuit.hpp"
#include "sparsetransfer/checks.hpp"

namespace sparsetransfer {
namespace {

constexpr Index kBlock = 64;  // signals per product with the dictionary
constexpr Index kFew = 3;     // signals: more occupy a product

/// Pursues signals in lockstep: one product with the dictionary makes the columns known of the
/// atoms that all of them take next, and, of few signals, of those that they may take after these.
template <typename T>
void pursue_together(const Execution& execution, const PanelGram<T>& gram,
                     std::vector<Pursuit<T>>& pursuits, Index count) {
  std::vector<Pursuit<T>*> running;
  for (Index i = 0; i < count; ++i) running.push_back(&pursuits[static_cast<std::size_t>(i)]);
  std::vector<int> next, wanted;
  for (;;) {
    execution.check();
    next.clear();
    for (Pursuit<T>* pursuit : running)
      if (const Index atom = pursuit->next(execution); atom >= 0) {
        running[next.size()] = pursuit;
        next.push_back(static_cast<int>(atom));
      }
    running.resize(next.size());
    if (running.empty()) return;
    wanted = next;
    for (std::size_t i = 0; running.size() <= kFew && i < running.size(); ++i)
      if (!gram.knows(next[i])) running[i]->foresee(next[i], wanted);
    gram.require(wanted.data(), static_cast<Index>(wanted.size()));
    for (std::size_t i = 0; i < running.size(); ++i) running[i]->take(next[i]);
  }
}

template <typename T, typename Correlate>
void pursue_blocks(const Execution& execution, Index samples, const PanelGram<T>& gram,
                   const PursuitSettings& settings, CodeOutput<T> codes, CodingReport* reports,
                   const ConstMatrixRef<T>* signals, const PanelDictionary<T>* dictionary,
                   const Correlate& correlate) {
  settings.validate();
  require_shape("codes", codes.atoms(), codes.samples(), gram.atoms(), samples);
  const auto most = static_cast<double>(std::min(settings.max_atoms, gram.atoms()));
  const double flops =
      static_cast<double>(samples) * static_cast<double>(gram.atoms()) * most * most;
  const Execution fitting = execution.for_work(flops);
  struct Worker {
    Matrix<T> correlations;
    Vector<double> norms;
    std::vector<Pursuit<T>> pursuits;
    CodeScratch<T> scratch;
  };
  std::vector<Worker> workers(static_cast<std::size_t>(std::max(1, fitting.num_threads)));
  const Index together = gram.complete() ? 1 : std::min(kBlock, samples);
  parallel_for_blocks(fitting, samples, kBlock, [&](Index begin, Index count, int number) {
    Worker& worker = workers[static_cast<std::size_t>(number)];
    std::vector<Pursuit<T>>& pursuits = worker.pursuits;
    pursuits.reserve(static_cast<std::size_t>(together));
    while (static_cast<Index>(pursuits.size()) < together) pursuits.emplace_back(gram, settings);
    correlate(begin, count, worker.correlations, worker.norms);
    codes.write(begin, count, false, worker.scratch, [&](MatrixRef<T> out) {
      for (Index i = 0; i < count; ++i) {
        Pursuit<T>& pursuit = pursuits[static_cast<std::size_t>(gram.complete() ? 0 : i)];
        pursuit.start({worker.correlations.col(i).head(gram.atoms()), worker.norms[i],
                       signals ? signals->col(begin + i).data() : nullptr, dictionary},
                      out.col(i).data(), reports + begin + i);
        if (!gram.complete()) continue;
        execution.check();
        for (Index atom; (atom = pursuit.next(execution)) >= 0;) pursuit.take(atom);
      }
      if (!gram.complete()) pursue_together(execution, gram, pursuits, count);
    });
  });
}

/// Pursuits of signals; correlate(begin, count, out) writes the correlations of some of them.
template <typename T, typename Correlate>
void pursue_signals(const Execution& execution, const ConstMatrixRef<T>& signals,
                    const PanelDictionary<T>& panels, const PanelGram<T>& gram,
                    const PursuitSettings& settings, CodeOutput<T> codes, CodingReport* reports,
                    const Correlate& correlate) {
  pursue_blocks<T>(execution, signals.cols(), gram, settings, codes, reports, &signals, &panels,
                   [&](Index begin, Index count, Matrix<T>& out, Vector<double>& norms) {
                     out.resize(gram.padded_atoms(), count);
                     norms = squared_norms<T>(signals.middleCols(begin, count));
                     require_range<T>(gram.largest_diagonal(), norms);
                     correlate(begin, count, out);
                   });
}

/// About how many columns of the Gram matrix a call meets, in prices of one of the whole matrix: of
/// few signals they wait for memory.
double columns_met(const PursuitSettings& settings, Index signals, Index atoms) {
  constexpr double kPriceOfFew = 4.0;
  const auto all = static_cast<double>(atoms);
  const double price = signals <= kFew ? kPriceOfFew : 1.0;
  const double per_signal = static_cast<double>(std::min(settings.max_atoms, atoms));
  return std::min(price * distinct_columns(per_signal, signals, atoms), all);
}

}  // namespace

void PursuitSettings::validate() const {
  require(max_atoms >= 1, "max_atoms must be at least 1");
  require(std::isfinite(tolerance) && tolerance >= 0, "tolerance must be finite and not negative");
}

template <typename T>
void pursue(const Execution& execution, const ConstMatrixRef<T>& signals,
            const ConstMatrixRef<T>& dictionary, const PursuitSettings& settings,
            CodeOutput<T> codes, CodingReport* reports) {
  require_shape("signals", signals.rows(), signals.cols(), dictionary.rows(), signals.cols());
  require_not_empty("dictionary", dictionary.rows(), dictionary.cols());
  const Index atoms = dictionary.cols();
  if (!are_few(columns_met(settings, signals.cols(), atoms), atoms))
    return pursue<T>(execution, signals, PreparedDictionary<T>(execution, dictionary), settings,
                     codes, reports);
  Matrix<T> correlations(round_up(atoms, PanelDictionary<T>::kRows), signals.cols());
  const PanelDictionary<T> panels(execution, dictionary, panels_of_few(dictionary), signals,
                                  correlations);
  const auto gram = PanelGram<T>::by_columns(panels);
  pursue_signals<T>(execution, signals, panels, gram, settings, codes, reports,
                    [&](Index begin, Index count, MatrixRef<T> out) {
                      out = correlations.middleCols(begin, count);
                    });
}

template <typename T>
void pursue(const Execution& execution, const ConstMatrixRef<T>& signals,
            const PreparedDictionary<T>& prepared, const PursuitSettings& settings,
            CodeOutput<T> codes, CodingReport* reports) {
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
                 const PursuitSettings& settings, CodeOutput<T> codes, CodingReport* reports) {
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
                       const PursuitSettings&, CodeOutput<T>, CodingReport*);                     \
  template void pursue(const Execution&, const ConstMatrixRef<T>&, const PreparedDictionary<T>&,  \
                       const PursuitSettings&, CodeOutput<T>, CodingReport*);                     \
  template void pursue_gram(const Execution&, const ConstMatrixRef<T>&, const ConstMatrixRef<T>&, \
                            const ConstVectorRef<double>&, const PursuitSettings&, CodeOutput<T>, \
                            CodingReport*);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
