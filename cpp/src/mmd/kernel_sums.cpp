#include <algorithm>
#include <vector>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/mmd/block_pairs.hpp"
#include "sparsetransfer/mmd/kernel_mmd.hpp"
#include "sparsetransfer/mmd/kernel_tile.hpp"
#include "sparsetransfer/mmd/scaled_samples.hpp"
#include "sparsetransfer/numerics/products.hpp"

namespace sparsetransfer {
namespace {

using tiles::kFar;
using tiles::padded;

constexpr Index kWidth = 256;

/// A tile of kernels between two runs of columns of scaled samples.
template <typename T>
class KernelTile {
 public:
  using View = Eigen::Map<Matrix<T>, 0, Eigen::OuterStride<>>;

  /// Columns `row`.. against columns `column`..; the kernels of a sample with itself, which are
  /// on the diagonal if both runs are the same, are zero.
  View fill(const tiles::Program<T>& program, const ScaledSamples<T>& samples, Index row,
            Index rows, Index column, Index columns) {
    const Index height = padded(rows);
    if (products_.size() == 0) {
      products_.setZero(padded(kWidth), kWidth);  // padding must hold numbers
      half_norms_.resize(padded(kWidth));
    }
    half_norms_.head(height).setConstant(kFar<T>);
    half_norms_.head(rows) = samples.half_norms.segment(row, rows);
    View tile(products_.data(), rows, columns, Eigen::OuterStride<>(height));
    set_product_tn<T>(tile, samples.columns.middleCols(row, rows),
                      samples.columns.middleCols(column, columns));
    tiles::for_family(program.family, [&](auto family) {
      tiles::kernel_tile<family>(program, half_norms_.data(), samples.half_norms.data() + column,
                                 height, columns, products_.data());
    });
    if (row == column) tile.diagonal().setZero();
    return tile;
  }

 private:
  Matrix<T> products_;
  Vector<T> half_norms_;
};

template <typename T>
std::vector<KernelTile<T>> tiles_for(const Execution& execution) {
  return std::vector<KernelTile<T>>(static_cast<std::size_t>(std::max(1, execution.num_threads)));
}

}  // namespace

template <typename T>
void kernel_sums(const Execution& execution, const KernelMixture& kernel,
                 const ConstMatrixRef<T>& points, const ConstMatrixRef<T>& samples,
                 const ConstMatrixRef<T>& weights, MatrixRef<double> result) {
  require_shape("points", points.rows(), points.cols(), samples.rows(), points.cols());
  require(weights.rows() == samples.cols(), "weights do not fit the samples");
  require_shape("result", result.rows(), result.cols(), points.cols(), weights.cols());
  const tiles::Program<T> program(kernel);
  const ScaledSamples<T> scaled(kernel.scale(), points, samples);
  const Execution limited =
      execution.for_work(static_cast<double>(points.cols()) * static_cast<double>(samples.cols()) *
                         static_cast<double>(2 * points.rows() + 20));
  auto tiles = tiles_for<T>(limited);
  parallel_for_blocks(limited, points.cols(), kWidth, [&](Index begin, Index count, int worker) {
    result.middleRows(begin, count).setZero();
    for (Index start = 0; start < samples.cols(); start += kWidth) {
      const Index width = std::min(kWidth, samples.cols() - start);
      const auto tile = tiles[static_cast<std::size_t>(worker)].fill(program, scaled, begin, count,
                                                                     points.cols() + start, width);
      Matrix<T> sums(count, weights.cols());
      set_product<T>(sums, tile, weights.middleRows(start, width));
      result.middleRows(begin, count) += sums.template cast<double>();
    }
  });
}

void kernel_quadratic_forms(const Execution& execution, const KernelMixture& kernel,
                            const ConstMatrixRef<double>& samples,
                            const ConstMatrixRef<double>& weights, VectorRef<double> forms,
                            VectorRef<double> row_sums) {
  const Index size = samples.cols();
  require(weights.rows() == size && row_sums.size() == size && forms.size() == weights.cols(),
          "weights, forms and row_sums do not fit the samples");
  const tiles::Program<double> program(kernel);
  const ScaledSamples<double> scaled(kernel.scale(), samples, samples.leftCols(0));
  const Index blocks = num_blocks(size, kWidth);
  const Execution limited =
      execution.for_work(static_cast<double>(size) * static_cast<double>(size) *
                         static_cast<double>(samples.rows() + weights.cols() + 20));
  auto tiles = tiles_for<double>(limited);
  Matrix<double> partial = Matrix<double>::Zero(weights.cols(), blocks);
  // Sums go through memory of ours: Eigen's order follows the alignment of the destination.
  Vector<double> total = Vector<double>::Zero(size);
  for_block_pairs(limited, blocks, [&](Index row, Index column, int worker) {
    const Index first = row * kWidth;
    const Index second = column * kWidth;
    const Index rows = std::min(kWidth, size - first);
    const Index columns = std::min(kWidth, size - second);
    const auto tile =
        tiles[static_cast<std::size_t>(worker)].fill(program, scaled, first, rows, second, columns);
    Matrix<double> sums(rows, weights.cols());
    set_product<double>(sums, tile, weights.middleRows(second, columns));
    const double times = row == column ? 1 : 2;
    partial.col(row) +=
        times * sums.cwiseProduct(weights.middleRows(first, rows)).colwise().sum().transpose();
    total.segment(first, rows) += tile.rowwise().sum();
    if (row != column) total.segment(second, columns) += tile.colwise().sum().transpose();
  });
  row_sums = total;
  total = partial.rowwise().sum();
  forms = total;
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                            \
  template void kernel_sums<T>(const Execution&, const KernelMixture&, const ConstMatrixRef<T>&, \
                               const ConstMatrixRef<T>&, const ConstMatrixRef<T>&,               \
                               MatrixRef<double>);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
