#include <pybind11/stl.h>

#include <optional>

#include "bindings.hpp"
#include "interrupt.hpp"
#include "numpy_eigen.hpp"
#include "sparsetransfer/graph/laplacian.hpp"
#include "sparsetransfer/graph/neighbours.hpp"

namespace sparsetransfer::python {
namespace {

template <typename T>
py::tuple to_tuple(const SparseRows<T>& rows) {
  return py::make_tuple(to_array(rows.starts), to_array(rows.columns), to_array(rows.values));
}

template <typename T>
py::tuple neighbours(const Array<T>& reference, const std::optional<Array<T>>& queries,
                     Index n_neighbors, Metric metric, int num_threads) {
  const auto from = as_columns(reference, "reference");
  const auto to = queries ? as_columns(*queries, "queries") : from;
  require(n_neighbors >= 1, "n_neighbors must be at least 1");
  Array<std::int64_t> indices = make_array<std::int64_t>(to.cols(), n_neighbors);
  Array<T> distances = make_array<T>(to.cols(), n_neighbors);
  auto indices_out = as_mutable_columns(indices, "indices");
  auto distances_out = as_mutable_columns(distances, "distances");
  const Execution execution = make_execution(num_threads);
  {
    const ReleasedGil released;
    nearest_neighbours<T>(execution, from, to, metric, !queries, indices_out, distances_out);
  }
  return py::make_tuple(indices, distances);
}

template <typename T>
double mean_distance(const Array<T>& samples, int num_threads) {
  const auto columns = as_columns(samples, "samples");
  const Execution execution = make_execution(num_threads);
  const ReleasedGil released;
  return mean_pairwise_distance<T>(execution, columns);
}

template <typename T>
py::tuple symmetric(const Array<std::int64_t>& indices, const Array<T>& weights) {
  const auto edges = as_columns(indices, "indices");
  const auto values = as_columns(weights, "weights");
  SparseRows<T> graph;
  {
    const ReleasedGil released;
    graph = symmetric_graph<T>(edges, values);
  }
  return to_tuple(graph);
}

template <typename T>
py::tuple laplacian(const Array<std::int64_t>& starts, const Array<std::int64_t>& columns,
                    const Array<T>& values, bool normalised) {
  const SparseRowsView<T> graph{as_vector(starts, "starts"), as_vector(columns, "columns"),
                                as_vector(values, "values")};
  SparseRows<T> out;
  {
    const ReleasedGil released;
    out = graph_laplacian<T>(graph, normalised);
  }
  return to_tuple(out);
}

template <typename T>
void bind_graphs(py::module_& m) {
  m.def("nearest_neighbours", &neighbours<T>, py::arg("reference").noconvert(),
        py::arg("queries").noconvert(), py::arg("n_neighbors"), py::arg("metric"),
        py::arg("num_threads"));
  m.def("mean_pairwise_distance", &mean_distance<T>, py::arg("samples").noconvert(),
        py::arg("num_threads"));
  m.def("symmetric_graph", &symmetric<T>, py::arg("indices").noconvert(),
        py::arg("weights").noconvert());
  m.def("graph_laplacian", &laplacian<T>, py::arg("starts").noconvert(),
        py::arg("columns").noconvert(), py::arg("values").noconvert(), py::arg("normalised"));
}

}  // namespace

void bind_graph(py::module_& m) {
  py::enum_<Metric>(m, "Metric", py::module_local())
      .value("euclidean", Metric::euclidean)
      .value("cosine", Metric::cosine);
  bind_graphs<float>(m);
  bind_graphs<double>(m);
}

}  // namespace sparsetransfer::python
