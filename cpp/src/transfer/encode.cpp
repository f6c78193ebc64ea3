#include "sparsetransfer/transfer/encode.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/transfer/admm.hpp"
#include "sparsetransfer/transfer/atom_sweeps.hpp"
#include "sparsetransfer/transfer/fista.hpp"
#include "sparsetransfer/transfer/gauss_seidel.hpp"
#include "sparsetransfer/transfer/newton.hpp"

namespace sparsetransfer::transfer {
namespace {

constexpr int kProximalBatch = 20;
constexpr int kStaleNewton = 10;

template <typename T>
Iterate<T> make_iterate(const Execution& execution, const CodeProblem<T>& problem,
                        const Matrix<T>& correlations, const ConstMatrixRef<T>& codes) {
  Iterate<T> point;
  point.resize(problem);
  point.codes = codes.transpose();
  update_means(execution, problem, point);
  evaluate(execution, problem, correlations, point);
  if (!std::isfinite(point.certificate.objective))
    throw NumericalError(
        "the objective of the starting codes overflows: divide the signals by their largest norm, "
        "and starting codes likewise");
  return point;
}

/// Proximal gradient steps in batches; Newton steps wherever they are promising.
template <typename T>
void run_proximal(const Execution& execution, const CodeProblem<T>& problem,
                  const EncodeSettings& settings, const Matrix<T>& correlations, double target,
                  Iterate<T>& point, EncodeReport& report) {
  if (settings.max_iterations == 0) return;  // the codes are to be certified, not changed
  Fista<T> fista(execution, problem, correlations);
  Newton<T> newton(execution, problem, correlations);
  const double alpha = static_cast<double>(problem.alpha);
  // Between two batches: the smallest violation so far, and the Newton steps since it was halved.
  // Every halving counts once, so that steps which raise and lower it in turn come to an end.
  double smallest = std::numeric_limits<double>::infinity();
  int stale = 0;
  double newton_from = settings.newton_from * alpha;
  if (settings.solver == CodeSolver::fista) newton_from = 0;
  if (settings.solver == CodeSolver::newton) newton_from = std::numeric_limits<double>::max();
  while (!(point.certificate.kkt_violation <= target)) {
    if (point.certificate.kkt_violation <= newton_from) {
      const double before = point.certificate.kkt_violation;
      smallest = std::min(smallest, before);
      const bool moved = newton.affordable(point, settings.newton_bytes) && newton.step(point);
      if (moved) {
        ++report.newton_steps;
        fista.restart();
      }
      if (moved && point.certificate.kkt_violation <= 0.5 * smallest) {
        stale = 0;
        continue;
      }
      if (moved && ++stale < kStaleNewton) continue;
      // The active set is not yet right, or too large: come back when the violation is smaller.
      newton_from = std::min(newton_from, before) / 4;
    }
    const int left = settings.max_iterations - report.iterations;
    if (left <= 0) break;
    const double until = newton_from > 0 ? std::max(target, newton_from) : target;
    const int made = fista.run(point, until, std::min(left, kProximalBatch));
    report.iterations += made;
    if (made == 0) break;
    smallest = std::numeric_limits<double>::infinity();
    stale = 0;
  }
}

/// Alternating directions do not lower the objective in every iteration: the start is kept.
template <typename T>
void run_admm(const Execution& execution, const CodeProblem<T>& problem,
              const EncodeSettings& settings, const Matrix<T>& correlations, double target,
              Iterate<T>& point, EncodeReport& report) {
  const Iterate<T> start = point;
  Admm<T> admm(execution, problem, correlations);
  report.iterations = admm.run(point, target, settings.max_iterations);
  const Certificate& now = point.certificate;
  if (!(now.kkt_violation <= target) &&
      !(now.objective <= start.certificate.objective * (1 + 1e-12)))
    point = start;
}

}  // namespace

void EncodeSettings::validate() const {
  require(tolerance > 0, "tolerance must be positive");
  require(max_iterations >= 0, "max_iterations must not be negative");
  require(newton_from >= 0, "newton_from must not be negative");
}

template <typename T>
EncodeReport encode(const Execution& execution, const CodeProblem<T>& problem,
                    const EncodeSettings& settings, MatrixRef<T> codes) {
  settings.validate();
  validate(problem);
  require_shape("codes", codes.rows(), codes.cols(), problem.atoms(), problem.samples());
  EncodeReport report;
  const Matrix<T> correlations = transposed_correlations(execution, problem);
  Iterate<T> point = make_iterate<T>(execution, problem, correlations, codes);
  const double target = settings.tolerance * static_cast<double>(problem.alpha);
  if (settings.solver == CodeSolver::admm) {
    run_admm(execution, problem, settings, correlations, target, point, report);
  } else if (settings.solver == CodeSolver::gauss_seidel) {
    GaussSeidel<T> sweeps(execution, problem, correlations);
    report.iterations = sweeps.run(point, target, settings.max_iterations);
  } else if (settings.solver == CodeSolver::atom_sweeps) {
    AtomSweeps<T> sweeps(execution, problem, correlations);
    report.iterations = sweeps.run(point, target, settings.max_iterations);
  } else {
    run_proximal(execution, problem, settings, correlations, target, point, report);
  }
  codes = point.codes.transpose();
  report.certificate = point.certificate;
  report.status =
      point.certificate.kkt_violation <= target ? Status::converged : Status::max_iterations;
  return report;
}

template <typename T>
Certificate certify(const Execution& execution, const CodeProblem<T>& problem,
                    const ConstMatrixRef<T>& codes) {
  validate(problem);
  require_shape("codes", codes.rows(), codes.cols(), problem.atoms(), problem.samples());
  const Matrix<T> correlations = transposed_correlations(execution, problem);
  return make_iterate<T>(execution, problem, correlations, codes).certificate;
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                             \
  template EncodeReport encode<T>(const Execution&, const CodeProblem<T>&, const EncodeSettings&, \
                                  MatrixRef<T>);                                                  \
  template Certificate certify<T>(const Execution&, const CodeProblem<T>&,                        \
                                  const ConstMatrixRef<T>&);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer::transfer
