#include "sparsetransfer/sparse_coding/rounding.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "sparsetransfer/numerics/nearest_plane.hpp"

namespace sparsetransfer {
namespace {

/// Pivots below this share of the largest diagonal entry are rounding of the float32 Gram matrix.
constexpr double kDependence = 64 * static_cast<double>(std::numeric_limits<float>::epsilon());

/// Overwrites the upper triangle of a positive semidefinite matrix by L', G = L L'. Column i of the
/// triangle is row i of L. Dependent columns get a zero pivot, and nothing depends on them.
void factorise(MatrixRef<double> gram) {
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

void SortedRounding::round(const PanelGram<float>& gram, double ridge, Index count,
                           const int* atoms, double* values) {
  gram.require(atoms, count);
  order_.resize(static_cast<std::size_t>(count));
  std::iota(order_.begin(), order_.end(), Index(0));
  // The last are rounded first: large coefficients, whose last digit weighs most.
  std::sort(order_.begin(), order_.end(), [&](Index i, Index j) {
    const double left = std::abs(values[i]);
    const double right = std::abs(values[j]);
    return left != right ? left < right : i < j;
  });
  if (entries_.size() < count * count) {
    entries_.resize(count * count);
    sorted_.resize(count);
    work_.resize(count);
  }
  Eigen::Map<Matrix<double>> factor(entries_.data(), count, count);
  for (Index i = 0; i < count; ++i) {
    const Index place = order_[static_cast<std::size_t>(i)];
    sorted_[i] = values[place];
    for (Index l = 0; l <= i; ++l)
      factor(l, i) =
          static_cast<double>(gram(atoms[order_[static_cast<std::size_t>(l)]], atoms[place]));
    factor(i, i) += ridge;
  }
  factorise(factor);
  round_to_nearest_plane<float>(
      count, [&](Index i) { return factor.col(i).data(); }, sorted_.data(), work_.data());
  for (Index i = 0; i < count; ++i) values[order_[static_cast<std::size_t>(i)]] = sorted_[i];
}

CodingReport CodeRounder::round(const CodingBlock<float>& block, Index index,
                                const float* correlations, const ConstVectorRef<double>& code,
                                Status otherwise) {
  used_.clear();
  values_.clear();
  for (Index j = 0; j < code.size(); ++j) {
    if (code[j] == 0.0) continue;
    used_.push_back(static_cast<int>(j));
    values_.push_back(code[j]);
  }
  const double ridge = block.ridge ? block.ridge[index] : 0.0;
  rounding_.round(block.gram, ridge, static_cast<Index>(used_.size()), used_.data(),
                  values_.data());
  code_.setZero();
  for (std::size_t i = 0; i < used_.size(); ++i) code_[used_[i]] = static_cast<float>(values_[i]);
  const CodingReport sorted =
      certifier_.certify(block, index, correlations, code_.data(), otherwise);
  if (sorted.status == Status::converged) return sorted;
  nearest_ = code.cast<float>();
  const CodingReport nearest =
      certifier_.certify(block, index, correlations, nearest_.data(), otherwise);
  if (!(nearest.kkt < sorted.kkt)) return sorted;
  code_.swap(nearest_);
  return nearest;
}

}  // namespace sparsetransfer
