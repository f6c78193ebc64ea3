// Every parallel path of the coupled codes gives the same bits for any number of threads; built
// with a thread sanitizer, the test also shows that they share nothing they write.

#include <cmath>
#include <cstdint>
#include <vector>

#include "check.hpp"
#include "sparsetransfer/transfer/learn.hpp"

namespace {

using check::noise;
using sparsetransfer::Execution;
using sparsetransfer::Index;
using sparsetransfer::Matrix;
using sparsetransfer::Vector;
namespace transfer = sparsetransfer::transfer;
using transfer::CodeSolver;

constexpr Index kFeatures = 20, kAtoms = 48, kSamples = 1200, kClasses = 3;

Matrix<double> noisy(Index rows, Index cols, Index seed) {
  Matrix<double> values(rows, cols);
  for (Index i = 0; i < values.size(); ++i) values(i) = noise(seed + 3 * i);
  return values;
}

/// Two domains, large enough for several threads, and the Laplacian of a chain of samples.
struct Example {
  Matrix<double> signals = noisy(kFeatures, kSamples, 1), dictionary = noisy(kFeatures, kAtoms, 7);
  Matrix<double> means{kSamples, 1}, gram, correlations;
  std::vector<std::int64_t> indptr{0};
  std::vector<std::int32_t> indices;
  std::vector<double> values;
  transfer::CodeProblem<double> problem{{nullptr, 0, 0}, {nullptr, 0, 0}, 0, {}, 0.4, false};

  explicit Example(bool chained) {
    dictionary.colwise().normalize();
    means.col(0).head(kSamples / 2).setConstant(4.0 / kSamples);
    means.col(0).tail(kSamples / 2).setConstant(-4.0 / kSamples);
    gram = dictionary.transpose() * dictionary;
    correlations = dictionary.transpose() * signals;
    new (&problem.gram) Eigen::Map<const Matrix<double>>(gram.data(), kAtoms, kAtoms);
    new (&problem.correlations)
        Eigen::Map<const Matrix<double>>(correlations.data(), kAtoms, kSamples);
    new (&problem.coupling.means) Eigen::Map<const Matrix<double>>(means.data(), kSamples, 1);
    problem.signal_energy = signals.squaredNorm();
    if (!chained) return;
    for (Index i = 0; i < kSamples; ++i) {
      for (const Index j : {i - 1, i, i + 1}) {
        if (j < 0 || j >= kSamples) continue;
        indices.push_back(static_cast<std::int32_t>(j));
        values.push_back(j != i ? -0.1 : i == 0 || i == kSamples - 1 ? 0.1 : 0.2);
      }
      indptr.push_back(static_cast<std::int64_t>(indices.size()));
    }
    problem.coupling.laplacian = {indptr.data(), indices.data(), values.data(), kSamples,
                                  static_cast<Index>(indices.size())};
  }
};

void check_solver(CodeSolver solver, bool chained) {
  const Example example(chained);
  Matrix<double> expected;
  for (const int threads : {1, 3}) {
    Matrix<double> codes = Matrix<double>::Zero(kAtoms, kSamples);
    transfer::encode<double>(
        Execution{threads, {}}, example.problem,
        transfer::EncodeSettings{.solver = solver, .tolerance = 1e-4, .max_iterations = 6}, codes);
    if (threads == 1) expected = codes;
    CHECK((codes.array() != 0).any());
    CHECK((codes.array() == expected.array()).all());
  }
}

TEST(codes_do_not_depend_on_threads) {
  for (const CodeSolver solver :
       {CodeSolver::automatic, CodeSolver::fista, CodeSolver::newton, CodeSolver::admm,
        CodeSolver::gauss_seidel, CodeSolver::atom_sweeps})
    check_solver(solver, false);
}

TEST(codes_on_a_graph_do_not_depend_on_threads) {
  for (const CodeSolver solver : {CodeSolver::automatic, CodeSolver::fista, CodeSolver::newton})
    check_solver(solver, true);
}

TEST(learned_dictionaries_do_not_depend_on_threads) {
  const Example example(false);
  Matrix<double> targets = Matrix<double>::Zero(kClasses, kSamples);
  Vector<double> weights = Vector<double>::Zero(kSamples);
  for (Index i = 0; i < kSamples / 2; ++i) {
    targets(i % kClasses, i) = 1;
    weights[i] = 0.5;
  }
  for (const auto update :
       {transfer::DictionaryUpdate::block_coordinate, transfer::DictionaryUpdate::lagrange_dual}) {
    Matrix<double> expected;
    for (const int threads : {1, 3}) {
      Matrix<double> dictionary = example.dictionary;
      Matrix<double> codes = Matrix<double>::Zero(kAtoms, kSamples);
      Matrix<double> map = Matrix<double>::Zero(kClasses, kAtoms);
      transfer::LearnProblem<double> problem{example.problem.coupling, 0.4};
      new (&problem.supervision.targets)
          Eigen::Map<const Matrix<double>>(targets.data(), kClasses, kSamples);
      new (&problem.supervision.weights) Eigen::Map<const Vector<double>>(weights.data(), kSamples);
      new (&problem.supervision.map) Eigen::Map<Matrix<double>>(map.data(), kClasses, kAtoms);
      transfer::LearnSettings settings;
      settings.max_iterations = 4;
      settings.encode.tolerance = 1e-3;
      settings.dictionary_update = update;
      transfer::learn<double>(Execution{threads, {}}, example.signals, problem, settings, {},
                              dictionary, codes);
      Matrix<double> found(kFeatures + kSamples, kAtoms);
      found << dictionary, codes.transpose();
      if (threads == 1) expected = found;
      CHECK((found.array() == expected.array()).all());
    }
  }
}

}  // namespace
