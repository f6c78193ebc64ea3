#include <pybind11/functional.h>

#include "bindings.hpp"
#include "interrupt.hpp"
#include "numpy_eigen.hpp"
#include "sparsetransfer/numerics/gram.hpp"
#include "sparsetransfer/transfer/learn.hpp"

namespace sparsetransfer::python {
namespace {

using transfer::CodeProblem;
using transfer::CodeSolver;
using transfer::Coupling;
using transfer::DictionaryUpdate;
using transfer::EncodeReport;
using transfer::EncodeSettings;
using transfer::LearnProblem;
using transfer::LearnProgress;
using transfer::LearnReport;
using transfer::LearnSettings;

/// The CSR arrays of a symmetric matrix; three empty arrays stand for none.
template <typename T>
transfer::SymmetricSparse<T> as_sparse(const Array<std::int64_t>& indptr,
                                       const Array<std::int32_t>& indices, const Array<T>& values) {
  const auto starts = as_vector(indptr, "indptr");
  const auto columns = as_vector(indices, "indices");
  const auto entries = as_vector(values, "values");
  if (starts.size() == 0) return {};
  require(columns.size() == entries.size(), "indices and values must agree in number");
  return {starts.data(), columns.data(), entries.data(), starts.size() - 1, entries.size()};
}

/// means (samples x r) is C-ordered as (r, samples) outside.
template <typename T>
Coupling<T> as_coupling(const Array<T>& means, const Array<std::int64_t>& indptr,
                        const Array<std::int32_t>& indices, const Array<T>& values) {
  return {as_columns(means, "means"), as_sparse<T>(indptr, indices, values)};
}

template <typename T>
void bind_coding(py::module_& m) {
  m.def(
      "transfer_encode",
      [](const Array<T>& gram, const Array<T>& correlations, double signal_energy,
         const Array<T>& means, const Array<std::int64_t>& indptr,
         const Array<std::int32_t>& indices, const Array<T>& values, T alpha, bool positive,
         const EncodeSettings& settings, const Array<T>& penalties, Array<T> codes,
         int num_threads) {
        const auto g = as_columns(gram, "gram");
        const auto a = as_columns(correlations, "correlations");
        const CodeProblem<T> problem{{g.data(), g.rows(), g.cols()},
                                     {a.data(), a.rows(), a.cols()},
                                     signal_energy,
                                     as_coupling<T>(means, indptr, indices, values),
                                     alpha,
                                     positive,
                                     as_vector(penalties, "penalties"),
                                     {}};
        auto s = as_mutable_columns(codes, "codes");
        const Execution execution = make_execution(num_threads);
        const ReleasedGil released;
        return transfer::encode<T>(execution, problem, settings, s);
      },
      py::arg("gram").noconvert(), py::arg("correlations").noconvert(), py::arg("signal_energy"),
      py::arg("means").noconvert(), py::arg("indptr").noconvert(), py::arg("indices").noconvert(),
      py::arg("values").noconvert(), py::kw_only(), py::arg("alpha"), py::arg("positive"),
      py::arg("settings"), py::arg("penalties").noconvert(), py::arg("codes").noconvert(),
      py::arg("num_threads"));
  m.def(
      "transfer_learn",
      [](const Array<T>& signals, const Array<T>& means, const Array<std::int64_t>& indptr,
         const Array<std::int32_t>& indices, const Array<T>& values, T alpha,
         const LearnSettings& settings, const Array<T>& penalties, const Array<T>& targets,
         const Array<T>& target_weights, T ridge, Array<T> map,
         const std::function<bool(const LearnProgress&)>& observer, Array<T> dictionary,
         Array<T> codes, int num_threads) {
        const auto x = as_columns(signals, "signals");
        const auto h = as_columns(targets, "targets");
        auto w = as_mutable_columns(map, "map");
        const LearnProblem<T> problem{as_coupling<T>(means, indptr, indices, values),
                                      alpha,
                                      as_vector(penalties, "penalties"),
                                      {{h.data(), h.rows(), h.cols()},
                                       as_vector(target_weights, "target_weights"),
                                       {w.data(), w.rows(), w.cols()},
                                       ridge}};
        auto d = as_mutable_columns(dictionary, "dictionary");
        auto s = as_mutable_columns(codes, "codes");
        const Execution execution = make_execution(num_threads);
        const ReleasedGil released;
        return transfer::learn<T>(execution, x, problem, settings, observer, d, s);
      },
      py::arg("signals").noconvert(), py::arg("means").noconvert(), py::arg("indptr").noconvert(),
      py::arg("indices").noconvert(), py::arg("values").noconvert(), py::kw_only(),
      py::arg("alpha"), py::arg("settings"), py::arg("penalties").noconvert(),
      py::arg("targets").noconvert(), py::arg("target_weights").noconvert(), py::arg("ridge"),
      py::arg("map").noconvert(), py::arg("observer"), py::arg("dictionary").noconvert(),
      py::arg("codes").noconvert(), py::arg("num_threads"));
}

void bind_settings(py::module_& m) {
  py::enum_<CodeSolver>(m, "CodeSolver")
      .value("automatic", CodeSolver::automatic)
      .value("fista", CodeSolver::fista)
      .value("newton", CodeSolver::newton)
      .value("admm", CodeSolver::admm)
      .value("gauss_seidel", CodeSolver::gauss_seidel);
  py::enum_<DictionaryUpdate>(m, "DictionaryUpdate")
      .value("block_coordinate", DictionaryUpdate::block_coordinate)
      .value("lagrange_dual", DictionaryUpdate::lagrange_dual);
  py::class_<EncodeSettings>(m, "TransferEncodeSettings")
      .def(py::init([](CodeSolver solver, double tolerance, int max_iterations) {
             EncodeSettings settings;
             settings.solver = solver;
             settings.tolerance = tolerance;
             settings.max_iterations = max_iterations;
             settings.validate();
             return settings;
           }),
           py::kw_only(), py::arg("solver"), py::arg("tolerance") = EncodeSettings{}.tolerance,
           py::arg("max_iterations") = EncodeSettings{}.max_iterations);
  py::class_<LearnSettings>(m, "TransferLearnSettings")
      .def(py::init([](int max_iterations, double tolerance, double l2, bool positive_codes,
                       bool positive_atoms, double code_tolerance, int passes,
                       DictionaryUpdate dictionary_update, const EncodeSettings& encode) {
             LearnSettings settings;
             settings.max_iterations = max_iterations;
             settings.tolerance = tolerance;
             settings.l2 = l2;
             settings.positive_codes = positive_codes;
             settings.update.constraint.positive = positive_atoms;
             settings.update.passes = passes;
             settings.code_tolerance = code_tolerance;
             settings.dictionary_update = dictionary_update;
             settings.encode = encode;
             settings.validate();
             return settings;
           }),
           py::kw_only(), py::arg("max_iterations"), py::arg("tolerance"), py::arg("l2"),
           py::arg("positive_codes"), py::arg("positive_atoms"), py::arg("code_tolerance"),
           py::arg("passes"), py::arg("dictionary_update"), py::arg("encode"));
}

void bind_reports(py::module_& m) {
  py::class_<EncodeReport>(m, "TransferEncodeReport")
      .def_property_readonly("objective",
                             [](const EncodeReport& r) { return r.certificate.objective; })
      .def_property_readonly("kkt_violation",
                             [](const EncodeReport& r) { return r.certificate.kkt_violation; })
      .def_property_readonly("duality_gap",
                             [](const EncodeReport& r) { return r.certificate.duality_gap; })
      .def_property_readonly("converged",
                             [](const EncodeReport& r) { return r.status == Status::converged; })
      .def_readonly("iterations", &EncodeReport::iterations)
      .def_readonly("newton_steps", &EncodeReport::newton_steps);
  py::class_<LearnProgress>(m, "TransferLearnProgress")
      .def_readonly("iteration", &LearnProgress::iteration)
      .def_readonly("objective", &LearnProgress::objective)
      .def_readonly("kkt_violation", &LearnProgress::kkt_violation);
  py::class_<LearnReport>(m, "TransferLearnReport")
      .def_readonly("codes", &LearnReport::codes)
      .def_readonly("iterations", &LearnReport::iterations)
      .def_property_readonly("converged",
                             [](const LearnReport& r) { return r.status == Status::converged; });
}

}  // namespace

void bind_transfer(py::module_& m) {
  bind_settings(m);
  bind_reports(m);
  bind_coding<float>(m);
  bind_coding<double>(m);
}

}  // namespace sparsetransfer::python
