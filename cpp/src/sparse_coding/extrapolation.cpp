#include "sparsetransfer/sparse_coding/extrapolation.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

namespace sparsetransfer {

bool Extrapolation::push(const double* iterate, const double* image, Index size) {
  std::copy_n(iterate, size, iterates_.col(count_).data());
  std::copy_n(image, size, images_.col(count_).data());
  return ++count_ == kMemory + 1;
}

bool Extrapolation::extrapolate(double* iterate, double* image, Index size) {
  count_ = 0;
  // The weights minimise |sum_i w_i (x_{i+1} - x_i)| among those that sum to one.
  using Small = Eigen::Matrix<double, kMemory, kMemory>;
  using Weights = Eigen::Matrix<double, kMemory, 1>;
  Small products;
  for (Index i = 0; i < kMemory; ++i) {
    for (Index j = 0; j <= i; ++j) {
      double sum = 0.0;
      for (Index r = 0; r < size; ++r)
        sum += (iterates_(r, i + 1) - iterates_(r, i)) * (iterates_(r, j + 1) - iterates_(r, j));
      products(i, j) = products(j, i) = sum;
    }
  }
  const double trace = products.trace();
  if (!(trace > 0.0)) return false;
  products.diagonal().array() += 1e-12 * trace;
  const Weights weights = products.ldlt().solve(Weights::Ones());
  const double sum = weights.sum();
  if (!std::isfinite(sum) || std::abs(sum) < 1e-300) return false;
  const Weights shares = weights / sum;
  Eigen::Map<Vector<double>>(iterate, size).noalias() =
      iterates_.topRows(size).rightCols<kMemory>().lazyProduct(shares);
  Eigen::Map<Vector<double>>(image, size).noalias() =
      images_.topRows(size).rightCols<kMemory>().lazyProduct(shares);
  return true;
}

}  // namespace sparsetransfer
