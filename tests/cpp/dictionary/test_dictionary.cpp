#include <algorithm>
#include <random>

#include "check.hpp"
#include "sparsetransfer/dictionary/atoms.hpp"
#include "sparsetransfer/dictionary/block_coordinate.hpp"
#include "sparsetransfer/dictionary/ksvd.hpp"
#include "sparsetransfer/dictionary/lagrange_dual.hpp"
#include "sparsetransfer/dictionary/quadratic.hpp"
#include "sparsetransfer/dictionary/statistics.hpp"

namespace {

using namespace sparsetransfer;

template <typename T>
struct Problem {
  Matrix<T> signals, codes, dictionary, A, B;

  Problem(Index features, Index atoms, Index samples, double density) {
    std::mt19937 generator(7);
    std::normal_distribution<double> normal;
    std::bernoulli_distribution used(density);
    const auto fill = [&](Matrix<T>& matrix, Index rows, Index cols, bool sparse) {
      matrix.resize(rows, cols);
      for (Index i = 0; i < matrix.size(); ++i) {
        const T value = static_cast<T>(normal(generator));
        matrix.data()[i] = !sparse || used(generator) ? value : T(0);
      }
    };
    fill(signals, features, samples, false);
    fill(codes, atoms, samples, true);
    fill(dictionary, features, atoms, false);
    project_atoms_to_unit_ball<T>(dictionary);
    A = Matrix<T>::Zero(atoms, atoms);
    B = Matrix<T>::Zero(features, atoms);
  }
  void gather(int threads) {
    A.setZero();
    B.setZero();
    accumulate_statistics<T>({threads, {}}, signals, codes, Vector<T>(), A, B);
  }
  double value() const { return dictionary_objective<T>({}, A, B, dictionary); }
};

// Dense and sparse sums, whole tiles and remainders, and threads that share them out.
template <typename T>
void check_statistics(double density, double tolerance) {
  Problem<T> problem(150, 70, 1500, density);
  problem.gather(1);
  const Matrix<T> A = problem.codes * problem.codes.transpose();
  const Matrix<T> B = problem.signals * problem.codes.transpose();
  CHECK_NEAR(double((problem.A - A).cwiseAbs().maxCoeff()), 0.0, tolerance);
  CHECK_NEAR(double((problem.B - B).cwiseAbs().maxCoeff()), 0.0, tolerance);
  const Matrix<T> one = problem.A;
  problem.gather(3);
  CHECK(problem.A == one);
}

TEST(statistics_are_matrix_products) {
  for (const double density : {0.02, 0.3, 0.9}) {
    check_statistics<double>(density, 1e-10);
    check_statistics<float>(density, 2e-2);
  }
}

TEST(every_update_lowers_the_objective) {
  Problem<double> problem(40, 50, 400, 0.2);
  problem.gather(1);
  double last = problem.value();
  for (int pass = 0; pass < 5; ++pass) {
    update_block_coordinate<double>({3, {}}, problem.A, problem.B, {}, problem.dictionary);
    CHECK(problem.value() < last);
    last = problem.value();
  }
  const auto report =
      update_lagrange_dual<double>({}, problem.A, problem.B, {}, problem.dictionary);
  CHECK(report.status == Status::converged);
  CHECK(problem.value() <= last);
  CHECK(problem.dictionary.colwise().norm().maxCoeff() <= 1.0 + 1e-12);
}

TEST(ksvd_lowers_the_whole_objective) {
  Problem<double> problem(40, 30, 700, 0.2);
  const double alpha = 0.1;
  const auto value = [&] {
    return 0.5 * (problem.signals - problem.dictionary * problem.codes).squaredNorm() +
           alpha * problem.codes.cwiseAbs().sum();
  };
  const double before = value();
  const double fit = update_ksvd<double>({3, {}}, problem.signals, {alpha, {}, false},
                                         problem.codes, problem.dictionary);
  CHECK(value() < before);
  CHECK_NEAR(fit + alpha * problem.codes.cwiseAbs().sum(), value(), 1e-9 * before);
}

TEST(dead_atoms_become_signals) {
  Problem<double> problem(20, 10, 300, 0.3);
  problem.codes.row(4).setZero();
  const auto replaced =
      replace_dead_atoms<double>({2, {}}, problem.signals, {}, problem.codes, problem.dictionary);
  REQUIRE(replaced.size() == 1);
  CHECK(replaced[0] == 4);
  CHECK_NEAR(problem.dictionary.col(4).norm(), 1.0, 1e-12);
  const Matrix<double> cosines =
      problem.signals.colwise().normalized().transpose() * problem.dictionary.col(4);
  CHECK_NEAR(cosines.maxCoeff(), 1.0, 1e-12);
}

TEST(updates_do_not_depend_on_threads) {
  Problem<double> problem(70, 150, 500, 0.3);
  problem.gather(1);
  const auto each = [&](const auto& update) {
    Matrix<double> one = problem.dictionary;
    update(Execution{1, {}}, one);
    for (const int threads : {2, 7}) {
      Matrix<double> other = problem.dictionary;
      update(Execution{threads, {}}, other);
      CHECK(other == one);
    }
  };
  each([&](const Execution& execution, Matrix<double>& dictionary) {
    update_block_coordinate<double>(execution, problem.A, problem.B, {2, 0.0, {}}, dictionary);
  });
  each([&](const Execution& execution, Matrix<double>& dictionary) {
    update_lagrange_dual<double>(execution, problem.A, problem.B, {5, 0.0}, dictionary);
  });
  each([&](const Execution& execution, Matrix<double>& dictionary) {
    update_optimal_directions<double>(execution, problem.A, problem.B, dictionary);
  });
  each([&](const Execution& execution, Matrix<double>& dictionary) {
    Matrix<double> codes = problem.codes;
    update_ksvd<double>(execution, problem.signals, {0.1, {}, false}, codes, dictionary);
  });
}

TEST(misfits_throw) {
  Problem<double> problem(5, 4, 10, 0.5);
  problem.gather(1);
  const Matrix<double> wrong = Matrix<double>::Zero(3, 3);
  CHECK_THROWS(std::invalid_argument, "A must have shape",
               update_block_coordinate<double>({}, wrong, problem.B, {}, problem.dictionary));
  problem.A(0, 0) = std::numeric_limits<double>::infinity();
  CHECK_THROWS(NumericalError, "overflow",
               update_block_coordinate<double>({}, problem.A, problem.B, {}, problem.dictionary));
}

}  // namespace
