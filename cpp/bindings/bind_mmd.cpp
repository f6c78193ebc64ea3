#include <pybind11/stl.h>

#include <vector>

#include "bindings.hpp"
#include "interrupt.hpp"
#include "numpy_eigen.hpp"
#include "sparsetransfer/mmd/kernel_mmd.hpp"

namespace sparsetransfer::python {
namespace {

// Weights come as C-ordered (columns, samples) arrays, which are (samples x columns) in place.
template <typename T>
py::tuple discrepancy(const Array<T>& source, const Array<T>& target, KernelFamily family,
                      const std::vector<double>& bandwidths, const Array<T>& source_weights,
                      const Array<T>& target_weights, const Array<T>& within_source,
                      const Array<T>& within_target, const Array<T>& between, bool exclude_diagonal,
                      bool gradient, int num_threads, const std::vector<double>& kernel_weights) {
  const auto left = as_columns(source, "source");
  const auto right = as_columns(target, "target");
  const Coefficients<T> coefficients{as_columns(source_weights, "source_weights"),
                                     as_columns(target_weights, "target_weights"),
                                     as_vector(within_source, "within_source"),
                                     as_vector(within_target, "within_target"),
                                     as_vector(between, "between"),
                                     exclude_diagonal};
  const KernelMixture kernel(bandwidths, family, kernel_weights);
  const Execution execution = make_execution(num_threads);
  double value = 0;
  if (!gradient) {
    {
      const ReleasedGil released;
      value = kernel_mmd<T>(execution, kernel, left, right, coefficients, nullptr, nullptr);
    }
    return py::make_tuple(value, py::none(), py::none());
  }
  Array<T> source_gradient = make_array<T>(left.cols(), left.rows());
  Array<T> target_gradient = make_array<T>(right.cols(), right.rows());
  MatrixRef<T> left_gradient = as_mutable_columns(source_gradient, "source_gradient");
  MatrixRef<T> right_gradient = as_mutable_columns(target_gradient, "target_gradient");
  {
    const ReleasedGil released;
    value = kernel_mmd<T>(execution, kernel, left, right, coefficients, &left_gradient,
                          &right_gradient);
  }
  return py::make_tuple(value, source_gradient, target_gradient);
}

template <typename T>
Array<double> sums(const Array<T>& points, const Array<T>& samples, const Array<T>& weights,
                   KernelFamily family, const std::vector<double>& bandwidths, int num_threads,
                   const std::vector<double>& kernel_weights) {
  const auto to = as_columns(points, "points");
  const auto from = as_columns(samples, "samples");
  const auto by = as_columns(weights, "weights");
  const KernelMixture kernel(bandwidths, family, kernel_weights);
  Array<double> result = make_array<double>(by.cols(), to.cols());
  auto result_out = as_mutable_columns(result, "result");
  const Execution execution = make_execution(num_threads);
  {
    const ReleasedGil released;
    kernel_sums<T>(execution, kernel, to, from, by, result_out);
  }
  return result;
}

py::tuple quadratic_forms(const Array<double>& samples, const Array<double>& weights,
                          KernelFamily family, const std::vector<double>& bandwidths,
                          int num_threads, const std::vector<double>& kernel_weights) {
  const auto from = as_columns(samples, "samples");
  const auto by = as_columns(weights, "weights");
  const KernelMixture kernel(bandwidths, family, kernel_weights);
  Array<double> forms(by.cols());
  Array<double> row_sums(from.cols());
  auto forms_out = as_mutable_vector(forms, "forms");
  auto row_sums_out = as_mutable_vector(row_sums, "row_sums");
  const Execution execution = make_execution(num_threads);
  {
    const ReleasedGil released;
    kernel_quadratic_forms(execution, kernel, from, by, forms_out, row_sums_out);
  }
  return py::make_tuple(forms, row_sums);
}

template <typename T>
void bind_kernels(py::module_& m) {
  m.def("kernel_mmd", &discrepancy<T>, py::arg("source").noconvert(), py::arg("target").noconvert(),
        py::arg("family"), py::arg("bandwidths"), py::arg("source_weights").noconvert(),
        py::arg("target_weights").noconvert(), py::arg("within_source").noconvert(),
        py::arg("within_target").noconvert(), py::arg("between").noconvert(),
        py::arg("exclude_diagonal"), py::arg("gradient"), py::arg("num_threads"),
        py::arg("kernel_weights") = std::vector<double>{});
  m.def("kernel_sums", &sums<T>, py::arg("points").noconvert(), py::arg("samples").noconvert(),
        py::arg("weights").noconvert(), py::arg("family"), py::arg("bandwidths"),
        py::arg("num_threads"), py::arg("kernel_weights") = std::vector<double>{});
}

}  // namespace

void bind_mmd(py::module_& m) {
  py::enum_<KernelFamily>(m, "KernelFamily")
      .value("gaussian", KernelFamily::gaussian)
      .value("laplace", KernelFamily::laplace)
      .value("inverse_multiquadric", KernelFamily::inverse_multiquadric);
  bind_kernels<float>(m);
  bind_kernels<double>(m);
  m.def("kernel_quadratic_forms", &quadratic_forms, py::arg("samples").noconvert(),
        py::arg("weights").noconvert(), py::arg("family"), py::arg("bandwidths"),
        py::arg("num_threads"), py::arg("kernel_weights") = std::vector<double>{});
}

}  // namespace sparsetransfer::python
