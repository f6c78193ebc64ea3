#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "check.hpp"
#include "sparsetransfer/transfer/regression.hpp"

namespace {

using check::noise;
using sparsetransfer::Execution;
using sparsetransfer::Index;
using sparsetransfer::Matrix;
using sparsetransfer::Status;
using sparsetransfer::Vector;
using sparsetransfer::transfer::RegressionProblem;
using sparsetransfer::transfer::RegressionReport;
using sparsetransfer::transfer::RegressionSettings;

struct Example {
  Matrix<double> design, targets, quadratic, linear;
  std::vector<std::int32_t> groups{0, 0, 1, 1, 1, 2};
  Vector<double> strengths{{0.5, 0.7, 0.4}};
  RegressionProblem problem;

  explicit Example(bool grouped) : design(12, 6), targets(12, 2) {
    for (Index i = 0; i < design.size(); ++i) design(i) = noise(i);
    for (Index i = 0; i < targets.size(); ++i) targets(i) = 2 * noise(7919 + 3 * i);
    quadratic = design.transpose() * design;
    linear = design.transpose() * targets;
    new (&problem.quadratic) Eigen::Map<const Matrix<double>>(quadratic.data(), 6, 6);
    new (&problem.linear) Eigen::Map<const Matrix<double>>(linear.data(), 6, 2);
    problem.energy = targets.squaredNorm();
    problem.element = 0.3;
    problem.row = 0.6;
    if (!grouped) return;
    problem.groups = groups.data();
    new (&problem.strengths) Eigen::Map<const Vector<double>>(strengths.data(), 3);
  }

  double objective(const Matrix<double>& w) const {
    double value = 0.5 * (targets - design * w).squaredNorm() + problem.element * w.lpNorm<1>();
    for (Index i = 0; i < 6; ++i) value += problem.row * w.row(i).norm();
    if (problem.groups != nullptr)
      value += strengths[0] * w.topRows(2).norm() + strengths[1] * w.middleRows(2, 3).norm() +
               strengths[2] * w.bottomRows(1).norm();
    return value;
  }

  Matrix<double> proximal_gradient(int steps) const {
    Matrix<double> w = Matrix<double>::Zero(6, 2);
    const double step = 1 / quadratic.trace();
    for (int i = 0; i < steps; ++i) {
      w -= step * (quadratic * w - linear);
      sparsetransfer::transfer::shrink(problem, step, w);
    }
    return w;
  }
};

TEST(solve_agrees_with_plain_proximal_gradient) {
  for (const bool grouped : {false, true}) {
    const Example example(grouped);
    const Matrix<double> expected = example.proximal_gradient(20000);
    Matrix<double> w = Matrix<double>::Zero(6, 2);
    RegressionSettings settings;
    settings.tolerance = 1e-10;
    const RegressionReport report =
        sparsetransfer::transfer::solve(Execution{}, example.problem, settings, w);
    CHECK(report.status == Status::converged);
    CHECK((w - expected).lpNorm<Eigen::Infinity>() < 1e-8);
    CHECK(check::is_near(report.objective, example.objective(w), 1e-12));
    CHECK(report.duality_gap < 1e-7);
  }
}

TEST(a_regression_that_does_not_fit_together_throws) {
  const Example example(false);
  Matrix<double> w = Matrix<double>::Zero(5, 2);
  CHECK(check::throws_with<std::invalid_argument>(
      [&] {
        sparsetransfer::transfer::solve(Execution{}, example.problem, RegressionSettings{}, w);
      },
      "coefficients must have shape"));
  Example free(false);
  free.problem.element = free.problem.row = 0;
  Matrix<double> fitting = Matrix<double>::Zero(6, 2);
  CHECK(check::throws_with<std::invalid_argument>(
      [&] {
        sparsetransfer::transfer::solve(Execution{}, free.problem, RegressionSettings{}, fitting);
      },
      "some strength must be positive"));
}

TEST(the_poll_stops_a_regression) {
  const Example example(true);
  Matrix<double> w = Matrix<double>::Zero(6, 2);
  const Execution execution{1, [] { throw std::runtime_error("stop"); }};
  CHECK(check::throws_with<std::runtime_error>(
      [&] { sparsetransfer::transfer::solve(execution, example.problem, RegressionSettings{}, w); },
      "stop"));
}

}  // namespace
