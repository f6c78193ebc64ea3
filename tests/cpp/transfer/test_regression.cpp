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
  Matrix<double> design{12, 6}, targets{12, 2}, quadratic{6, 6}, linear{6, 2};
  RegressionProblem problem{{quadratic.data(), 6, 6}, {linear.data(), 6, 2}, 0, {0.3, 0.6, {}, {}}};

  explicit Example(bool grouped) {
    for (Index i = 0; i < design.size(); ++i) design(i) = noise(i);
    for (Index i = 0; i < targets.size(); ++i) targets(i) = 2 * noise(7919 + 3 * i);
    quadratic = design.transpose() * design;
    linear = design.transpose() * targets;
    problem.energy = targets.squaredNorm();
    if (!grouped) return;
    problem.penalty.groups = {0, 0, 1, 1, 1, 2};
    problem.penalty.strengths = Vector<double>{{0.5, 0.7, 0.4}};
  }
  Example(const Example&) = delete;
  Example& operator=(const Example&) = delete;

  double objective(const Matrix<double>& w) const {
    double value =
        0.5 * (targets - design * w).squaredNorm() + problem.penalty.element * w.lpNorm<1>();
    for (Index i = 0; i < 6; ++i) value += problem.penalty.row * w.row(i).norm();
    const Vector<double>& strengths = problem.penalty.strengths;
    if (strengths.size() > 0)
      value += strengths[0] * w.topRows(2).norm() + strengths[1] * w.middleRows(2, 3).norm() +
               strengths[2] * w.bottomRows(1).norm();
    return value;
  }

  Matrix<double> proximal_gradient(int steps) const {
    Matrix<double> w = Matrix<double>::Zero(6, 2);
    const double step = 1 / quadratic.trace();
    for (int i = 0; i < steps; ++i) {
      w -= step * (quadratic * w - linear);
      problem.penalty.shrink(step, w);
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
  free.problem.penalty.element = free.problem.penalty.row = 0;
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
