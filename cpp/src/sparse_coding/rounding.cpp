#include "sparsetransfer/sparse_coding/rounding.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sparsetransfer/numerics/nearest_plane.hpp"

namespace sparsetransfer {
namespace {

/// Pivots below this share of the largest diagonal entry are rounding of the float32 Gram matrix.
constexpr double kDependence = 64 * static_cast<double>(std::numeric_limits<float>::epsilon());

/// Overwrites the upper triangle of a positive semidefinite matrix by L', G = L L'. Column i of the
/// triangle is row i of L. Dependent columns get a zero pivot, and nothing depends on them.
void factorise(Matrix<double>& gram) {
  const double least = kDependence * (gram.size() ? gram.diagonal().maxCoeff() : 0.0);
  for (Index i = 0; i < gram.cols(); ++i) {
    auto column = gram.col(i);
    for (Index l = 0; l < i; ++l) {
      const double pivot = gram(l, l);
      column[l] = pivot > 0.0 ? (column[l] - gram.col(l).head(l).dot(column.head(l))) / pivot : 0.0;
    }
    const double rest = column[i] - column.head(i).squaredNorm();
    column[i] = rest > least ? std::sqrt(rest) : 0.0;
  }
}

}  // namespace

CodingReport CodeRounder::round(const CodingBlock<float>& block, Index index,
                                const float* correlations, const ConstVectorRef<double>& code,
                                float* rounded, Status otherwise) {
  used_.clear();
  for (Index j = 0; j < code.size(); ++j)
    if (code[j] != 0.0) used_.push_back(j);
  // The last are rounded first: large coefficients, whose last digit weighs most.
  std::stable_sort(used_.begin(), used_.end(),
                   [&](Index i, Index j) { return std::abs(code[i]) < std::abs(code[j]); });
  const Index count = static_cast<Index>(used_.size());
  const double ridge = block.ridge ? static_cast<double>(block.ridge[index]) : 0.0;
  gram_.resize(count, count);
  values_.resize(count);
  work_.resize(count);
  for (Index i = 0; i < count; ++i) {
    const Index atom = used_[static_cast<std::size_t>(i)];
    values_[i] = code[atom];
    for (Index l = 0; l <= i; ++l)
      gram_(l, i) = static_cast<double>(block.gram(used_[static_cast<std::size_t>(l)], atom));
    gram_(i, i) += ridge;
  }
  factorise(gram_);
  round_to_nearest_plane<float>(
      count, [this](Index i) { return gram_.col(i).data(); }, values_.data(), work_.data());
  std::fill(rounded, rounded + code.size(), 0.0F);
  for (Index i = 0; i < count; ++i)
    rounded[used_[static_cast<std::size_t>(i)]] = static_cast<float>(values_[i]);
  return certifier_.certify(block, index, correlations, rounded, otherwise);
}

}  // namespace sparsetransfer
