#include <cmath>
#include <vector>

#include "check.hpp"
#include "sparsetransfer/transfer/learn.hpp"

namespace {

using check::noise;
using sparsetransfer::Execution;
using sparsetransfer::Index;
using sparsetransfer::Matrix;
using sparsetransfer::Status;
using sparsetransfer::Vector;
namespace transfer = sparsetransfer::transfer;
using transfer::CodeSolver;

Matrix<double> noisy(Index rows, Index cols, Index seed) {
  Matrix<double> values(rows, cols);
  for (Index i = 0; i < values.size(); ++i) values(i) = noise(seed + 3 * i);
  return values;
}

/// Two domains, half of the samples labelled.
struct Example {
  Matrix<double> signals = noisy(7, 10, 1), dictionary = noisy(7, 5, 991);
  Matrix<double> means = Matrix<double>(10, 1), map = noisy(2, 5, 4001);
  Matrix<double> targets = Matrix<double>::Zero(2, 10);
  Vector<double> weights = Vector<double>::Zero(10);
  Matrix<double> gram, correlations;
  transfer::CodeProblem<double> problem{{nullptr, 0, 0}, {nullptr, 0, 0}, 0, {}, 0.2, false};

  explicit Example(double strength, double label = 0) {
    dictionary.colwise().normalize();
    means.col(0).head(6).setConstant(std::sqrt(strength) / 6);
    means.col(0).tail(4).setConstant(-std::sqrt(strength) / 4);
    for (Index i = 0; i < 6; ++i) {
      targets(i % 2, i) = 1;
      weights[i] = label;
    }
    gram = dictionary.transpose() * dictionary;
    correlations =
        dictionary.transpose() * signals + map.transpose() * (targets * weights.asDiagonal());
    new (&problem.gram) Eigen::Map<const Matrix<double>>(gram.data(), 5, 5);
    new (&problem.correlations) Eigen::Map<const Matrix<double>>(correlations.data(), 5, 10);
    new (&problem.coupling.means) Eigen::Map<const Matrix<double>>(means.data(), 10, 1);
    problem.signal_energy =
        signals.squaredNorm() +
        (targets * weights.cwiseSqrt().asDiagonal().toDenseMatrix()).squaredNorm();
    if (label > 0) {
      new (&problem.labels.map) Eigen::Map<const Matrix<double>>(map.data(), 2, 5);
      new (&problem.labels.weights) Eigen::Map<const Vector<double>>(weights.data(), 10);
    }
  }

  double objective(const Matrix<double>& codes) const {
    double value = 0.5 * (signals - dictionary * codes).squaredNorm() +
                   0.5 * (codes * means).squaredNorm() + problem.alpha * codes.lpNorm<1>();
    for (Index i = 0; i < 10; ++i)
      value += 0.5 * weights[i] * (targets.col(i) - map * codes.col(i)).squaredNorm();
    return value;
  }

  /// Coordinate descent on the definition, one entry at a time.
  Matrix<double> coordinate_descent() const {
    Matrix<double> codes = Matrix<double>::Zero(5, 10);
    for (int sweep = 0; sweep < 5000; ++sweep)
      for (Index i = 0; i < 10; ++i)
        for (Index a = 0; a < 5; ++a) {
          const double curvature = dictionary.col(a).squaredNorm() + means.row(i).squaredNorm() +
                                   weights[i] * map.col(a).squaredNorm();
          const double gradient =
              dictionary.col(a).dot(dictionary * codes.col(i) - signals.col(i)) +
              means.row(i).dot(codes.row(a) * means) +
              weights[i] * map.col(a).dot(map * codes.col(i) - targets.col(i));
          const double target = codes(a, i) * curvature - gradient;
          codes(a, i) =
              std::copysign(std::max(std::abs(target) - problem.alpha, 0.0), target) / curvature;
        }
    return codes;
  }
};

TEST(every_solver_finds_the_point_of_coordinate_descent) {
  for (const double strength : {1.0, 60.0}) {
    const Example example(strength);
    const Matrix<double> expected = example.coordinate_descent();
    for (const CodeSolver solver :
         {CodeSolver::automatic, CodeSolver::fista, CodeSolver::newton, CodeSolver::admm}) {
      Matrix<double> codes = Matrix<double>::Zero(5, 10);
      const transfer::EncodeReport report = transfer::encode<double>(
          Execution{}, example.problem,
          transfer::EncodeSettings{.solver = solver, .tolerance = 1e-8, .max_iterations = 100000},
          codes);
      CHECK(report.status == Status::converged);
      CHECK((codes - expected).lpNorm<Eigen::Infinity>() < 1e-6);
    }
  }
}

TEST(the_published_loop_says_how_far_it_is_from_the_optimum) {
  const Example example(60);
  const double best = example.objective(example.coordinate_descent());
  Matrix<double> codes = Matrix<double>::Zero(5, 10);
  double last = example.objective(codes);
  for (int sweep = 0; sweep < 5; ++sweep) {
    const transfer::EncodeReport report = transfer::encode<double>(
        Execution{}, example.problem,
        transfer::EncodeSettings{.solver = CodeSolver::gauss_seidel, .max_iterations = 1}, codes);
    const double objective = example.objective(codes);
    CHECK(check::is_near(report.certificate.objective, objective, 1e-10));
    CHECK(report.certificate.duality_gap >= objective - best - 1e-12);
    CHECK(objective <= last + 1e-12);
    CHECK(report.status == Status::max_iterations || objective - best < 1e-5);
    last = objective;
  }
}

TEST(labels_pull_on_the_codes_as_the_definition_says) {
  const Example example(20, 0.7);
  const Matrix<double> expected = example.coordinate_descent();
  for (const CodeSolver solver :
       {CodeSolver::automatic, CodeSolver::fista, CodeSolver::atom_sweeps}) {
    Matrix<double> codes = Matrix<double>::Zero(5, 10);
    const transfer::EncodeReport report = transfer::encode<double>(
        Execution{}, example.problem,
        transfer::EncodeSettings{.solver = solver, .tolerance = 1e-9, .max_iterations = 100000},
        codes);
    CHECK((codes - expected).lpNorm<Eigen::Infinity>() < 1e-6);
    CHECK(check::is_near(report.certificate.objective, example.objective(codes), 1e-10));
  }
}

TEST(learning_never_rises_and_ends_in_the_unit_ball) {
  for (const auto update :
       {transfer::DictionaryUpdate::block_coordinate, transfer::DictionaryUpdate::lagrange_dual}) {
    Example example(60, 0.5);
    transfer::LearnProblem<double> problem{example.problem.coupling, 0.2};
    new (&problem.supervision.targets)
        Eigen::Map<const Matrix<double>>(example.targets.data(), 2, 10);
    new (&problem.supervision.weights) Eigen::Map<const Vector<double>>(example.weights.data(), 10);
    new (&problem.supervision.map) Eigen::Map<Matrix<double>>(example.map.data(), 2, 5);
    Matrix<double> codes = Matrix<double>::Zero(5, 10);
    std::vector<double> history;
    transfer::LearnSettings settings;
    settings.max_iterations = 30;
    settings.dictionary_update = update;
    const transfer::LearnReport report = transfer::learn<double>(
        Execution{}, example.signals, problem, settings,
        [&](const transfer::LearnProgress& progress) {
          history.push_back(progress.objective);
          return false;
        },
        example.dictionary, codes);
    CHECK(history.size() == static_cast<std::size_t>(report.iterations));
    for (std::size_t i = 1; i < history.size(); ++i)
      CHECK(history[i] <= history[i - 1] * (1 + 1e-10));
    CHECK(example.dictionary.colwise().norm().maxCoeff() <= 1 + 1e-10);
    // The map is the ridge regression's for codes that have been improved since.
    const double value =
        example.objective(codes) + 0.5 * problem.supervision.ridge * example.map.squaredNorm();
    CHECK(check::is_near(report.codes.certificate.objective, value, 1e-10));
    CHECK(value <= history.back() * (1 + 1e-10));
  }
}

}  // namespace
