#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <vector>

#include "check.hpp"
#include "gaussian.hpp"
#include "sparsetransfer/numerics/nearest_plane.hpp"
#include "sparsetransfer/sparse_coding/rounding.hpp"

namespace {

using check::gaussian;
using namespace sparsetransfer;

/// Atoms with much in common, as frames of speech have.
Matrix<double> coherent(Index features, Index atoms) {
  Matrix<double> D = gaussian<double>(features, atoms, 7).array() * 0.3 *
                         std::sqrt(static_cast<double>(features)) +
                     1.0;
  for (Index j = 0; j < atoms; ++j) D.col(j).normalize();
  return D;
}

Vector<double> nearest(const Vector<double>& x) { return x.cast<float>().cast<double>(); }

TEST(rounding_moves_the_image_less_than_rounding_to_nearest) {
  for (const Index atoms : {1, 2, 9, 60, 150}) {
    const Matrix<double> D = coherent(200, atoms);
    const Eigen::LLT<Matrix<double>> factor(D.transpose() * D);
    const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> L =
        factor.matrixL();
    const Vector<double> exact = gaussian<double>(atoms, 1, 3);
    Vector<double> x = exact;
    Vector<double> work(atoms);
    round_to_nearest_plane<float>(
        atoms, [&](Index i) { return L.data() + i * atoms; }, x.data(), work.data());
    CHECK(x == nearest(x));
    CHECK((x.array() * exact.array() > 0.0).all());
    const double moved = (D * (x - exact)).norm();
    const double plain = (D * (nearest(exact) - exact)).norm();
    // Entry i leaves at most half an ulp along what its atom does not share with those before.
    double bound = 0.0;
    for (Index i = 0; i < atoms; ++i) bound += std::pow(L(i, i) * 0.5 * std::abs(x[i]) * 1.2e-7, 2);
    CHECK(moved <= std::sqrt(bound) + 1e-15);
    CHECK(moved <= plain + 1e-15);
    if (atoms < 9) continue;
    const auto slope = [&](const Vector<double>& rounded) {
      return (D.transpose() * (D * (rounded - exact))).cwiseAbs().maxCoeff();
    };
    CHECK(slope(x) < 0.5 * slope(nearest(exact)));
  }
}

TEST(entries_without_a_pivot_or_about_to_lose_their_sign_are_rounded_to_nearest) {
  // Two equal atoms: what the last one leaves is far more than the first one is.
  const double L[2][2] = {{1.0, 0.0}, {1.0, 0.0}};
  Vector<double> x(2), work(2);
  x << 1e-12, 1.0 - 1e-8;
  const Vector<double> expected = nearest(x);
  round_to_nearest_plane<float>(2, [&](Index i) { return L[i]; }, x.data(), work.data());
  CHECK(x == expected);
}

TEST(sorted_rounding_does_not_depend_on_the_order_of_the_atoms) {
  const Index features = 200, atoms = 60;
  const Matrix<float> D = coherent(features, atoms).cast<float>();
  const Execution execution;
  const PanelGram<float> gram = PanelGram<float>::from_dictionary(execution, D);
  const Vector<double> exact = gaussian<double>(atoms, 1, 3);
  std::vector<int> forward(atoms), backward(atoms);
  for (int j = 0; j < atoms; ++j) forward[j] = backward[atoms - 1 - j] = j;
  Vector<double> x = exact, y = exact.reverse();
  SortedRounding rounding;
  rounding.round(gram, 0.0, atoms, forward.data(), x.data());
  rounding.round(gram, 0.0, atoms, backward.data(), y.data());
  CHECK(x == nearest(x));
  CHECK(x == y.reverse());
  const Matrix<double> wide = D.cast<double>();
  CHECK((wide * (x - exact)).norm() < 0.7 * (wide * (nearest(exact) - exact)).norm());
}

TEST(the_rounded_code_has_the_certificate_of_the_code_that_is_returned) {
  const Index features = 80, atoms = 60;
  const Matrix<float> D = coherent(features, atoms).cast<float>();
  const Matrix<float> X = D * gaussian<float>(atoms, 1, 5);
  const Matrix<double> wide = D.cast<double>();
  Vector<double> code = gaussian<double>(atoms, 1, 9);
  for (Index j = 0; j < atoms; j += 3) code[j] = 0.0;
  CodingSettings settings;
  settings.alpha = 0.125;
  settings.tolerance = 1e9;
  const Execution execution;
  const PanelGram<float> gram = PanelGram<float>::from_dictionary(execution, D);
  const ConstMatrixRef<float> signals(X), columns(D);
  const PanelDictionary<float> dictionary(execution, columns);
  const Vector<float> correlations = D.transpose() * X;
  CodeRounder rounder({features, atoms, atoms, 1}, settings, Vector<double>());
  const CodingReport report = rounder.round({execution, gram, &signals, &dictionary}, 0,
                                            correlations.data(), code, Status::max_iterations);
  const Vector<float>& out = rounder.code();
  for (Index j = 0; j < atoms; ++j) CHECK((out[j] == 0.0F) == (code[j] == 0.0));
  const Vector<double> c = wide.transpose() * (X.cast<double>().col(0) - wide * out.cast<double>());
  double violation = 0.0;
  for (Index j = 0; j < atoms; ++j)
    violation =
        std::max(violation, out[j] != 0.0F ? std::abs(c[j] - std::copysign(settings.alpha, out[j]))
                                           : std::abs(c[j]) - settings.alpha);
  CHECK_NEAR(report.kkt, violation, 1e-12);
  const double moved = (wide * (out.cast<double>() - code)).norm();
  CHECK(moved < 0.7 * (wide * (nearest(code) - code)).norm());
}

TEST(dependent_atoms_are_rounded_all_the_same) {
  const Index features = 20, atoms = 12;
  Matrix<float> D = coherent(features, atoms).cast<float>();
  for (Index j = 6; j < atoms; ++j) D.col(j) = D.col(j - 6);
  const Matrix<float> X = D.col(0);
  const Vector<double> code = gaussian<double>(atoms, 1, 2);
  const Execution execution;
  const PanelGram<float> gram = PanelGram<float>::from_dictionary(execution, D);
  const ConstMatrixRef<float> signals(X), columns(D);
  const PanelDictionary<float> dictionary(execution, columns);
  const Vector<float> correlations = D.transpose() * X;
  CodeRounder rounder({features, atoms, atoms, 1}, CodingSettings(), Vector<double>());
  const CodingReport report = rounder.round({execution, gram, &signals, &dictionary}, 0,
                                            correlations.data(), code, Status::converged);
  const Vector<float>& out = rounder.code();
  CHECK(std::isfinite(report.kkt));
  for (Index j = 0; j < atoms; ++j) CHECK_NEAR(out[j], code[j], 1e-5);
}

}  // namespace
