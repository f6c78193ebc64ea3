#include <string>

#include "bindings.hpp"
#include "interrupt.hpp"
#include "numpy_eigen.hpp"
#include "sparsetransfer/numerics/gram.hpp"
#include "sparsetransfer/numerics/running_sums.hpp"

namespace sparsetransfer::python {
namespace {

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "gcc " __VERSION__;
#elif defined(_MSC_VER)
  return "msvc " + std::to_string(_MSC_VER);
#else
  return "unknown";
#endif
}

py::dict build_info() {
  py::dict info;
  info["simd"] = SPARSETRANSFER_SIMD_LEVEL;
  info["eigen"] = std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) +
                  "." + std::to_string(EIGEN_MINOR_VERSION);
  info["compiler"] = compiler();
  return info;
}

template <typename T>
void bind_products(py::module_& m) {
  m.def(
      "gram",
      [](const Array<T>& dictionary, int num_threads) {
        const auto d = as_columns(dictionary, "dictionary");
        Array<T> result = make_array<T>(d.cols(), d.cols());
        auto g = as_mutable_columns(result, "result");
        const Execution execution = make_execution(num_threads);
        const ReleasedGil released;
        gram<T>(execution, d, g);
        return result;
      },
      py::arg("dictionary").noconvert(), py::arg("num_threads"));
  m.def(
      "correlations",
      [](const Array<T>& dictionary, const Array<T>& signals, int num_threads) {
        const auto d = as_columns(dictionary, "dictionary");
        const auto x = as_columns(signals, "signals");
        Array<T> result = make_array<T>(x.cols(), d.cols());
        auto a = as_mutable_columns(result, "result");
        const Execution execution = make_execution(num_threads);
        const ReleasedGil released;
        correlations<T>(execution, d, x, a);
        return result;
      },
      py::arg("dictionary").noconvert(), py::arg("signals").noconvert(), py::arg("num_threads"));
  m.def(
      "squared_norm",
      [](const Array<T>& matrix, int num_threads) {
        const auto x = as_columns(matrix, "matrix");
        const Execution execution = make_execution(num_threads);
        const ReleasedGil released;
        return squared_norm<T>(execution, x);
      },
      py::arg("matrix").noconvert(), py::arg("num_threads"));
  m.def(
      "running_sums",
      [](const Array<T>& matrix) {
        const auto values = as_columns(matrix, "matrix");
        Array<T> result = make_array<T>(values.cols(), values.rows());
        auto sums = as_mutable_columns(result, "result");
        const ReleasedGil released;
        running_sums<T>(values, sums);
        return result;
      },
      py::arg("matrix").noconvert());
}

}  // namespace

void bind_numerics(py::module_& m) {
  m.def("build_info", &build_info);
  bind_products<float>(m);
  bind_products<double>(m);
}

}  // namespace sparsetransfer::python
