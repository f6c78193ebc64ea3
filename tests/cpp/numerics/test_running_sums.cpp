#include <cmath>
#include <random>

#include "check.hpp"
#include "sparsetransfer/numerics/running_sums.hpp"

namespace {

using namespace sparsetransfer;

// Several columns at once, the remainder, and both.
TEST(running_sums_are_those_of_one_addition_after_another) {
  std::mt19937 generator(1);
  std::normal_distribution<float> normal;
  for (const Index cols : {0, 1, 7, 8, 19}) {
    Matrix<float> values(30, cols);
    for (Index i = 0; i < values.size(); ++i) values.data()[i] = normal(generator);
    Matrix<float> sums(30, cols);
    running_sums<float>(values, sums);
    for (Index col = 0; col < cols; ++col) {
      float total = 0.0F;
      for (Index row = 0; row < 30; ++row) {
        total += values(row, col);
        CHECK(sums(row, col) == total);
      }
    }
  }
}

TEST(running_sums_keep_negative_zeros) {
  const Matrix<double> values = Matrix<double>::Constant(2, 9, -0.0);
  Matrix<double> sums(2, 9);
  running_sums<double>(values, sums);
  CHECK(sums.unaryExpr([](double sum) { return double(std::signbit(sum)); }).minCoeff() == 1.0);
}

}  // namespace
