#include <cmath>
#include <limits>
#include <vector>

#include "check.hpp"
#include "sparse_coding/gaussian.hpp"
#include "sparsetransfer/sparse_coding/encode.hpp"
#include "sparsetransfer/sparse_coding/homotopy.hpp"
#include "sparsetransfer/sparse_coding/path.hpp"

namespace {

using namespace sparsetransfer;

using check::gaussian;

/// The largest violation of a code, from the definition.
double violation(const Vector<double>& x, const Matrix<double>& D, const Vector<double>& code,
                 double alpha, bool nonnegative) {
  const Vector<double> gradient = D.transpose() * (x - D * code);
  double worst = 0.0;
  for (Index j = 0; j < code.size(); ++j) {
    const double upward = nonnegative ? gradient[j] : std::abs(gradient[j]);
    worst = std::max(worst, code[j] != 0.0 ? std::abs(gradient[j] - std::copysign(alpha, code[j]))
                                           : upward - alpha);
    CHECK(!nonnegative || code[j] >= 0.0);
  }
  return worst;
}

/// Walks the path of one signal and checks every knot and every middle between two.
void check_path(const Matrix<double>& D, const Vector<double>& x, bool nonnegative) {
  const PanelGram<double> gram = PanelGram<double>::from_dictionary({}, D);
  const Matrix<double> correlations = D.transpose() * x;
  const std::vector<CodePath> paths = code_paths({}, gram, correlations, {0.01, 500, nonnegative},
                                                 Vector<double>(), Vector<double>());
  CHECK(paths.size() == 1);
  const CodePath& path = paths[0];
  CHECK(path.status == Status::converged);
  CHECK(path.penalties.back() == 0.01);
  Vector<double> above = Vector<double>::Zero(D.cols());
  for (std::size_t i = 0; i < path.penalties.size(); ++i) {
    Vector<double> code = Vector<double>::Zero(D.cols());
    for (Index e = path.begin[i]; e < path.begin[i + 1]; ++e) code[path.atoms[e]] = path.values[e];
    CHECK(violation(x, D, code, path.penalties[i], nonnegative) < 1e-11);
    CHECK(path.kkt[i] < 1e-11);
    if (i > 0) {
      CHECK(path.penalties[i] <= path.penalties[i - 1]);
      const Vector<double> middle = 0.5 * (code + above);
      const double alpha = 0.5 * (path.penalties[i] + path.penalties[i - 1]);
      CHECK(violation(x, D, middle, alpha, nonnegative) < 1e-11);
    }
    above = code;
  }
}

TEST(every_knot_is_a_solution) {
  const Matrix<double> D = gaussian<double>(20, 50, 1);
  const Matrix<double> X = gaussian<double>(20, 6, 2);
  for (Index i = 0; i < X.cols(); ++i) {
    check_path(D, X.col(i), false);
    check_path(D, X.col(i), true);
  }
}

TEST(dependent_and_vanishing_atoms_do_not_end_a_path) {
  Matrix<double> D = gaussian<double>(20, 4, 3) * gaussian<double>(4, 30, 4);  // rank 4
  D.col(1) = D.col(0);
  D.col(2) = -D.col(0);
  D.col(3).setZero();
  const Matrix<double> X = gaussian<double>(20, 6, 5);
  for (Index i = 0; i < X.cols(); ++i) {
    check_path(D, X.col(i), false);
    check_path(D, X.col(i), true);
  }
  check_path(D, D.col(0), false);
  check_path(D, Vector<double>::Zero(20), false);
}

TEST(all_algorithms_give_one_answer) {
  const Matrix<double> D = gaussian<double>(30, 80, 6);
  const Matrix<double> X = gaussian<double>(30, 10, 7);
  for (const bool nonnegative : {false, true}) {
    CodingSettings settings;
    settings.alpha = 0.05;
    settings.nonnegative = nonnegative;
    settings.max_iterations = 20000;
    Matrix<double> expected(80, 10);
    std::vector<CodingReport> reports(10);
    encode<double>({2, {}}, X, D, settings, {}, expected, reports.data());
    for (const Algorithm algorithm :
         {Algorithm::coordinate_descent, Algorithm::homotopy, Algorithm::fista}) {
      settings.algorithm = algorithm;
      Matrix<double> codes(80, 10);
      encode<double>({2, {}}, X, D, settings, {}, codes, reports.data());
      CHECK((codes - expected).cwiseAbs().maxCoeff() < 1e-8);
      for (Index i = 0; i < 10; ++i) {
        CHECK(reports[i].status == Status::converged);
        CHECK(violation(X.col(i), D, codes.col(i), 0.05, nonnegative) < 1e-10);
      }
    }
  }
}

TEST(least_angles_are_equal) {
  const Matrix<double> D = gaussian<double>(40, 30, 8);
  const Matrix<double> X = gaussian<double>(40, 5, 9);
  const PanelGram<double> gram = PanelGram<double>::from_dictionary({}, D);
  Matrix<double> codes(30, 5);
  std::vector<int> steps(5);
  least_angle({2, {}}, gram, D.transpose() * X, 7, codes, steps.data());
  const Matrix<double> gradient = D.transpose() * (X - D * codes);
  for (Index i = 0; i < 5; ++i) {
    CHECK(steps[i] == 7);
    CHECK((codes.col(i).array() != 0.0).count() == 7);
    const double largest = gradient.col(i).cwiseAbs().maxCoeff();
    for (Index j = 0; j < 30; ++j)
      CHECK(codes(j, i) == 0.0 || std::abs(std::abs(gradient(j, i)) - largest) < 1e-13);
  }
}

TEST(bad_settings_are_refused) {
  const Matrix<double> D = gaussian<double>(8, 5, 1);
  const PanelGram<double> gram = PanelGram<double>::from_dictionary({}, D);
  const Matrix<double> b = D.transpose() * D;
  const Vector<double> none;
  CHECK_THROWS(std::invalid_argument, "least_penalty",
               code_paths({}, gram, b, {-1.0, 10, false}, none, none));
  CHECK_THROWS(std::invalid_argument, "most_steps",
               code_paths({}, gram, b, {0.1, 0, false}, none, none));
  CHECK_THROWS(std::invalid_argument, "weights",
               code_paths({}, gram, b, {0.1, 10, false}, Vector<double>::Zero(5), none));
  CodingSettings settings;
  settings.alpha = 0.0;
  settings.algorithm = Algorithm::homotopy;
  Matrix<double> codes(5, 5);
  std::vector<CodingReport> reports(5);
  CHECK_THROWS(std::invalid_argument, "positive",
               encode<double>({}, D, D, settings, {}, codes, reports.data()));
}

}  // namespace
