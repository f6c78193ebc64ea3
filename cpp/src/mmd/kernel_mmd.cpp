#include "sparsetransfer/mmd/kernel_mmd.hpp"

#include <algorithm>
#include <vector>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/mmd/block_pairs.hpp"
#include "sparsetransfer/mmd/kernel_tile.hpp"
#include "sparsetransfer/mmd/scaled_samples.hpp"
#include "sparsetransfer/numerics/products.hpp"

namespace sparsetransfer {
namespace {

using tiles::kFar;
using tiles::padded;

/// A run of samples of one domain.
struct Block {
  bool source;
  Index first;      // column of the stacked samples
  Index in_domain;  // column of its domain
  Index count;
};

/// Wide enough for efficient products, narrow enough for a tile and its samples to stay in cache
/// and for small samples to have blocks for every thread. Never depends on the threads.
Index block_width(Index samples) { return std::clamp<Index>(padded(samples / 16), 64, 256); }

template <typename T>
class Discrepancy {
 public:
  Discrepancy(const KernelMixture& kernel, const ConstMatrixRef<T>& source,
              const ConstMatrixRef<T>& target, const Coefficients<T>& coefficients,
              MatrixRef<T>* source_gradient, MatrixRef<T>* target_gradient)
      : program_(kernel),
        samples_(kernel.scale(), source, target),
        coefficients_(coefficients),
        source_gradient_(source_gradient),
        target_gradient_(target_gradient),
        width_(block_width(source.cols() + target.cols())),
        slope_sums_(Vector<double>::Zero(source.cols() + target.cols())) {
    add_blocks(true, 0, source.cols());
    add_blocks(false, source.cols(), target.cols());
    partial_.assign(blocks_.size(), 0);
  }

  double run(const Execution& execution) {
    const double size = static_cast<double>(slope_sums_.size());
    const Execution limited = execution.for_work(
        size * size * static_cast<double>(samples_.columns.rows() * (gradient() ? 3 : 1) + 20));
    std::vector<Workspace> workspaces(static_cast<std::size_t>(std::max(1, limited.num_threads)));
    if (gradient()) {
      source_gradient_->setZero();
      target_gradient_->setZero();
    }
    for_block_pairs(
        limited, static_cast<Index>(blocks_.size()), [&](Index row, Index column, int worker) {
          visit(blocks_[static_cast<std::size_t>(row)], blocks_[static_cast<std::size_t>(column)],
                workspaces[static_cast<std::size_t>(worker)]);
        });
    if (gradient()) {
      finish(true, limited);
      finish(false, limited);
    }
    double total = 0;
    for (const double sum : partial_) total += sum;
    return total;
  }

 private:
  struct Workspace {
    Matrix<T> tile;
    Matrix<T> pair_weights;
    Vector<T> row_half_norms, row_weights, row_sums, column_weights, column_sums;
  };

  bool gradient() const { return source_gradient_ != nullptr; }

  void add_blocks(bool source, Index offset, Index size) {
    for (Index begin = 0; begin < size; begin += width_)
      blocks_.push_back({source, offset + begin, begin, std::min(width_, size - begin)});
  }

  auto weights(const Block& block) const {
    return (block.source ? coefficients_.source : coefficients_.target)
        .middleRows(block.in_domain, block.count);
  }

  /// The factor of every column of weights for this pair of domains, once for each order of the
  /// two samples of a pair.
  Vector<T> factors(const Block& rows, const Block& columns) const {
    if (rows.source != columns.source) return T(-2) * coefficients_.between;
    return T(2) * (rows.source ? coefficients_.within_source : coefficients_.within_target);
  }

  void visit(const Block& rows, const Block& columns, Workspace& work) {
    const bool diagonal = rows.first == columns.first;
    const Index height = padded(rows.count);
    prepare(rows, columns, height, work);
    Eigen::Map<Matrix<T>, 0, Eigen::OuterStride<>> tile(work.tile.data(), rows.count, columns.count,
                                                        Eigen::OuterStride<>(height));
    const auto left = samples_.columns.middleCols(rows.first, rows.count);
    const auto right = samples_.columns.middleCols(columns.first, columns.count);
    set_product_tn<T>(tile, left, right);
    if (diagonal) {
      // A sample is at distance exactly zero from itself, or does not meet itself at all.
      if (coefficients_.exclude_diagonal)
        tile.diagonal().setConstant(-kFar<T>);
      else
        tile.diagonal() = T(2) * samples_.half_norms.segment(rows.first, rows.count);
    }
    const tiles::TileVectors<T> vectors{work.row_half_norms.data(),
                                        samples_.half_norms.data() + columns.first,
                                        work.row_weights.data(), work.column_weights.data()};
    const T* pair_weights = coefficients_.source.cols() > 1 ? work.pair_weights.data() : nullptr;
    const double sum = tiles::for_family(program_.family, [&](auto family) {
      return tiles::weigh_tile<family>(program_, vectors, pair_weights, height, columns.count,
                                       work.tile.data(), work.row_sums.data(),
                                       work.column_sums.data());
    });
    // A tile on the diagonal holds both orders of its pairs itself.
    partial_[static_cast<std::size_t>(block_number(rows))] += diagonal ? sum / 2 : sum;
    if (!gradient()) return;
    slope_sums_.segment(rows.first, rows.count) +=
        work.row_sums.head(rows.count).template cast<double>();
    if (diagonal) {
      add_product<T>(derivatives(rows), T(1), left, tile);
      return;
    }
    slope_sums_.segment(columns.first, columns.count) +=
        work.column_sums.head(columns.count).template cast<double>();
    add_product<T>(derivatives(columns), T(1), left, tile);
    add_product_nt<T>(derivatives(rows), T(1), right, tile);
  }

  void prepare(const Block& rows, const Block& columns, Index height, Workspace& work) const {
    if (work.tile.size() == 0) {
      work.tile.setZero(padded(width_), width_);  // padding must hold numbers
      work.row_half_norms.resize(padded(width_));
      work.row_weights.resize(padded(width_));
      work.row_sums.resize(padded(width_));
      work.column_sums.resize(width_);
    }
    work.row_half_norms.head(height).setConstant(kFar<T>);
    work.row_half_norms.head(rows.count) = samples_.half_norms.segment(rows.first, rows.count);
    work.row_sums.head(height).setZero();
    work.column_sums.head(columns.count).setZero();
    const Vector<T> factor = factors(rows, columns);
    if (factor.size() == 1) {
      work.row_weights.head(height).setZero();
      work.row_weights.head(rows.count) = weights(rows).col(0);
      work.column_weights = factor[0] * weights(columns).col(0);
    } else {
      work.pair_weights.setZero(height, columns.count);
      set_product_nt<T>(work.pair_weights.topRows(rows.count), weights(rows),
                        weights(columns) * factor.asDiagonal());
    }
  }

  auto derivatives(const Block& block) {
    return (block.source ? *source_gradient_ : *target_gradient_)
        .middleCols(block.in_domain, block.count);
  }

  Index block_number(const Block& block) const {
    return static_cast<Index>(&block - blocks_.data());
  }

  /// With L_ij = 2 A_ij sum_m rate_m k_m(z_i, z_j), the derivative of sum_ij A_ij k(z_i, z_j) is
  /// sum_j L_ij z_j - (sum_j L_ij) z_i in scaled samples, and `scale` times that in samples.
  void finish(bool source, const Execution& execution) {
    MatrixRef<T>& gradient = source ? *source_gradient_ : *target_gradient_;
    const Index offset = source ? 0 : source_gradient_->cols();
    const T scale = static_cast<T>(samples_.scale);
    parallel_for_blocks(execution, gradient.cols(), width_, [&](Index begin, Index count, int) {
      auto part = gradient.middleCols(begin, count);
      for (Index i = 0; i < count; ++i)
        part.col(i) = scale * (part.col(i) - static_cast<T>(slope_sums_[offset + begin + i]) *
                                                 samples_.columns.col(offset + begin + i));
    });
  }

  tiles::Program<T> program_;
  ScaledSamples<T> samples_;
  const Coefficients<T>& coefficients_;
  MatrixRef<T>* source_gradient_;
  MatrixRef<T>* target_gradient_;
  Index width_;
  Vector<double> slope_sums_;
  std::vector<Block> blocks_;
  std::vector<double> partial_;
};

}  // namespace

template <typename T>
double kernel_mmd(const Execution& execution, const KernelMixture& kernel,
                  const ConstMatrixRef<T>& source, const ConstMatrixRef<T>& target,
                  const Coefficients<T>& coefficients, MatrixRef<T>* source_gradient,
                  MatrixRef<T>* target_gradient) {
  const Index features = source.rows();
  const Index columns = coefficients.source.cols();
  require_shape("target", target.rows(), target.cols(), features, target.cols());
  require(source.cols() > 0 && target.cols() > 0 && columns > 0, "samples and weights are needed");
  require(
      coefficients.source.rows() == source.cols() && coefficients.target.rows() == target.cols() &&
          coefficients.target.cols() == columns && coefficients.within_source.size() == columns &&
          coefficients.within_target.size() == columns && coefficients.between.size() == columns,
      "the coefficients do not fit the samples");
  require((source_gradient == nullptr) == (target_gradient == nullptr),
          "either both gradients are wanted or none");
  if (source_gradient) {
    require_shape("source_gradient", source_gradient->rows(), source_gradient->cols(), features,
                  source.cols());
    require_shape("target_gradient", target_gradient->rows(), target_gradient->cols(), features,
                  target.cols());
  }
  return Discrepancy<T>(kernel, source, target, coefficients, source_gradient, target_gradient)
      .run(execution);
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                             \
  template double kernel_mmd<T>(const Execution&, const KernelMixture&, const ConstMatrixRef<T>&, \
                                const ConstMatrixRef<T>&, const Coefficients<T>&, MatrixRef<T>*,  \
                                MatrixRef<T>*);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
