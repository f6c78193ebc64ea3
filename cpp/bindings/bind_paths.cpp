#include <pybind11/stl.h>

#include <optional>
#include <vector>

#include "bindings.hpp"
#include "interrupt.hpp"
#include "numpy_eigen.hpp"
#include "sparsetransfer/sparse_coding/path.hpp"

namespace sparsetransfer::python {
namespace {

Vector<double> or_empty(const std::optional<Array<double>>& array, const char* name) {
  return array ? Vector<double>(as_vector(*array, name)) : Vector<double>();
}

/// One tuple per signal: penalties, begin, atoms, values, kkt, status.
std::vector<py::tuple> lasso_paths(const Array<double>& gram, const Array<double>& correlations,
                                   const PathSettings& settings,
                                   const std::optional<Array<double>>& ridge,
                                   const std::optional<Array<double>>& weights,
                                   std::optional<double> time_limit, int n_threads) {
  const auto g = as_columns(gram, "gram");
  const auto b = as_columns(correlations, "correlations");
  const Vector<double> ridges = or_empty(ridge, "ridge");
  const Vector<double> factors = or_empty(weights, "weights");
  const Execution execution = make_execution(n_threads, time_limit);
  std::vector<CodePath> paths;
  {
    const ReleasedGil released;
    paths = code_paths(execution, PanelGram<double>::from_gram(execution, g), b, settings, factors,
                       ridges);
  }
  std::vector<py::tuple> out;
  out.reserve(paths.size());
  for (const CodePath& path : paths)
    out.push_back(py::make_tuple(to_array(path.penalties), to_array(path.begin),
                                 to_array(path.atoms), to_array(path.values), to_array(path.kkt),
                                 static_cast<int>(path.status)));
  return out;
}

/// Writes codes and returns the number of steps of each.
py::array_t<int> lars(const Array<double>& gram, const Array<double>& correlations, Index count,
                      Array<double> codes, int n_threads) {
  const auto g = as_columns(gram, "gram");
  const auto b = as_columns(correlations, "correlations");
  auto out = as_mutable_columns(codes, "codes");
  py::array_t<int> steps(b.cols());
  int* const counts = steps.mutable_data();
  const Execution execution = make_execution(n_threads);
  {
    const ReleasedGil released;
    least_angle(execution, PanelGram<double>::from_gram(execution, g), b, count, out, counts);
  }
  return steps;
}

}  // namespace

void bind_paths(py::module_& m) {
  py::class_<PathSettings>(m, "PathSettings")
      .def(py::init([](double least_penalty, Index most_steps, bool nonnegative) {
             const PathSettings settings{least_penalty, most_steps, nonnegative};
             settings.validate();
             return settings;
           }),
           py::kw_only(), py::arg("least_penalty"), py::arg("most_steps"),
           py::arg("nonnegative") = false)
      .def_readonly("least_penalty", &PathSettings::least_penalty)
      .def_readonly("most_steps", &PathSettings::most_steps)
      .def_readonly("nonnegative", &PathSettings::nonnegative);
  m.def("lasso_paths", &lasso_paths, py::arg("gram").noconvert(),
        py::arg("correlations").noconvert(), py::arg("settings"), py::kw_only(),
        py::arg("ridge").noconvert() = py::none(), py::arg("weights").noconvert() = py::none(),
        py::arg("time_limit") = py::none(), py::arg("n_threads"));
  m.def("lars", &lars, py::arg("gram").noconvert(), py::arg("correlations").noconvert(),
        py::arg("count"), py::arg("codes").noconvert(), py::kw_only(), py::arg("n_threads"));
}

}  // namespace sparsetransfer::python
