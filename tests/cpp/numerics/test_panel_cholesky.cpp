#include <random>

#include "check.hpp"
#include "sparsetransfer/numerics/panel_cholesky.hpp"

namespace {

using namespace sparsetransfer;

Matrix<double> random_matrix(Index rows, Index cols) {
  std::mt19937 generator(3);
  std::normal_distribution<double> normal;
  Matrix<double> out(rows, cols);
  for (Index i = 0; i < out.size(); ++i) out.data()[i] = normal(generator);
  return out;
}

// Less than a panel, whole panels, and a remainder.
TEST(solves_systems_of_any_size) {
  for (const Index size : {1, 5, 128, 300}) {
    const Matrix<double> root = random_matrix(size, size + 10);
    const Matrix<double> matrix = root * root.transpose();
    const Matrix<double> rhs = random_matrix(size, 131);
    PanelCholesky factor;
    REQUIRE(factor.compute({1, {}}, matrix));
    const Matrix<double> solution = factor.solve({1, {}}, rhs);
    CHECK_NEAR((matrix * solution - rhs).cwiseAbs().maxCoeff(), 0.0, 1e-6);
    for (const int threads : {2, 3}) {
      PanelCholesky other;
      REQUIRE(other.compute({threads, {}}, matrix));
      CHECK(other.solve({threads, {}}, rhs) == solution);
    }
  }
}

TEST(refuses_what_is_not_positive_definite) {
  Matrix<double> matrix = Matrix<double>::Identity(200, 200);
  matrix(150, 150) = -1.0;
  PanelCholesky factor;
  CHECK(!factor.compute({2, {}}, matrix));
}

struct Stop {};

TEST(stops_between_panels) {
  const Execution execution{2, [] { throw Stop(); }};
  bool stopped = false;
  PanelCholesky factor;
  try {
    factor.compute(execution, Matrix<double>::Identity(600, 600));
  } catch (const Stop&) {
    stopped = true;
  }
  CHECK(stopped);
}

}  // namespace
