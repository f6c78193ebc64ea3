#include <pybind11/stl.h>

#include "bindings.hpp"
#include "interrupt.hpp"
#include "numpy_eigen.hpp"
#include "sparsetransfer/transfer/regression.hpp"

namespace sparsetransfer::python {
namespace {

using transfer::NestedPenalty;
using transfer::RegressionProblem;
using transfer::RegressionReport;
using transfer::RegressionSettings;

NestedPenalty make_penalty(double element, double row, const Array<std::int32_t>& groups,
                           const Array<double>& strengths) {
  const auto numbers = as_vector(groups, "groups");
  return {element, row, {numbers.begin(), numbers.end()}, as_vector(strengths, "strengths")};
}

}  // namespace

void bind_regression(py::module_& m) {
  py::class_<NestedPenalty>(m, "NestedPenalty")
      .def(py::init(&make_penalty), py::kw_only(), py::arg("element"), py::arg("row"),
           py::arg("groups").noconvert(), py::arg("strengths").noconvert());
  py::class_<RegressionReport>(m, "RegressionReport")
      .def_readonly("objective", &RegressionReport::objective)
      .def_readonly("kkt_violation", &RegressionReport::kkt_violation)
      .def_readonly("duality_gap", &RegressionReport::duality_gap)
      .def_readonly("iterations", &RegressionReport::iterations)
      .def_readonly("newton_steps", &RegressionReport::newton_steps)
      .def_readonly("history", &RegressionReport::history)
      .def_property_readonly(
          "converged", [](const RegressionReport& r) { return r.status == Status::converged; });
  m.def(
      "transfer_regression",
      [](const Array<double>& quadratic, const Array<double>& linear, double energy,
         const NestedPenalty& penalty, double tolerance, int max_iterations, double newton_from,
         Array<double> coefficients, int num_threads) {
        const RegressionProblem problem{as_columns(quadratic, "quadratic"),
                                        as_columns(linear, "linear"), energy, penalty};
        const RegressionSettings settings{tolerance, max_iterations, newton_from};
        auto w = as_mutable_columns(coefficients, "coefficients");
        const Execution execution = make_execution(num_threads);
        const ReleasedGil released;
        return transfer::solve(execution, problem, settings, w);
      },
      py::arg("quadratic").noconvert(), py::arg("linear").noconvert(), py::arg("energy"),
      py::arg("penalty"), py::kw_only(), py::arg("tolerance"), py::arg("max_iterations"),
      py::arg("newton_from") = RegressionSettings{}.newton_from,
      py::arg("coefficients").noconvert(), py::arg("num_threads"));
  m.def(
      "transfer_regression_certify",
      [](const Array<double>& quadratic, const Array<double>& linear, double energy,
         const NestedPenalty& penalty, double tolerance, const Array<double>& coefficients,
         int num_threads) {
        const RegressionProblem problem{as_columns(quadratic, "quadratic"),
                                        as_columns(linear, "linear"), energy, penalty};
        RegressionSettings settings;
        settings.tolerance = tolerance;
        const auto w = as_columns(coefficients, "coefficients");
        const Execution execution = make_execution(num_threads);
        const ReleasedGil released;
        return transfer::certify(execution, problem, settings, w);
      },
      py::arg("quadratic").noconvert(), py::arg("linear").noconvert(), py::arg("energy"),
      py::arg("penalty"), py::kw_only(), py::arg("tolerance"), py::arg("coefficients").noconvert(),
      py::arg("num_threads"));
}

}  // namespace sparsetransfer::python
