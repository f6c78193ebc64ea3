#include "sparsetransfer/transfer/fista.hpp"

#include <cmath>
#include <vector>

#include "row_prox.hpp"
#include "sparsetransfer/numerics/gram.hpp"
#include "sparsetransfer/numerics/products.hpp"

namespace sparsetransfer::transfer {
namespace {

constexpr Index kAtomBlock = 4;

template <typename T>
Vector<T> sample_steps(const Execution& execution, const CodeProblem<T>& problem) {
  const T bound = spectral_bound<T>(execution, problem.gram);
  T label_bound = 0;
  if (!problem.labels.empty()) {
    const Index classes = problem.labels.map.rows();
    Matrix<T> square(classes, classes);
    set_product_nt<T>(square, problem.labels.map, problem.labels.map);
    label_bound = spectral_bound<T>(execution, square);
  }
  Vector<T> steps(problem.samples());
  const SymmetricSparse<T>& laplacian = problem.coupling.laplacian;
  for (Index i = 0; i < problem.samples(); ++i) {
    T curvature = bound;
    if (!problem.labels.empty()) curvature += label_bound * problem.labels.weights[i];
    if (!laplacian.empty())
      for (auto at = laplacian.indptr[i]; at < laplacian.indptr[i + 1]; ++at)
        curvature += std::abs(laplacian.values[at]);
    steps[i] = curvature > 0 ? 1 / curvature : T(1);
  }
  return steps;
}

}  // namespace

template <typename T>
Fista<T>::Fista(const Execution& execution, const CodeProblem<T>& problem,
                const Matrix<T>& correlations)
    : execution_(execution),
      problem_(problem),
      correlations_(correlations),
      means_(problem.coupling.means) {
  steps_ = sample_steps(execution, problem);
  thresholds_ = steps_ * problem.alpha;
  if (problem.penalties.size() > 0) thresholds_.array() *= problem.penalties.array();
  scaled_ = steps_.asDiagonal() * means_;
  other_.resize(problem);
}

template <typename T>
void Fista<T>::restart() {
  momentum_ = 1;
  has_previous_ = false;
}

/// Writes the next codes and means over other_; returns <(Y - S+) / tau, S+ - S>, whose positive
/// sign tells that the momentum points uphill (O'Donoghue and Candes, 2015).
template <typename T>
double Fista<T>::update_atoms(const Iterate<T>& point, T beta) {
  const Index atoms = problem_.atoms();
  std::vector<double> uphill(static_cast<std::size_t>(atoms));
  const double flops = 60.0 * static_cast<double>(point.codes.size()) *
                       static_cast<double>(1 + problem_.coupling.rank());
  parallel_for_blocks(
      execution_.for_work(flops), atoms, kAtomBlock, [&](Index begin, Index count, int) {
        RowProx<T> prox{means_, scaled_, thresholds_, steps_, problem_.positive, {}, {}};
        Vector<T> y(point.codes.rows()), z(point.codes.rows());
        Vector<T> mean(point.means.rows());
        for (Index atom = begin; atom < begin + count; ++atom) {
          const auto code = point.codes.col(atom);
          const auto quadratic = point.quadratic.col(atom);
          mean = point.means.col(atom);
          if (beta == 0) {
            y = code;
            z = y - steps_.cwiseProduct(quadratic - correlations_.col(atom));
          } else {
            y = code + beta * (code - other_.codes.col(atom));
            z = y -
                steps_.cwiseProduct(quadratic + beta * (quadratic - other_.quadratic.col(atom)) -
                                    correlations_.col(atom));
          }
          Eigen::Map<Vector<T>> next(other_.codes.col(atom).data(), other_.codes.rows());
          prox.solve(z, next, mean);
          other_.means.col(atom) = mean;
          y = (y - next).cwiseQuotient(steps_);
          uphill[static_cast<std::size_t>(atom)] = static_cast<double>(y.dot(next - code));
        }
      });
  double total = 0;
  for (const double part : uphill) total += part;
  return total;
}

template <typename T>
bool Fista<T>::step(Iterate<T>& point) {
  const double next_momentum = (1 + std::sqrt(1 + 4 * momentum_ * momentum_)) / 2;
  const T beta = has_previous_ ? static_cast<T>((momentum_ - 1) / next_momentum) : T(0);
  const double uphill = update_atoms(point, beta);
  evaluate(execution_, problem_, correlations_, other_);
  // A plain proximal gradient step cannot raise the objective by more than rounding does.
  const double rounding = objective_rounding(problem_, point);
  if (!(other_.certificate.objective <= point.certificate.objective + rounding)) {
    restart();
    return beta != 0;
  }
  std::swap(point, other_);
  has_previous_ = true;
  momentum_ = uphill > 0 ? 1 : next_momentum;
  return true;
}

template <typename T>
int Fista<T>::run(Iterate<T>& point, double tolerance, int max_iterations) {
  int iteration = 0;
  while (iteration < max_iterations && !(point.certificate.kkt_violation <= tolerance)) {
    ++iteration;
    if (!step(point)) break;
  }
  return iteration;
}

template class Fista<float>;
template class Fista<double>;

}  // namespace sparsetransfer::transfer
