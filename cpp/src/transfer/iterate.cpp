#include "sparsetransfer/transfer/iterate.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "sparsetransfer/numerics/max_or_nan.hpp"
#include "sparsetransfer/numerics/products.hpp"

namespace sparsetransfer::transfer {
namespace {

constexpr Index kSampleBlock = 256;
constexpr Index kAtomBlock = 8;

/// Sums over the entries of one block of samples, kept apart so that they are added in block order.
struct Partial {
  double quadratic = 0;    // <S, G S + S L>
  double correlation = 0;  // <S, A>
  double absolute = 0;     // sum p_i |s_i|_1
  double kkt = 0;          // largest violation, over p_i
  double dual_bound = 0;   // largest |gradient| (negated gradient when S >= 0), over p_i
};

/// violations[i]: distance of 0 from the subdifferential. Written without branches: it vectorises.
template <typename T>
void violations(const T* gradient, const T* codes, Index size, T alpha, bool positive, T* result) {
  for (Index i = 0; i < size; ++i) {
    const T shift = codes[i] > 0 ? alpha : (codes[i] < 0 ? -alpha : T(0));
    const T slack = codes[i] == 0 ? alpha : T(0);
    const T slope = gradient[i] + shift;
    const T excess = (positive && codes[i] == 0 ? -slope : std::abs(slope)) - slack;
    result[i] = excess < 0 ? T(0) : excess;
  }
}

/// The stacked residual scaled into the dual feasible set: for |X|_F^2 = energy the dual value of
/// scaling s is s <X, R> - s^2 |stacked residual|^2 / 2.
double best_dual(double inner, double norm, double alpha, double bound, bool positive) {
  if (std::isnan(bound)) return bound;
  if (norm <= 0) return 0;
  double scale = inner / norm;
  if (bound > 0) scale = std::clamp(scale, -alpha / bound, alpha / bound);
  if (positive) scale = std::max(scale, 0.0);
  return scale * inner - scale * scale * norm / 2;
}

}  // namespace

template <typename T>
void Iterate<T>::resize(const CodeProblem<T>& problem) {
  codes.resize(problem.samples(), problem.atoms());
  quadratic.resize(problem.samples(), problem.atoms());
  means.setZero(problem.coupling.rank(), problem.atoms());
}

template <typename T>
Matrix<T> transposed_correlations(const Execution& execution, const CodeProblem<T>& problem) {
  Matrix<T> result(problem.samples(), problem.atoms());
  parallel_for_blocks(execution.for_work(8.0 * static_cast<double>(result.size())),
                      problem.samples(), kSampleBlock, [&](Index begin, Index count, int) {
                        result.middleRows(begin, count) =
                            problem.correlations.middleCols(begin, count).transpose();
                      });
  return result;
}

template <typename T>
void update_means(const Execution& execution, const CodeProblem<T>& problem, Iterate<T>& point) {
  if (problem.coupling.rank() == 0) return;
  parallel_for_blocks(
      execution.for_work(2.0 * static_cast<double>(point.codes.size() * problem.coupling.rank())),
      problem.atoms(), kAtomBlock, [&](Index begin, Index count, int) {
        for (Index atom = begin; atom < begin + count; ++atom)
          for (Index column = 0; column < problem.coupling.rank(); ++column)
            point.means(column, atom) =
                problem.coupling.means.col(column).dot(point.codes.col(atom));
      });
}

template <typename T>
void evaluate(const Execution& execution, const CodeProblem<T>& problem,
              const Matrix<T>& correlations, Iterate<T>& point) {
  const Index samples = problem.samples();
  const Index atoms = problem.atoms();
  const Coupling<T>& coupling = problem.coupling;
  std::vector<Partial> partials(static_cast<std::size_t>(num_blocks(samples, kSampleBlock)));
  const double flops =
      2.0 * static_cast<double>(point.codes.size()) * static_cast<double>(atoms + 8);
  parallel_for_blocks(
      execution.for_work(flops), samples, kSampleBlock, [&](Index begin, Index count, int) {
        Partial& partial = partials[static_cast<std::size_t>(begin / kSampleBlock)];
        auto quadratic = point.quadratic.middleRows(begin, count);
        set_product<T>(quadratic, point.codes.middleRows(begin, count), problem.gram);
        if (!problem.labels.empty()) {
          Matrix<T> predicted(count, problem.labels.map.rows());
          set_product_nt<T>(predicted, point.codes.middleRows(begin, count), problem.labels.map);
          predicted.array().colwise() *= problem.labels.weights.segment(begin, count).array();
          add_product<T>(quadratic, T(1), predicted, problem.labels.map);
        }
        Vector<T> gradient(count);
        Vector<T> violation(count);
        for (Index atom = 0; atom < atoms; ++atom) {
          const T* code = point.codes.col(atom).data();
          if (!coupling.laplacian.empty()) {
            const SymmetricSparse<T>& laplacian = coupling.laplacian;
            for (Index i = 0; i < count; ++i) {
              T sum = 0;
              for (auto at = laplacian.indptr[begin + i]; at < laplacian.indptr[begin + i + 1];
                   ++at)
                sum += laplacian.values[at] * code[laplacian.indices[at]];
              quadratic(i, atom) += sum;
            }
          }
          const auto column = point.codes.col(atom).segment(begin, count);
          const auto correlation = correlations.col(atom).segment(begin, count);
          gradient = quadratic.col(atom) - correlation;
          for (Index q = 0; q < coupling.rank(); ++q)
            gradient += point.means(q, atom) * coupling.means.col(q).segment(begin, count);
          partial.quadratic += static_cast<double>(column.dot(quadratic.col(atom)));
          partial.correlation += static_cast<double>(column.dot(correlation));
          if (problem.penalties.size() > 0) {
            const auto penalty = problem.penalties.segment(begin, count);
            partial.absolute += static_cast<double>(column.cwiseAbs().dot(penalty));
            gradient = gradient.cwiseQuotient(penalty);
          } else {
            partial.absolute += static_cast<double>(column.template lpNorm<1>());
          }
          const double bound = static_cast<double>(
              problem.positive ? -gradient.template minCoeff<Eigen::PropagateNaN>()
                               : gradient.cwiseAbs().template maxCoeff<Eigen::PropagateNaN>());
          partial.dual_bound = max_or_nan(partial.dual_bound, bound);
          violations(gradient.data(), code + begin, count, problem.alpha, problem.positive,
                     violation.data());
          const double largest =
              static_cast<double>(violation.template maxCoeff<Eigen::PropagateNaN>());
          partial.kkt = max_or_nan(partial.kkt, largest);
        }
      });
  Partial total;
  for (const Partial& partial : partials) {
    total.quadratic += partial.quadratic;
    total.correlation += partial.correlation;
    total.absolute += partial.absolute;
    total.kkt = max_or_nan(total.kkt, partial.kkt);
    total.dual_bound = max_or_nan(total.dual_bound, partial.dual_bound);
  }
  const double coupled = static_cast<double>(point.means.squaredNorm());
  const double alpha = static_cast<double>(problem.alpha);
  const double stacked = problem.signal_energy - 2 * total.correlation + total.quadratic + coupled;
  const double dual = best_dual(problem.signal_energy - total.correlation, stacked, alpha,
                                total.dual_bound, problem.positive);
  point.certificate.objective = stacked / 2 + alpha * total.absolute;
  point.certificate.kkt_violation = total.kkt;
  point.certificate.duality_gap = max_or_nan(0.0, point.certificate.objective - dual);
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                     \
  template struct Iterate<T>;                                                             \
  template Matrix<T> transposed_correlations<T>(const Execution&, const CodeProblem<T>&); \
  template void update_means<T>(const Execution&, const CodeProblem<T>&, Iterate<T>&);    \
  template void evaluate<T>(const Execution&, const CodeProblem<T>&, const Matrix<T>&, Iterate<T>&);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer::transfer
