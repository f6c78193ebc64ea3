#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "check.hpp"
#include "sparsetransfer/transfer/encode.hpp"
#include "sparsetransfer/transfer/fista.hpp"

namespace {

using check::noise;
using sparsetransfer::Execution;
using sparsetransfer::Index;
using sparsetransfer::Matrix;
using sparsetransfer::Status;
using sparsetransfer::Vector;
using sparsetransfer::transfer::Certificate;
using sparsetransfer::transfer::CodeProblem;
using sparsetransfer::transfer::CodeSolver;
using sparsetransfer::transfer::EncodeReport;
using sparsetransfer::transfer::EncodeSettings;

struct Example {
  Matrix<double> signals, dictionary, gram, correlations, means;
  CodeProblem<double> problem{{nullptr, 0, 0}, {nullptr, 0, 0}, 0, {}, 0, false};

  Example(Index features, Index atoms, Index samples, Index rank, double strength)
      : signals(features, samples), dictionary(features, atoms), means(samples, rank) {
    for (Index i = 0; i < signals.size(); ++i) signals(i) = noise(i);
    for (Index i = 0; i < dictionary.size(); ++i) dictionary(i) = noise(7919 + 3 * i);
    for (Index i = 0; i < means.size(); ++i) means(i) = strength * noise(104729 + 5 * i);
    dictionary.colwise().normalize();
    gram = dictionary.transpose() * dictionary;
    correlations = dictionary.transpose() * signals;
    new (&problem.gram) Eigen::Map<const Matrix<double>>(gram.data(), atoms, atoms);
    new (&problem.correlations)
        Eigen::Map<const Matrix<double>>(correlations.data(), atoms, samples);
    new (&problem.coupling.means) Eigen::Map<const Matrix<double>>(means.data(), samples, rank);
    problem.signal_energy = signals.squaredNorm();
    problem.alpha = 0.2;
  }

  double objective(const Matrix<double>& codes) const {
    return 0.5 * (signals - dictionary * codes).squaredNorm() +
           0.5 * (codes * means).squaredNorm() + problem.alpha * codes.lpNorm<1>();
  }

  /// Coordinate descent on the definition, one entry at a time.
  Matrix<double> coordinate_descent(int sweeps) const {
    Matrix<double> codes = Matrix<double>::Zero(dictionary.cols(), signals.cols());
    for (int sweep = 0; sweep < sweeps; ++sweep)
      for (Index i = 0; i < codes.cols(); ++i)
        for (Index a = 0; a < codes.rows(); ++a) {
          const double curvature = gram(a, a) + means.row(i).squaredNorm();
          const double gradient =
              dictionary.col(a).dot(dictionary * codes.col(i) - signals.col(i)) +
              means.row(i).dot(codes.row(a) * means);
          const double target = codes(a, i) * curvature - gradient;
          codes(a, i) =
              std::copysign(std::max(std::abs(target) - problem.alpha, 0.0), target) / curvature;
        }
    return codes;
  }
};

TEST(encode_agrees_with_coordinate_descent_for_any_rank) {
  for (const Index rank : {0, 1, 3}) {
    const Example example(6, 5, 8, rank, 1.5);
    const Matrix<double> expected = example.coordinate_descent(4000);
    Matrix<double> codes = Matrix<double>::Zero(5, 8);
    const EncodeReport report = sparsetransfer::transfer::encode<double>(
        Execution{}, example.problem, EncodeSettings{.tolerance = 1e-10}, codes);
    CHECK(report.status == Status::converged);
    CHECK((codes - expected).lpNorm<Eigen::Infinity>() < 1e-7);
    CHECK(check::is_near(report.certificate.objective, example.objective(codes), 1e-10));
  }
}

TEST(fista_alone_reaches_the_same_point_as_with_newton_steps) {
  const Example example(6, 9, 12, 2, 2.0);
  Matrix<double> first = Matrix<double>::Zero(9, 12);
  Matrix<double> second = first;
  EncodeSettings settings{.tolerance = 1e-9, .max_iterations = 200000};
  settings.newton_from = 0;
  const EncodeReport proximal =
      sparsetransfer::transfer::encode<double>(Execution{}, example.problem, settings, first);
  settings.newton_from = 0.1;
  const EncodeReport both =
      sparsetransfer::transfer::encode<double>(Execution{}, example.problem, settings, second);
  CHECK(proximal.newton_steps == 0);
  CHECK(both.newton_steps > 0);
  CHECK(check::is_near(proximal.certificate.objective, both.certificate.objective, 1e-8));
}

TEST(certify_reports_the_duality_gap_of_any_point) {
  const Example example(6, 5, 8, 1, 1.5);
  const double best = example.objective(example.coordinate_descent(4000));
  Matrix<double> codes(5, 8);
  for (Index i = 0; i < codes.size(); ++i) codes(i) = 0.3 * noise(31 * i);
  const Certificate certificate =
      sparsetransfer::transfer::certify<double>(Execution{}, example.problem, codes);
  CHECK(check::is_near(certificate.objective, example.objective(codes), 1e-12));
  CHECK(certificate.duality_gap >= certificate.objective - best - 1e-12);
}

TEST(a_problem_that_does_not_fit_together_throws) {
  const Example example(6, 5, 8, 1, 1.5);
  Matrix<double> codes = Matrix<double>::Zero(5, 7);
  CHECK(check::throws_with<std::invalid_argument>(
      [&] {
        sparsetransfer::transfer::encode<double>(Execution{}, example.problem, EncodeSettings{},
                                                 codes);
      },
      "codes must have shape"));
  CHECK(check::throws_with<std::invalid_argument>([] { EncodeSettings{.tolerance = 0}.validate(); },
                                                  "tolerance must be positive"));
}

TEST(starting_codes_that_overflow_are_reported) {
  const Example example(6, 5, 8, 1, 1.5);
  Matrix<double> codes = Matrix<double>::Constant(5, 8, std::numeric_limits<double>::max());
  CHECK(check::throws_with<sparsetransfer::NumericalError>(
      [&] {
        sparsetransfer::transfer::encode<double>(Execution{}, example.problem, EncodeSettings{},
                                                 codes);
      },
      "starting codes overflows"));
}

TEST(newton_steps_end_where_the_objective_is_negative) {
  // No signal of energy zero has these correlations: the least objective is negative. And no
  // violation can be as small as this alpha asks.
  for (const double strength : {0.5, 1.0, 1.5, 2.0}) {
    Example example(6, 1, 5, 3, strength);
    example.problem.signal_energy = 0;
    example.problem.alpha = 1e-30;
    Matrix<double> codes = Matrix<double>::Zero(1, 5);
    int polls = 0;
    const Execution execution{1, [&] {
                                if (++polls == 100000) throw std::runtime_error("endless");
                              }};
    const EncodeReport report = sparsetransfer::transfer::encode<double>(
        execution, example.problem,
        EncodeSettings{.solver = CodeSolver::newton, .max_iterations = 3}, codes);
    CHECK(report.status == Status::max_iterations);
    CHECK(report.certificate.objective < 0);
  }
}

TEST(the_poll_stops_a_solve) {
  const Example example(6, 9, 12, 2, 2.0);
  Matrix<double> codes = Matrix<double>::Zero(9, 12);
  int polls = 0;
  const Execution execution{1, [&] {
                              if (++polls == 20) throw std::runtime_error("stop");
                            }};
  CHECK(check::throws_with<std::runtime_error>(
      [&] {
        sparsetransfer::transfer::encode<double>(execution, example.problem,
                                                 EncodeSettings{.tolerance = 1e-12}, codes);
      },
      "stop"));
}

}  // namespace
