#include "sparsetransfer/sparse_coding/panel_gram.hpp"

#include <algorithm>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/numerics/max_or_nan.hpp"

namespace sparsetransfer {
namespace {

constexpr Index kTile = 256;  // atoms per side of a GEMM tile, a multiple of the panel height

}  // namespace

template <typename T>
void PanelGram<T>::complete() {
  for (Index j = 0; j < atoms_; ++j)
    largest_diagonal_ = max_or_nan(largest_diagonal_, static_cast<double>((*this)(j, j)));
  const Index filled = atoms_ % kRows;
  if (filled == 0) return;
  T* last = mutable_panel(num_panels() - 1);
  for (Index col = 0; col < atoms_; ++col)
    std::fill(last + col * kRows + filled, last + (col + 1) * kRows, T(0));
}

template <typename T>
PanelGram<T> PanelGram<T>::from_dictionary(const Execution& execution,
                                           const ConstMatrixRef<T>& dictionary) {
  require_not_empty("dictionary", dictionary.rows(), dictionary.cols());
  const Index atoms = dictionary.cols();
  PanelGram gram(atoms);
  const Index tiles = num_blocks(atoms, kTile);
  const double flops = static_cast<double>(dictionary.rows()) * static_cast<double>(atoms * atoms);
  parallel_for(execution.for_work(flops), tiles * (tiles + 1) / 2, [&](Index tile, int) {
    Index row_tile = 0;
    for (; tile >= tiles - row_tile; ++row_tile) tile -= tiles - row_tile;
    const Index row_begin = row_tile * kTile;
    const Index col_begin = (row_tile + tile) * kTile;
    const Index rows = std::min(kTile, atoms - row_begin);
    const Index cols = std::min(kTile, atoms - col_begin);
    Matrix<T> product(rows, cols);
    product.noalias() =
        dictionary.middleCols(row_begin, rows).transpose() * dictionary.middleCols(col_begin, cols);
    for (Index begin = 0; begin < rows; begin += kRows) {
      const Index height = std::min(kRows, rows - begin);
      T* out = gram.mutable_panel((row_begin + begin) / kRows) + col_begin * kRows;
      for (Index col = 0; col < cols; ++col)
        std::copy_n(product.col(col).data() + begin, height, out + col * kRows);
    }
    if (row_begin == col_begin) return;
    for (Index begin = 0; begin < cols; begin += kRows) {
      const Index height = std::min(kRows, cols - begin);
      Eigen::Map<Matrix<T>, 0, Eigen::OuterStride<>>(
          gram.mutable_panel((col_begin + begin) / kRows) + row_begin * kRows, height, rows,
          Eigen::OuterStride<>(kRows)) = product.middleCols(begin, height).transpose();
    }
  });
  gram.complete();
  return gram;
}

template <typename T>
PanelGram<T> PanelGram<T>::from_gram(const Execution& execution, const ConstMatrixRef<T>& source) {
  require_not_empty("gram", source.rows(), source.cols());
  require_shape("gram", source.rows(), source.cols(), source.cols(), source.cols());
  PanelGram gram(source.cols());
  const double size = static_cast<double>(source.size());
  parallel_for(execution.for_work(size), gram.num_panels(), [&](Index index, int) {
    const Index begin = index * kRows;
    const Index height = std::min(kRows, gram.atoms_ - begin);
    T* out = gram.mutable_panel(index);
    for (Index col = 0; col < gram.atoms_; ++col)
      std::copy_n(source.col(col).data() + begin, height, out + col * kRows);
  });
  gram.complete();
  return gram;
}

template class PanelGram<float>;
template class PanelGram<double>;

}  // namespace sparsetransfer
