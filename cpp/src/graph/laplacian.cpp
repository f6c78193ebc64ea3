#include "sparsetransfer/graph/laplacian.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "sparsetransfer/checks.hpp"

namespace sparsetransfer {

template <typename T>
SparseRows<T> symmetric_graph(
    const Eigen::Ref<const Eigen::Matrix<std::int64_t, Eigen::Dynamic, Eigen::Dynamic>>& indices,
    const Eigen::Ref<const Matrix<T>>& weights) {
  const Index size = indices.cols();
  require_shape("weights", weights.rows(), weights.cols(), indices.rows(), size);
  require(indices.size() == 0 || (indices.minCoeff() >= 0 && indices.maxCoeff() < size),
          "neighbour indices must lie in [0, n_samples)");
  // Every edge is written into both of its rows; an edge found from both ends occurs twice.
  std::vector<std::size_t> starts(static_cast<std::size_t>(size) + 1, 0);
  for (Index i = 0; i < size; ++i)
    for (Index j = 0; j < indices.rows(); ++j)
      if (weights(j, i) > T(0)) {
        ++starts[static_cast<std::size_t>(i) + 1];
        ++starts[static_cast<std::size_t>(indices(j, i)) + 1];
      }
  for (std::size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
  std::vector<std::pair<std::int64_t, T>> entries(starts.back());
  std::vector<std::size_t> next(starts.begin(), starts.end() - 1);
  for (Index i = 0; i < size; ++i)
    for (Index j = 0; j < indices.rows(); ++j)
      if (weights(j, i) > T(0)) {
        const std::int64_t neighbour = indices(j, i);
        entries[next[static_cast<std::size_t>(i)]++] = {neighbour, weights(j, i)};
        entries[next[static_cast<std::size_t>(neighbour)]++] = {i, weights(j, i)};
      }

  SparseRows<T> out;
  out.starts.reserve(starts.size());
  out.columns.reserve(entries.size());
  out.values.reserve(entries.size());
  out.starts.push_back(0);
  for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
    const auto begin = entries.begin() + static_cast<std::ptrdiff_t>(starts[i]);
    const auto end = entries.begin() + static_cast<std::ptrdiff_t>(starts[i + 1]);
    // Within a column the largest weight comes last and stays.
    std::sort(begin, end);
    for (auto entry = begin; entry != end; ++entry) {
      if (entry + 1 != end && (entry + 1)->first == entry->first) continue;
      out.columns.push_back(entry->first);
      out.values.push_back(entry->second);
    }
    out.starts.push_back(static_cast<std::int64_t>(out.columns.size()));
  }
  return out;
}

template <typename T>
SparseRows<T> graph_laplacian(const SparseRowsView<T>& graph, bool normalised) {
  const Index size = graph.starts.size() - 1;
  require_sparse_rows("graph", graph.starts, graph.columns, graph.values.size(), size);
  Vector<double> degrees = Vector<double>::Zero(size);
  for (Index i = 0; i < size; ++i) {
    for (Index e = graph.starts[i]; e < graph.starts[i + 1]; ++e) {
      if (graph.columns[e] != i) degrees[i] += static_cast<double>(graph.values[e]);
    }
  }
  Vector<double> scale = Vector<double>::Ones(size);
  if (normalised)
    for (Index i = 0; i < size; ++i) scale[i] = degrees[i] > 0 ? 1 / std::sqrt(degrees[i]) : 0;

  SparseRows<T> out;
  const auto entries = static_cast<std::size_t>(graph.columns.size() + size);
  out.starts.reserve(static_cast<std::size_t>(size) + 1);
  out.columns.reserve(entries);
  out.values.reserve(entries);
  out.starts.push_back(0);
  const auto append = [&out](std::int64_t column, double value) {
    out.columns.push_back(column);
    out.values.push_back(static_cast<T>(value));
  };
  for (Index i = 0; i < size; ++i) {
    const double diagonal = normalised ? (degrees[i] > 0 ? 1.0 : 0.0) : degrees[i];
    bool written = false;
    for (Index e = graph.starts[i]; e < graph.starts[i + 1]; ++e) {
      const std::int64_t j = graph.columns[e];
      if (j >= i && !written) {
        append(i, diagonal);
        written = true;
      }
      if (j != i) append(j, -scale[i] * scale[j] * static_cast<double>(graph.values[e]));
    }
    if (!written) append(i, diagonal);
    out.starts.push_back(static_cast<std::int64_t>(out.columns.size()));
  }
  return out;
}

#define SPARSETRANSFER_INSTANTIATE(T)                                                       \
  template SparseRows<T> symmetric_graph<T>(                                                \
      const Eigen::Ref<const Eigen::Matrix<std::int64_t, Eigen::Dynamic, Eigen::Dynamic>>&, \
      const Eigen::Ref<const Matrix<T>>&);                                                  \
  template SparseRows<T> graph_laplacian<T>(const SparseRowsView<T>&, bool);
SPARSETRANSFER_INSTANTIATE(float)
SPARSETRANSFER_INSTANTIATE(double)
#undef SPARSETRANSFER_INSTANTIATE

}  // namespace sparsetransfer
