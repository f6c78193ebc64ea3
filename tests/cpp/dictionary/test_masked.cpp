#include <random>

#include "check.hpp"
#include "sparsetransfer/dictionary/masked.hpp"
#include "sparsetransfer/dictionary/statistics.hpp"

namespace {

using namespace sparsetransfer;
using Mask = Eigen::Matrix<bool, Eigen::Dynamic, Eigen::Dynamic>;

template <typename T>
struct Problem {
  Matrix<T> signals, codes, dictionary;
  Vector<T> weights;
  Mask mask;

  Problem(Index features, Index atoms, Index samples, double share) {
    std::mt19937 generator(11);
    std::normal_distribution<double> normal;
    std::bernoulli_distribution used(0.2), observed(share);
    const auto fill = [&](Matrix<T>& matrix, Index rows, Index cols, bool sparse) {
      matrix.resize(rows, cols);
      for (Index i = 0; i < matrix.size(); ++i)
        matrix.data()[i] = !sparse || used(generator) ? T(normal(generator)) : T(0);
    };
    fill(signals, features, samples, false);
    fill(codes, atoms, samples, true);
    fill(dictionary, features, atoms, false);
    for (Index j = 0; j < atoms; ++j) project_atom<T>({}, dictionary.col(j));
    weights = Vector<T>::LinSpaced(samples, T(0.5), T(1.5));
    mask.resize(features, samples);
    for (Index i = 0; i < mask.size(); ++i) mask.data()[i] = observed(generator);
  }
  double value() const {
    const Matrix<T> residual = mask.select(signals - dictionary * codes, T(0));
    return 0.5 * double(residual.colwise().squaredNorm() * weights);
  }
};

template <typename T>
Matrix<T> updated(const Problem<T>& problem, int threads, const BlockCoordinateSettings& settings) {
  Matrix<T> dictionary = problem.dictionary;
  update_masked<T>({threads, {}}, problem.signals, problem.mask, problem.codes, problem.weights,
                   settings, dictionary);
  return dictionary;
}

template <typename T>
Matrix<T> from_statistics(const Problem<T>& problem, int threads,
                          const BlockCoordinateSettings& settings) {
  const Index atoms = problem.codes.rows();
  const Index features = problem.signals.rows();
  std::vector<T> A(static_cast<std::size_t>(features * atoms * atoms), T(0));
  Matrix<T> B = Matrix<T>::Zero(features, atoms);
  accumulate_masked<T>({threads, {}}, problem.signals, problem.mask, problem.codes, problem.weights,
                       A.data(), B);
  Matrix<T> dictionary = problem.dictionary;
  update_from_masked<T>({threads, {}}, A.data(), B, settings, dictionary);
  return dictionary;
}

TEST(residuals_and_statistics_make_the_same_steps_on_any_threads) {
  const Problem<double> problem(150, 20, 400, 0.7);
  for (const double l1_ratio : {0.0, 0.5, 1.0}) {
    const BlockCoordinateSettings settings{2, 0.0, {false, l1_ratio}};
    const Matrix<double> one = updated(problem, 1, settings);
    CHECK(updated(problem, 3, settings) == one);
    CHECK_NEAR((from_statistics(problem, 1, settings) - one).cwiseAbs().maxCoeff(), 0.0, 1e-10);
    CHECK(from_statistics(problem, 3, settings) == from_statistics(problem, 1, settings));
  }
}

TEST(every_pass_lowers_the_masked_objective) {
  for (const bool positive : {false, true}) {
    Problem<float> problem(60, 15, 300, 0.5);
    if (positive) problem.dictionary = problem.dictionary.cwiseMax(0.0f);
    double last = problem.value();
    for (int pass = 0; pass < 4; ++pass) {
      const double reported =
          update_masked<float>({2, {}}, problem.signals, problem.mask, problem.codes,
                               problem.weights, {1, 0.0, {positive, 0.0}}, problem.dictionary);
      CHECK(problem.value() < last);
      last = problem.value();
      CHECK_NEAR(reported, last, 1e-4 * last);
    }
  }
}

TEST(a_full_mask_makes_the_steps_of_block_coordinates) {
  const Problem<double> problem(40, 12, 200, 1.1);
  Matrix<double> A = Matrix<double>::Zero(12, 12), B = Matrix<double>::Zero(40, 12);
  accumulate_statistics<double>({}, problem.signals, problem.codes, problem.weights, A, B);
  Matrix<double> expected = problem.dictionary;
  const BlockCoordinateSettings settings{3, 0.0, {}};
  update_block_coordinate<double>({}, A, B, settings, expected);
  CHECK_NEAR((updated(problem, 2, settings) - expected).cwiseAbs().maxCoeff(), 0.0, 1e-10);
}

TEST(masks_that_do_not_fit_throw) {
  Problem<double> problem(5, 4, 10, 0.5);
  const Mask wrong = problem.mask.leftCols(9);
  CHECK_THROWS(std::invalid_argument, "mask must have shape",
               update_masked<double>({}, problem.signals, wrong, problem.codes, problem.weights, {},
                                     problem.dictionary));
}

}  // namespace
