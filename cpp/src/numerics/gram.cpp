#include "sparsetransfer/numerics/gram.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/numerics/products.hpp"

namespace sparsetransfer {
namespace {

constexpr Index kAtomBlock = 64;
constexpr Index kSampleBlock = 128;
constexpr double kFlopsPerTile =
    2.5e8;  // some hundredths of a second: between tiles Ctrl-C is seen

/// The rows of a result that are computed at once: a multiple of kAtomBlock.
Index tile_height(Index depth, Index width) {
  const double blocks =
      kFlopsPerTile / (2.0 * static_cast<double>(depth) * static_cast<double>(width * kAtomBlock));
  return kAtomBlock * std::max<Index>(1, static_cast<Index>(std::min(blocks, 1e6)));
}

/// body(first row, number of rows) of a block of `width` columns, tile by tile.
template <typename Body>
void for_tiles(const Execution& execution, Index first, Index rows, Index depth, Index width,
               const Body& body) {
  const Index height = tile_height(depth, width);
  for (Index row = first; row < rows; row += height) {
    body(row, std::min(height, rows - row));
    execution.check();
  }
}

}  // namespace

template <typename T>
void gram(const Execution& execution, const ConstMatrixRef<T>& dictionary, MatrixRef<T> result) {
  const Index atoms = dictionary.cols();
  require_shape("gram", result.rows(), result.cols(), atoms, atoms);
  const Execution limited = execution.for_work(static_cast<double>(atoms * atoms) *
                                               static_cast<double>(dictionary.rows()));
  // The lower block triangle, then its mirror image: exactly symmetric.
  parallel_for_blocks(limited, atoms, kAtomBlock, [&](Index begin, Index count, int) {
    for_tiles(limited, begin, atoms, dictionary.rows(), kAtomBlock, [&](Index row, Index rows) {
      set_product_tn<T>(result.block(row, begin, rows, count), dictionary.middleCols(row, rows),
                        dictionary.middleCols(begin, count));
    });
  });
  result.template triangularView<Eigen::StrictlyUpper>() = result.transpose();
}

template <typename T>
void correlations(const Execution& execution, const ConstMatrixRef<T>& dictionary,
                  const ConstMatrixRef<T>& signals, MatrixRef<T> result) {
  require_shape("correlations", result.rows(), result.cols(), dictionary.cols(), signals.cols());
  require_shape("signals", signals.rows(), signals.cols(), dictionary.rows(), signals.cols());
  const Execution limited = execution.for_work(2.0 * static_cast<double>(result.size()) *
                                               static_cast<double>(dictionary.rows()));
  parallel_for_blocks(limited, signals.cols(), kSampleBlock, [&](Index begin, Index count, int) {
    for_tiles(
        limited, 0, dictionary.cols(), dictionary.rows(), kSampleBlock, [&](Index row, Index rows) {
          set_product_tn<T>(result.block(row, begin, rows, count), dictionary.middleCols(row, rows),
                            signals.middleCols(begin, count));
        });
  });
}

template <typename T>
T spectral_bound(const Execution& execution, const ConstMatrixRef<T>& gram) {
  constexpr int kSquarings = 4;
  const Index size = gram.rows();
  Matrix<T> power = gram;
  Matrix<T> square(size, size);
  double log_scale = 0;  // log of the factor taken out of `power`
  for (int squaring = 0;; ++squaring) {
    const double norm = std::sqrt(squared_norm<T>(execution, power));
    if (norm == 0) return T(0);
    power /= static_cast<T>(norm);
    log_scale += std::log(norm);
    if (squaring == kSquarings) break;
    parallel_for_blocks(
        execution.for_work(2.0 * std::pow(static_cast<double>(size), 3)), size, kAtomBlock,
        [&](Index begin, Index count, int) {
          for_tiles(execution, 0, size, size, kAtomBlock, [&](Index row, Index rows) {
            set_product<T>(square.block(row, begin, rows, count), power.middleRows(row, rows),
                           power.middleCols(begin, count));
          });
        });
    power.swap(square);
    log_scale *= 2;
  }
  const double rounding = 1 + 64 * static_cast<double>(Eigen::NumTraits<T>::epsilon());
  return static_cast<T>(std::exp(std::ldexp(log_scale, -kSquarings)) * rounding);
}

template <typename T>
double squared_norm(const Execution& execution, const ConstMatrixRef<T>& matrix) {
  std::vector<double> partial(static_cast<std::size_t>(num_blocks(matrix.cols(), kSampleBlock)));
  parallel_for_blocks(execution.for_work(2.0 * static_cast<double>(matrix.size())), matrix.cols(),
                      kSampleBlock, [&](Index begin, Index count, int) {
                        double sum = 0;
                        for (Index column = begin; column < begin + count; ++column)
                          sum += static_cast<double>(matrix.col(column).squaredNorm());
                        partial[static_cast<std::size_t>(begin / kSampleBlock)] = sum;
                      });
  double total = 0;
  for (const double sum : partial) total += sum;
  return total;
}

#define SPARSETRANSFER_INSTANTIATE(T)                                              \
  template void gram<T>(const Execution&, const ConstMatrixRef<T>&, MatrixRef<T>); \
  template void correlations<T>(const Execution&, const ConstMatrixRef<T>&,        \
                                const ConstMatrixRef<T>&, MatrixRef<T>);           \
  template T spectral_bound<T>(const Execution&, const ConstMatrixRef<T>&);        \
  template double squared_norm<T>(const Execution&, const ConstMatrixRef<T>&);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
