// Every coder on several threads: the same bits as on one, and something for the sanitizers.

#include <random>
#include <vector>

#include "check.hpp"
#include "sparsetransfer/sparse_coding/masked.hpp"

namespace {

using namespace sparsetransfer;
using Mask = Eigen::Matrix<bool, Eigen::Dynamic, Eigen::Dynamic>;

constexpr Index kFeatures = 24, kAtoms = 60, kSamples = 700;

template <typename T>
struct Problem {
  Matrix<T> signals{kFeatures, kSamples}, dictionary{kFeatures, kAtoms};
  Mask mask{kFeatures, kSamples};

  Problem() {
    std::mt19937 generator(5);
    std::normal_distribution<double> normal;
    std::bernoulli_distribution observed(0.8);
    // A common direction makes the atoms as coherent as those of speech.
    for (Matrix<T>* matrix : {&signals, &dictionary}) {
      for (Index i = 0; i < matrix->size(); ++i) matrix->data()[i] = T(2.0 + normal(generator));
      matrix->colwise().normalize();
    }
    for (Index i = 0; i < mask.size(); ++i) mask.data()[i] = observed(generator);
    mask.middleCols(100, 300).colwise() = mask.col(100).eval();
    mask.col(3).setConstant(false);
  }
};

template <typename T, typename Code>
void check_threads(const Code& code, bool converges) {
  Matrix<T> one = Matrix<T>::Zero(kAtoms, kSamples);
  std::vector<CodingReport> reports(kSamples);
  code(Execution{1, {}}, one, reports.data());
  CHECK(one.cwiseAbs().maxCoeff() > T(0));
  for (const CodingReport& report : reports)
    CHECK(!converges || report.status == Status::converged);
  for (const int threads : {2, 3, 7}) {
    Matrix<T> other = Matrix<T>::Zero(kAtoms, kSamples);
    code(Execution{threads, {}}, other, reports.data());
    CHECK(other == one);
  }
}

template <typename T>
void check_all() {
  const Problem<T> problem;
  CodingSettings settings;
  settings.alpha = 0.01;
  settings.tolerance = sizeof(T) == 8 ? 1e-9 : 1e-4;
  const PursuitSettings pursuit{SelectionRule::residual, 5, 0.0};
  const CodingExtras none;
  check_threads<T>(
      [&](const Execution& execution, Matrix<T>& codes, CodingReport* reports) {
        encode<T>(execution, problem.signals, problem.dictionary, settings, none, codes, reports);
      },
      true);
  check_threads<T>(
      [&](const Execution& execution, Matrix<T>& codes, CodingReport* reports) {
        const Matrix<T> gram = problem.dictionary.transpose() * problem.dictionary;
        const Matrix<T> correlations = problem.dictionary.transpose() * problem.signals;
        encode_gram<T>(execution, gram, correlations, settings, none, codes, reports);
      },
      sizeof(T) == 8);
  check_threads<T>(
      [&](const Execution& execution, Matrix<T>& codes, CodingReport* reports) {
        encode_masked<T>(execution, problem.signals, problem.mask, problem.dictionary, settings,
                         none, codes, reports);
      },
      true);
  check_threads<T>(
      [&](const Execution& execution, Matrix<T>& codes, CodingReport* reports) {
        pursue<T>(execution, problem.signals, problem.dictionary, pursuit, codes, reports);
      },
      true);
  check_threads<T>(
      [&](const Execution& execution, Matrix<T>& codes, CodingReport* reports) {
        pursue_masked<T>(execution, problem.signals, problem.mask, problem.dictionary, pursuit,
                         codes, reports);
      },
      true);
}

TEST(coders_do_not_depend_on_threads_in_double) { check_all<double>(); }
TEST(coders_do_not_depend_on_threads_in_single) { check_all<float>(); }

}  // namespace
