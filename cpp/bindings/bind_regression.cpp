#include <pybind11/stl.h>

#include "bindings.hpp"
#include "interrupt.hpp"
#include "numpy_eigen.hpp"
#include "sparsetransfer/transfer/regression.hpp"

namespace sparsetransfer::python {
namespace {

using transfer::RegressionProblem;
using transfer::RegressionReport;
using transfer::RegressionSettings;

RegressionProblem as_problem(const Array<double>& quadratic, const Array<double>& linear,
                             double energy, double element, double row,
                             const Array<std::int32_t>& groups, const Array<double>& strengths) {
  RegressionProblem problem;
  const auto h = as_columns(quadratic, "quadratic");
  const auto b = as_columns(linear, "linear");
  new (&problem.quadratic) Eigen::Map<const Matrix<double>>(h.data(), h.rows(), h.cols());
  new (&problem.linear) Eigen::Map<const Matrix<double>>(b.data(), b.rows(), b.cols());
  problem.energy = energy;
  problem.element = element;
  problem.row = row;
  const auto group_of = as_vector(groups, "groups");
  const auto group_strengths = as_vector(strengths, "strengths");
  if (group_strengths.size() > 0) {
    require(group_of.size() == b.rows(), "groups must have one entry per feature");
    problem.groups = group_of.data();
    new (&problem.strengths)
        Eigen::Map<const Vector<double>>(group_strengths.data(), group_strengths.size());
  }
  return problem;
}

}  // namespace

void bind_regression(py::module_& m) {
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
      [](const Array<double>& quadratic, const Array<double>& linear, double energy, double element,
         double row, const Array<std::int32_t>& groups, const Array<double>& strengths,
         double tolerance, int max_iterations, double newton_from, Array<double> coefficients,
         int num_threads) {
        const RegressionProblem problem =
            as_problem(quadratic, linear, energy, element, row, groups, strengths);
        const RegressionSettings settings{tolerance, max_iterations, newton_from};
        auto w = as_mutable_columns(coefficients, "coefficients");
        const Execution execution = make_execution(num_threads);
        const ReleasedGil released;
        return transfer::solve(execution, problem, settings, w);
      },
      py::arg("quadratic").noconvert(), py::arg("linear").noconvert(), py::arg("energy"),
      py::kw_only(), py::arg("element"), py::arg("row"), py::arg("groups").noconvert(),
      py::arg("strengths").noconvert(), py::arg("tolerance"), py::arg("max_iterations"),
      py::arg("newton_from"), py::arg("coefficients").noconvert(), py::arg("num_threads"));
  m.def(
      "transfer_regression_certify",
      [](const Array<double>& quadratic, const Array<double>& linear, double energy, double element,
         double row, const Array<std::int32_t>& groups, const Array<double>& strengths,
         double tolerance, const Array<double>& coefficients, int num_threads) {
        const RegressionProblem problem =
            as_problem(quadratic, linear, energy, element, row, groups, strengths);
        RegressionSettings settings;
        settings.tolerance = tolerance;
        const auto w = as_columns(coefficients, "coefficients");
        const Execution execution = make_execution(num_threads);
        const ReleasedGil released;
        return transfer::certify(execution, problem, settings, w);
      },
      py::arg("quadratic").noconvert(), py::arg("linear").noconvert(), py::arg("energy"),
      py::kw_only(), py::arg("element"), py::arg("row"), py::arg("groups").noconvert(),
      py::arg("strengths").noconvert(), py::arg("tolerance"), py::arg("coefficients").noconvert(),
      py::arg("num_threads"));
}

}  // namespace sparsetransfer::python
