#include "sparsetransfer/sparse_coding/encode.hpp"

#include <algorithm>
#include <memory>
#include <type_traits>
#include <vector>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/sparse_coding/active_set_block.hpp"

namespace sparsetransfer {
namespace {

/// Signals per block: enough to share each panel of the Gram matrix, few enough to occupy several
/// threads and to keep the factors of all signals of a block within 64 MB.
Index block_width(Index samples, Index capacity) {
  const Index by_samples = samples >= 1024 ? 128 : samples >= 256 ? 32 : 8;
  const Index by_memory = std::max<Index>(4, (Index(1) << 24) / (capacity * capacity));
  return std::min({by_samples, by_memory, std::max<Index>(samples, 1)});
}

/// Runs solve(coder, begin, count) over all blocks; one coder per worker, made when first needed.
template <typename T, typename Solve>
void for_each_block(const Execution& execution, Index samples, const CodingShape& shape,
                    const CodingSettings& settings, const CodingExtras<T>& extras,
                    const Solve& solve) {
  const double flops = static_cast<double>(samples) * static_cast<double>(shape.atoms) *
                       static_cast<double>(shape.features + shape.capacity);
  const Execution fitting = execution.for_work(flops);
  std::vector<std::unique_ptr<ActiveSetBlock<T>>> coders(
      static_cast<std::size_t>(std::max(1, fitting.num_threads)));
  parallel_for_blocks(fitting, samples, shape.width, [&](Index begin, Index count, int worker) {
    auto& coder = coders[static_cast<std::size_t>(worker)];
    if (!coder) coder = std::make_unique<ActiveSetBlock<T>>(shape, settings, extras.weights);
    solve(*coder, begin, count);
  });
}

template <typename T>
void check(const CodingSettings& settings, const CodingExtras<T>& extras, Index atoms,
           Index samples, const MatrixRef<T>& codes) {
  settings.validate();
  require_shape("codes", codes.rows(), codes.cols(), atoms, samples);
  require(extras.ridge.size() == 0 || extras.ridge.size() == samples,
          "ridge must have one entry per signal");
  require(extras.squared_norms.size() == 0 || extras.squared_norms.size() == samples,
          "squared_norms must have one entry per signal");
  require(extras.weights.size() == 0 || extras.weights.size() == atoms,
          "weights must have one entry per atom");
}

/// Whether the float32 coder met a signal it could not certify, as happens when the support spans
/// the whole space: there the rounding of the Gram matrix decides which atoms violate.
std::vector<Index> uncertified(Index samples, const CodingReport* reports) {
  std::vector<Index> out;
  for (Index i = 0; i < samples; ++i)
    if (reports[i].status != Status::converged) out.push_back(i);
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

/// Codes the signals `again` in double precision and writes them and their reports back; `code`
/// solves the converted problem given extras, codes and reports. Rounding the codes moves their
/// gradients by at most the given `scale` (the largest squared norm of an atom) times the change.
template <typename Code>
void code_again(const std::vector<Index>& again, const CodingExtras<float>& extras, double scale,
                MatrixRef<float> codes, CodingReport* reports, const Code& code) {
  if (again.empty()) return;
  const auto select = [&](const ConstVectorRef<float>& values) {
    Vector<double> out(values.size() > 0 ? static_cast<Index>(again.size()) : 0);
    for (Index i = 0; i < out.size(); ++i) out[i] = values[again[static_cast<std::size_t>(i)]];
    return out;
  };
  const Vector<double> ridge = select(extras.ridge);
  const Vector<double> norms = select(extras.squared_norms);
  Matrix<double> start = codes(Eigen::all, again).cast<double>();
  std::vector<CodingReport> fresh(again.size());
  code(CodingExtras<double>{ridge, extras.weights, norms}, MatrixRef<double>(start), fresh.data());
  for (std::size_t i = 0; i < again.size(); ++i) {
    codes.col(again[i]) = start.col(static_cast<Index>(i)).cast<float>();
    fresh[i].kkt +=
        scale *
        (codes.col(again[i]).cast<double>() - start.col(static_cast<Index>(i))).cwiseAbs().sum();
    fresh[i].iterations += reports[again[i]].iterations;
    reports[again[i]] = fresh[i];
  }
}

template <typename T>
const T* column_or_null(const ConstVectorRef<T>& values, Index begin) {
  return values.size() > 0 ? values.data() + begin : nullptr;
}

}  // namespace

template <typename T>
void encode(const Execution& execution, const ConstMatrixRef<T>& signals,
            const ConstMatrixRef<T>& dictionary, const CodingSettings& settings,
            const CodingExtras<T>& extras, MatrixRef<T> codes, CodingReport* reports) {
  require_shape("signals", signals.rows(), signals.cols(), dictionary.rows(), signals.cols());
  check(settings, extras, dictionary.cols(), signals.cols(), codes);
  if (signals.cols() == 0) return;
  const PanelGram<T> gram = PanelGram<T>::from_dictionary(execution, dictionary);
  const Index atoms = dictionary.cols();
  const bool ridged = extras.ridge.size() > 0;
  const Index capacity = ridged ? atoms : std::min(atoms, dictionary.rows());
  const CodingShape shape{dictionary.rows(), atoms, capacity,
                          block_width(signals.cols(), capacity)};
  for_each_block(execution, signals.cols(), shape, first_attempt<T>(settings), extras,
                 [&](ActiveSetBlock<T>& coder, Index begin, Index count) {
                   const ConstMatrixRef<T> block_signals = signals.middleCols(begin, count);
                   coder.correlations().topLeftCorner(atoms, count).noalias() =
                       dictionary.transpose() * block_signals;
                   const Vector<T> norms = block_signals.colwise().squaredNorm();
                   coder.solve({execution, gram, &block_signals, &dictionary,
                                column_or_null(extras.ridge, begin), norms.data()},
                               count, codes.middleCols(begin, count), reports + begin);
                 });
  if constexpr (std::is_same_v<T, float>) {
    const std::vector<Index> again = uncertified(signals.cols(), reports);
    const double scale = dictionary.colwise().squaredNorm().maxCoeff();
    code_again(again, extras, scale, codes, reports,
               [&](const CodingExtras<double>& wide, auto start, CodingReport* fresh) {
                 const Matrix<double> wide_signals =
                     signals(Eigen::all, again).template cast<double>();
                 encode<double>(execution, wide_signals, dictionary.template cast<double>().eval(),
                                settings, wide, start, fresh);
               });
  }
}

template <typename T>
void encode_gram(const Execution& execution, const ConstMatrixRef<T>& gram_matrix,
                 const ConstMatrixRef<T>& correlations, const CodingSettings& settings,
                 const CodingExtras<T>& extras, MatrixRef<T> codes, CodingReport* reports) {
  const Index atoms = gram_matrix.cols();
  require_shape("gram", gram_matrix.rows(), gram_matrix.cols(), atoms, atoms);
  require_shape("correlations", correlations.rows(), correlations.cols(), atoms,
                correlations.cols());
  check(settings, extras, atoms, correlations.cols(), codes);
  if (correlations.cols() == 0) return;
  const PanelGram<T> gram = PanelGram<T>::from_gram(execution, gram_matrix);
  const CodingShape shape{0, atoms, atoms, block_width(correlations.cols(), atoms)};
  for_each_block(
      execution, correlations.cols(), shape, first_attempt<T>(settings), extras,
      [&](ActiveSetBlock<T>& coder, Index begin, Index count) {
        coder.correlations().topLeftCorner(atoms, count) = correlations.middleCols(begin, count);
        coder.solve({execution, gram, nullptr, nullptr, column_or_null(extras.ridge, begin),
                     column_or_null(extras.squared_norms, begin)},
                    count, codes.middleCols(begin, count), reports + begin);
      });
  if constexpr (std::is_same_v<T, float>) {
    const std::vector<Index> again = uncertified(correlations.cols(), reports);
    const double scale = gram_matrix.diagonal().maxCoeff();
    code_again(again, extras, scale, codes, reports,
               [&](const CodingExtras<double>& wide, auto start, CodingReport* fresh) {
                 const Matrix<double> wide_correlations =
                     correlations(Eigen::all, again).template cast<double>();
                 encode_gram<double>(execution, gram_matrix.template cast<double>().eval(),
                                     wide_correlations, settings, wide, start, fresh);
               });
  }
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                             \
  template void encode(const Execution&, const ConstMatrixRef<T>&, const ConstMatrixRef<T>&,      \
                       const CodingSettings&, const CodingExtras<T>&, MatrixRef<T>,               \
                       CodingReport*);                                                            \
  template void encode_gram(const Execution&, const ConstMatrixRef<T>&, const ConstMatrixRef<T>&, \
                            const CodingSettings&, const CodingExtras<T>&, MatrixRef<T>,          \
                            CodingReport*);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
