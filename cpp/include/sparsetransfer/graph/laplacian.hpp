#pragma once

#include <cstdint>
#include <vector>

#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// A sparse square matrix by rows; the column indices of a row ascend.
template <typename T>
struct SparseRows {
  std::vector<std::int64_t> starts;  // size + 1 entries
  std::vector<std::int64_t> columns;
  std::vector<T> values;
};

/// The same matrix, borrowed.
template <typename T>
struct SparseRowsView {
  Eigen::Ref<const Vector<std::int64_t>> starts;
  Eigen::Ref<const Vector<std::int64_t>> columns;
  ConstVectorRef<T> values;
};

/// The symmetric graph W = max(A, A') of the directed graph A with A[i, indices(j, i)] =
/// weights(j, i); indices and weights are (neighbours x samples). Weights must not be negative;
/// zero weights are left out. An index may occur once per column only.
template <typename T>
SparseRows<T> symmetric_graph(
    const Eigen::Ref<const Eigen::Matrix<std::int64_t, Eigen::Dynamic, Eigen::Dynamic>>& indices,
    const Eigen::Ref<const Matrix<T>>& weights);

/// The Laplacian diag(W 1) - W of a symmetric graph, or I - D^-1/2 W D^-1/2 with D = diag(W 1);
/// then the row of a sample without neighbours is zero. Self loops cancel out.
template <typename T>
SparseRows<T> graph_laplacian(const SparseRowsView<T>& graph, bool normalised);

}  // namespace sparsetransfer
