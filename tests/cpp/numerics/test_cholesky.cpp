#include <Eigen/Cholesky>
#include <algorithm>
#include <random>
#include <vector>

#include "check.hpp"
#include "sparsetransfer/numerics/cholesky.hpp"

namespace {

using namespace sparsetransfer;

constexpr Index kMost = UpdatableCholesky::kMaxAppend;

/// A factor beside the rows and columns of a matrix that it ought to be of.
struct Pair {
  explicit Pair(const Matrix<double>& of) : matrix(of), factor(of.cols()) {}

  /// Appends; returns which were accepted.
  std::vector<bool> append(const std::vector<Index>& indices, double tolerance = 1e-9) {
    AlignedBuffer<double> cross(std::max<Index>(1, factor.size()) * kMost);
    double corner[kMost * kMost] = {};
    std::fill(cross.data(), cross.data() + factor.size() * kMost, 0.0);
    const auto count = static_cast<Index>(indices.size());
    for (Index q = 0; q < count; ++q) {
      for (Index i = 0; i < factor.size(); ++i)
        cross.data()[i * kMost + q] = matrix(used[i], indices[q]);
      for (Index r = 0; r < count; ++r) corner[q * kMost + r] = matrix(indices[q], indices[r]);
    }
    bool accepted[kMost];
    factor.append(count, cross.data(), corner, tolerance, accepted);
    for (Index q = 0; q < count; ++q)
      if (accepted[q]) used.push_back(indices[q]);
    return std::vector<bool>(accepted, accepted + count);
  }

  void remove(Index position, double* rhs) {
    factor.remove(position, rhs);
    used.erase(used.begin() + position);
  }

  Matrix<double> lower() const { return Matrix<double>(matrix(used, used)).llt().matrixL(); }

  Matrix<double> matrix;
  UpdatableCholesky factor;
  std::vector<Index> used;
};

Matrix<double> random_gram(Index size, std::mt19937& generator) {
  std::normal_distribution<double> normal;
  Matrix<double> root(size + 20, size);
  for (Index i = 0; i < root.size(); ++i) root.data()[i] = normal(generator) + 1.0;
  return root.transpose() * root / static_cast<double>(size);
}

/// A vector with its padding, which is zero.
struct Padded {
  explicit Padded(const Vector<double>& values)
      : size(values.size()), entries(round_up(size + 1, UpdatableCholesky::kGroup)) {
    std::fill(entries.data(), entries.data() + round_up(size + 1, UpdatableCholesky::kGroup), 0.0);
    std::copy(values.data(), values.data() + size, entries.data());
  }
  Vector<double> get() const { return Eigen::Map<const Vector<double>>(entries.data(), size); }
  Index size;
  AlignedBuffer<double> entries;
};

void check_solves(const Pair& pair, std::mt19937& generator) {
  std::normal_distribution<double> normal;
  Vector<double> x(pair.factor.size());
  for (Index i = 0; i < x.size(); ++i) x[i] = normal(generator);
  const Matrix<double> lower = pair.lower();
  Padded down(x), up(x), product(x);
  pair.factor.solve_lower(down.entries.data());
  pair.factor.solve_upper(up.entries.data());
  pair.factor.multiply_transposed(x.data(), product.entries.data());
  const double scale = 1e-9 * (1.0 + x.cwiseAbs().maxCoeff());
  CHECK_NEAR((lower * down.get() - x).cwiseAbs().maxCoeff(), 0.0, scale);
  CHECK_NEAR((lower.transpose() * up.get() - x).cwiseAbs().maxCoeff(), 0.0, scale);
  CHECK_NEAR((lower.transpose() * x - product.get()).cwiseAbs().maxCoeff(), 0.0, 10 * scale);
}

// Batches of every size, over and off the borders of groups of eight rows, and removals in between.
TEST(follows_appends_and_removals) {
  std::mt19937 generator(5);
  const Index size = 120;
  Pair pair(random_gram(size, generator));
  Index next = 0;
  for (Index batch = 1; batch <= kMost && next + batch <= size; ++batch) {
    std::vector<Index> indices;
    while (static_cast<Index>(indices.size()) < batch) indices.push_back(next++);
    const auto accepted = pair.append(indices);
    CHECK(std::all_of(accepted.begin(), accepted.end(), [](bool yes) { return yes; }));
    check_solves(pair, generator);
    for (Index k = 0; k < batch / 3; ++k) {
      Vector<double> known(pair.factor.size());
      for (Index i = 0; i < known.size(); ++i) known[i] = static_cast<double>(i % 5) - 2.0;
      const Vector<double> rhs = pair.lower() * known;  // L y = rhs with y = known
      const Index position = (7 * k + batch) % pair.factor.size();
      Padded rotated(known);
      pair.remove(position, rotated.entries.data());
      Vector<double> kept(known.size() - 1);
      for (Index i = 0; i < kept.size(); ++i) kept[i] = rhs[i < position ? i : i + 1];
      const Vector<double> y = rotated.get().head(kept.size());
      CHECK_NEAR((pair.lower() * y - kept).cwiseAbs().maxCoeff(), 0.0, 1e-8);
      check_solves(pair, generator);
    }
  }
}

// The second of a pair of equal rows depends on the first, whether that came before or with it.
TEST(leaves_dependent_rows_out) {
  std::mt19937 generator(6);
  const Index size = 30;
  Matrix<double> matrix(size, size);
  const Matrix<double> half = random_gram(size / 2, generator);
  for (Index i = 0; i < size; ++i)
    for (Index j = 0; j < size; ++j) matrix(i, j) = half(i / 2, j / 2);
  for (const std::vector<Index>& first : {std::vector<Index>{0}, std::vector<Index>{0, 2, 4, 6}}) {
    Pair pair(matrix);
    pair.append(first);
    const std::vector<Index> indices{1, 8, 9, 10, 12, 14, 15, 16, 18, 19, 20, 21};
    const auto accepted = pair.append(indices);
    for (std::size_t q = 0; q < indices.size(); ++q) {
      bool new_one = true;
      for (const Index i : first) new_one = new_one && i / 2 != indices[q] / 2;
      for (std::size_t r = 0; r < q; ++r) new_one = new_one && indices[r] / 2 != indices[q] / 2;
      CHECK(accepted[q] == new_one);
    }
    check_solves(pair, generator);
  }
}

}  // namespace
