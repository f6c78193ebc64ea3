#include "sparsetransfer/transfer/regression.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "regression_block.hpp"
#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/numerics/max_or_nan.hpp"
#include "sparsetransfer/numerics/products.hpp"

namespace sparsetransfer::transfer {
namespace {

constexpr Index kSmallestSet = 32;
constexpr int kMaxSets = 200;

void validate(const RegressionProblem& problem, const ConstMatrixRef<double>& coefficients) {
  const Index features = problem.features();
  require(features >= 1 && problem.outputs() >= 1, "linear must have features and outputs");
  require_shape("quadratic", problem.quadratic.rows(), problem.quadratic.cols(), features,
                features);
  require_shape("coefficients", coefficients.rows(), coefficients.cols(), features,
                problem.outputs());
  problem.penalty.validate(features);
}

/// The rows of the chosen units as a problem of their own, with the memory it borrows.
struct SubProblem {
  Matrix<double> quadratic, linear;
  RegressionProblem problem;

  SubProblem(const RegressionProblem& whole, const std::vector<Index>& features)
      : quadratic(whole.quadratic(features, features)),
        linear(whole.linear(features, Eigen::all)),
        problem{{quadratic.data(), quadratic.rows(), quadratic.cols()},
                {linear.data(), linear.rows(), linear.cols()},
                whole.energy,
                whole.penalty.restricted(features)} {}
  SubProblem(const SubProblem&) = delete;
  SubProblem& operator=(const SubProblem&) = delete;
};

/// H W from the rows of W that are not zero.
void multiply_support(const Execution& execution, const RegressionProblem& problem,
                      RegressionPoint& point) {
  const Vector<double> norms = row_norms(point.coefficients);
  std::vector<Index> support;
  for (Index feature = 0; feature < norms.size(); ++feature)
    if (norms[feature] > 0) support.push_back(feature);
  if (2 * static_cast<Index>(support.size()) > norms.size()) {
    multiply(execution, problem.quadratic, point.coefficients, point.product);
    return;
  }
  const Matrix<double> rows = problem.quadratic(support, Eigen::all);
  const Matrix<double> part = point.coefficients(support, Eigen::all);
  const double flops = 2.0 * static_cast<double>(rows.size()) * static_cast<double>(part.cols());
  parallel_for_blocks(execution.for_work(flops), rows.cols(), Index{64},
                      [&](Index begin, Index count, int) {
                        set_product_tn<double>(point.product.middleRows(begin, count),
                                               rows.middleCols(begin, count), part);
                      });
}

/// The units that are not zero, and the worst violators: at most twice as many units in all.
std::vector<Index> working_set(const RegressionProblem& problem, const RegressionPoint& point,
                               const Vector<double>& violation) {
  const NestedPenalty& penalty = problem.penalty;
  const Vector<double> norms = penalty.unit_norms(row_norms(point.coefficients));
  const Index units = norms.size();
  std::vector<Index> order(static_cast<std::size_t>(units));
  std::iota(order.begin(), order.end(), Index{0});
  const auto priority = [&](Index unit) {
    return norms[unit] > 0 ? std::numeric_limits<double>::infinity() : violation[unit];
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](Index a, Index b) { return priority(a) > priority(b); });
  const Index used = (norms.array() > 0).count();
  Index wanted = std::max(kSmallestSet, 2 * used);
  if (2 * wanted > units) wanted = units;
  std::vector<char> chosen(static_cast<std::size_t>(units), 0);
  for (Index i = 0; i < wanted; ++i) {
    const Index unit = order[static_cast<std::size_t>(i)];
    if (norms[unit] > 0 || violation[unit] > 0 || wanted == units)
      chosen[static_cast<std::size_t>(unit)] = 1;
  }
  std::vector<Index> features;
  for (Index feature = 0; feature < problem.features(); ++feature)
    if (chosen[static_cast<std::size_t>(penalty.unit(feature))]) features.push_back(feature);
  return features;
}

/// objective - dual value of the scaled residual: with the stacked design Z, target t and residual
/// r = t - ZW, the gradient is -Z'r, and <t, r> and |r|^2 need H and B only.
double duality_gap(const RegressionProblem& problem, const RegressionPoint& point) {
  const double linear = point.coefficients.cwiseProduct(problem.linear).sum();
  const double quadratic = point.coefficients.cwiseProduct(point.product).sum();
  const double correlation = problem.energy - linear;
  const double length = max_or_nan(0.0, problem.energy - 2 * linear + quadratic);
  const double limit = length > 0 ? correlation / length : 1.0;
  const double factor = problem.penalty.dual_scaling(point.product - problem.linear, limit);
  return max_or_nan(0.0, point.objective - factor * correlation + 0.5 * factor * factor * length);
}

RegressionPoint evaluated(const Execution& execution, const RegressionProblem& problem,
                          const ConstMatrixRef<double>& coefficients) {
  RegressionPoint point;
  point.coefficients = coefficients;
  point.product.resize(problem.features(), problem.outputs());
  multiply_support(execution, problem, point);
  assess(problem, point);
  // Whatever is not finite in the product or the coefficients makes the objective so.
  if (!std::isfinite(point.objective))
    throw NumericalError(
        "the objective of the coefficients is not finite: divide the samples by their largest "
        "norm, and the targets likewise");
  return point;
}

void report_point(const RegressionProblem& problem, const RegressionSettings& settings,
                  const RegressionPoint& point, RegressionReport& report) {
  report.objective = point.objective;
  report.kkt_violation = point.violation;
  report.duality_gap = duality_gap(problem, point);
  report.status = point.violation <= settings.tolerance * problem.penalty.scale()
                      ? Status::converged
                      : Status::max_iterations;
}

}  // namespace

void RegressionSettings::validate() const {
  require(tolerance > 0, "tolerance must be positive");
  require(max_iterations >= 0, "max_iterations must not be negative");
  require(newton_from >= 0, "newton_from must not be negative");
}

RegressionReport solve(const Execution& execution, const RegressionProblem& problem,
                       const RegressionSettings& settings, MatrixRef<double> coefficients) {
  settings.validate();
  validate(problem, coefficients);
  RegressionReport report;
  RegressionPoint point = evaluated(execution, problem, coefficients);
  report.history.push_back(point.objective);
  const double target = settings.tolerance * problem.penalty.scale();
  for (int set = 0; set < kMaxSets && !(point.violation <= target); ++set) {
    const Vector<double> violation =
        problem.penalty.violations(point.coefficients, point.product - problem.linear);
    const std::vector<Index> features = working_set(problem, point, violation);
    const bool whole = static_cast<Index>(features.size()) == problem.features();
    const SubProblem part(problem, features);
    RegressionBlock block(execution, part.problem, settings,
                          point.coefficients(features, Eigen::all));
    // Most of the first sets are provisional: they need not be solved far.
    const double until = whole ? target : std::max(0.5 * target, 0.1 * point.violation);
    block.run(until, settings.max_iterations - report.iterations);
    report.iterations += block.iterations();
    report.newton_steps += block.newton_steps();
    point.coefficients(features, Eigen::all) = block.point().coefficients;
    multiply_support(execution, problem, point);
    const double before = point.violation;
    assess(problem, point);
    report.history.push_back(point.objective);
    const bool stalled = block.point().violation > until;
    if (report.iterations >= settings.max_iterations || (stalled && point.violation >= before))
      break;
  }
  coefficients = point.coefficients;
  report_point(problem, settings, point, report);
  return report;
}

RegressionReport certify(const Execution& execution, const RegressionProblem& problem,
                         const RegressionSettings& settings,
                         const ConstMatrixRef<double>& coefficients) {
  settings.validate();
  validate(problem, coefficients);
  RegressionReport report;
  report_point(problem, settings, evaluated(execution, problem, coefficients), report);
  return report;
}

}  // namespace sparsetransfer::transfer
