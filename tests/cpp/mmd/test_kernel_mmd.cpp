#include <atomic>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "check.hpp"
#include "sparsetransfer/mmd/block_pairs.hpp"
#include "sparsetransfer/mmd/kernel_mmd.hpp"
#include "sparsetransfer/status.hpp"

namespace {

using namespace sparsetransfer;

Matrix<double> samples(Index features, Index count, double shift) {
  Matrix<double> out(features, count);
  for (Index i = 0; i < out.size(); ++i) out.data()[i] = std::sin(1.7 * double(i + 1) + shift);
  return out;
}

double kernel(const Matrix<double>& x, Index i, const Matrix<double>& y, Index j,
              const std::vector<double>& widths) {
  double sum = 0;
  for (const double width : widths)
    sum += std::exp(-(x.col(i) - y.col(j)).squaredNorm() / (2 * width * width));
  return sum / static_cast<double>(widths.size());
}

}  // namespace

TEST(bandwidths_share_exponentials_if_their_squares_differ_by_powers_of_two) {
  const KernelMixture shared({2, 1, std::sqrt(2.0), 4});
  CHECK(shared.chains().size() == 1);
  CHECK_NEAR(shared.scale(), 0.25, 0);
  int squarings = 0;
  for (const auto& step : shared.chains()[0].steps) {
    squarings += step.squarings;
    CHECK_NEAR(step.rate, std::ldexp(1.0, squarings), 1e-13);
  }
  CHECK(squarings == 4);
  CHECK(KernelMixture({1, 1}).chains().size() == 1);
  CHECK(KernelMixture({1, 1.3, 2}).chains().size() == 2);
  CHECK(KernelMixture({1, 1024}).chains().size() == 2);  // too many squarings
  const KernelMixture weighted({2, 1, 4}, KernelFamily::gaussian, {6, 3, 1});
  CHECK(weighted.chains().size() == 1);
  const double shares[] = {0.1, 0.6, 0.3};  // from the widest to the narrowest
  for (std::size_t k = 0; k < 3; ++k)
    CHECK_NEAR(weighted.chains()[0].steps[k].share, shares[k], 1e-15);
  const auto mix = [](const std::vector<double>& weights) {
    return KernelMixture({1, 2}, KernelFamily::laplace, weights);
  };
  CHECK_THROWS(std::invalid_argument, "as many kernel weights", mix({1}));
  CHECK_THROWS(std::invalid_argument, "not negative", mix({1, -1}));
  CHECK_THROWS(std::invalid_argument, "positive, finite sum", mix({0, 0}));
  CHECK_THROWS(std::invalid_argument, "at least one bandwidth", KernelMixture({}));
  CHECK_THROWS(std::invalid_argument, "positive and finite", KernelMixture({1, 0}));
  CHECK_THROWS(std::invalid_argument, "positive and finite",
               KernelMixture({std::numeric_limits<double>::infinity()}));
}

TEST(every_pair_of_blocks_meets_once_and_no_block_is_used_twice_at_a_time) {
  for (const Index blocks : {0, 1, 2, 5, 8}) {
    std::mutex mutex;
    std::map<std::pair<Index, Index>, int> met;
    std::multiset<Index> busy;
    bool shared = false;
    for_block_pairs({4, {}}, blocks, [&](Index row, Index column, int) {
      {
        std::lock_guard lock(mutex);
        ++met[{row, column}];
        shared = shared || busy.count(row) || busy.count(column);
        busy.insert({row, column});
      }
      std::lock_guard lock(mutex);
      busy.erase(row);
      busy.erase(column);
    });
    CHECK(!shared);
    CHECK(static_cast<Index>(met.size()) == blocks * (blocks + 1) / 2);
    for (const auto& [pair, times] : met) CHECK(times == 1 && pair.first <= pair.second);
  }
}

TEST(value_and_gradient_equal_the_sums_over_all_pairs) {
  const Matrix<double> source = samples(3, 70, 0);
  const Matrix<double> target = samples(3, 45, 0.5);
  const std::vector<double> widths{0.5, 0.8, 1.0};
  const Matrix<double> a = Matrix<double>::Constant(70, 1, 1.0 / 70);
  const Matrix<double> b = Matrix<double>::Constant(45, 1, 1.0 / 45);
  const Vector<double> one = Vector<double>::Ones(1);
  const Coefficients<double> coefficients{a, b, one, one, one, false};
  Matrix<double> source_gradient(3, 70);
  Matrix<double> target_gradient(3, 45);
  MatrixRef<double> left(source_gradient);
  MatrixRef<double> right(target_gradient);
  const double value = kernel_mmd<double>({2, {}}, KernelMixture(widths), source, target,
                                          coefficients, &left, &right);
  double expected = 0;
  for (Index i = 0; i < 70; ++i)
    for (Index j = 0; j < 70; ++j) expected += kernel(source, i, source, j, widths) / (70. * 70);
  for (Index i = 0; i < 45; ++i)
    for (Index j = 0; j < 45; ++j) expected += kernel(target, i, target, j, widths) / (45. * 45);
  for (Index i = 0; i < 70; ++i)
    for (Index j = 0; j < 45; ++j)
      expected -= 2 * kernel(source, i, target, j, widths) / (70. * 45);
  CHECK_NEAR(value, expected, 1e-14);
  const Vector<double> shift = source_gradient.rowwise().sum() + target_gradient.rowwise().sum();
  CHECK_NEAR(shift.cwiseAbs().maxCoeff(), 0, 1e-14);  // a common shift changes nothing
  const double step = 1e-5;
  for (const Index i : {Index(0), Index(69)}) {
    Matrix<double> moved = source;
    moved(1, i) += step;
    const double above = kernel_mmd<double>({1, {}}, KernelMixture(widths), moved, target,
                                            coefficients, nullptr, nullptr);
    moved(1, i) -= 2 * step;
    const double below = kernel_mmd<double>({1, {}}, KernelMixture(widths), moved, target,
                                            coefficients, nullptr, nullptr);
    CHECK_NEAR(source_gradient(1, i), (above - below) / (2 * step), 1e-10);
  }
}

TEST(other_families_equal_their_formulas_and_share_no_exponential) {
  const Matrix<double> points = samples(3, 21, 0);
  Matrix<double> from = samples(3, 300, 0.5);  // two tiles, the second with a remainder
  from.col(7) = points.col(2);
  const Matrix<double> weights = samples(300, 2, 1);
  const std::vector<double> widths{0.5, 1.0};
  using Formula = double (*)(double);
  const std::pair<KernelFamily, Formula> families[] = {
      {KernelFamily::laplace, [](double r) { return std::exp(-r); }},
      {KernelFamily::inverse_multiquadric, [](double r) { return 1 / std::sqrt(1 + r * r); }}};
  for (const auto& [family, formula] : families) {
    const KernelMixture mixture(widths, family);
    CHECK(mixture.chains().size() == 2);
    Matrix<double> sums(21, 2);
    kernel_sums<double>({2, {}}, mixture, points, from, weights, sums);
    for (Index i = 0; i < 21; ++i) {
      Vector<double> expected = Vector<double>::Zero(2);
      for (Index j = 0; j < 300; ++j) {
        const double distance = (points.col(i) - from.col(j)).norm();
        expected +=
            0.5 * (formula(distance / 0.5) + formula(distance)) * weights.row(j).transpose();
      }
      CHECK_NEAR((sums.row(i).transpose() - expected).cwiseAbs().maxCoeff(), 0, 1e-12);
    }
  }
}

TEST(overflow_is_reported_and_shapes_are_checked) {
  const Matrix<double> source = samples(2, 4, 0) * 1e300;
  const Matrix<double> target = samples(2, 3, 1);
  const Matrix<double> a = Matrix<double>::Constant(4, 1, 0.25);
  const Matrix<double> b = Matrix<double>::Constant(3, 1, 1.0 / 3);
  const Vector<double> one = Vector<double>::Ones(1);
  const Coefficients<double> coefficients{a, b, one, one, one, false};
  const auto call = [&](const Matrix<double>& left, const Matrix<double>& right) {
    kernel_mmd<double>({1, {}}, KernelMixture({1}), left, right, coefficients, nullptr, nullptr);
  };
  CHECK_THROWS(NumericalError, "overflow", call(source, target));
  CHECK_THROWS(std::invalid_argument, "target must have shape", call(source, samples(3, 3, 0)));
  CHECK_THROWS(std::invalid_argument, "coefficients do not fit", call(source, samples(2, 2, 0)));
}
