#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "bindings.hpp"
#include "interrupt.hpp"
#include "numpy_eigen.hpp"
#include "sparsetransfer/sparse_coding/encode.hpp"
#include "sparsetransfer/sparse_coding/masked.hpp"
#include "sparsetransfer/sparse_coding/omp.hpp"
#include "sparsetransfer/sparse_coding/pooled.hpp"

namespace sparsetransfer::python {
namespace {

/// The reports of a call as one array per field: iterations, status, gap, kkt, objective.
py::tuple report_arrays(const std::vector<CodingReport>& reports) {
  const auto size = static_cast<py::ssize_t>(reports.size());
  py::array_t<int> iterations(size), status(size);
  py::array_t<double> gap(size), kkt(size), objective(size);
  const auto write = [&](auto& array, const auto& field) {
    std::transform(reports.begin(), reports.end(), array.mutable_data(), field);
  };
  write(iterations, [](const CodingReport& report) { return report.iterations; });
  write(status, [](const CodingReport& report) { return static_cast<int>(report.status); });
  write(gap, [](const CodingReport& report) { return report.gap; });
  write(kkt, [](const CodingReport& report) { return report.kkt; });
  write(objective, [](const CodingReport& report) { return report.objective; });
  return py::make_tuple(iterations, status, gap, kkt, objective);
}

/// The codes of a call (atoms x samples), in the caller's array, or sparse and returned.
template <typename T>
class Codes {
 public:
  /// Sparse codes start from the array on a warm start, and do not need it otherwise.
  Codes(std::optional<Array<T>>& array, bool sparse, bool warm, Index atoms, Index samples) {
    require(array || (sparse && !warm), "codes must be an array unless sparse codes start anew");
    if (!sparse) {
      output_.emplace(as_mutable_columns(*array, "codes"));
      return;
    }
    output_.emplace(sparse_.emplace(atoms, samples));
    if (!warm) return;
    const auto start = as_columns(*array, "codes");
    require_shape("codes", start.rows(), start.cols(), atoms, samples);
    CodeScratch<T> scratch;
    sparse_->keep(0, start, scratch);
  }

  CodeOutput<T> output() const { return *output_; }

  /// The reports, followed by values, columns and row starts of sparse codes in CSR.
  py::tuple result(const std::vector<CodingReport>& reports, const Execution& execution) const {
    if (!sparse_) return report_arrays(reports);
    const Index nonzeros = sparse_->nonzeros();
    return nonzeros <= std::numeric_limits<std::int32_t>::max()
               ? report_arrays(reports) + joined<std::int32_t>(nonzeros, execution)
               : report_arrays(reports) + joined<std::int64_t>(nonzeros, execution);
  }

 private:
  template <typename I>
  py::tuple joined(Index nonzeros, const Execution& execution) const {
    py::array_t<T> values(nonzeros);
    py::array_t<I> columns(nonzeros), starts(sparse_->samples() + 1);
    {
      const ReleasedGil released;
      sparse_->join(execution, values.mutable_data(), columns.mutable_data(),
                    starts.mutable_data());
    }
    return py::make_tuple(values, columns, starts);
  }

  std::optional<SparseCodes<T>> sparse_;
  std::optional<CodeOutput<T>> output_;
};

template <typename T>
Eigen::Map<const Vector<T>> optional_vector(const std::optional<Array<T>>& array,
                                            const char* name) {
  if (array) return as_vector(*array, name);
  return {nullptr, 0};
}

template <typename T>
py::tuple lasso(const Array<T>& signals, const Array<T>& dictionary, const CodingSettings& settings,
                std::optional<Array<T>> codes, int n_threads, std::optional<double> time_limit,
                bool sparse, const std::optional<Array<double>>& ridge,
                const std::optional<Array<double>>& weights,
                const std::optional<Array<bool>>& mask) {
  const auto x = as_columns(signals, "X");
  const auto d = as_columns(dictionary, "dictionary");
  const CodingExtras extras{optional_vector(ridge, "ridge"), optional_vector(weights, "weights")};
  const Codes<T> out(codes, sparse, settings.warm_start, d.cols(), x.cols());
  std::vector<CodingReport> reports(static_cast<std::size_t>(x.cols()));
  const Execution execution = make_execution(n_threads, time_limit);
  {
    const ReleasedGil released;
    if (mask)
      encode_masked<T>(execution, x, as_columns(*mask, "mask"), d, settings, extras, out.output(),
                       reports.data());
    else
      encode<T>(execution, x, d, settings, extras, out.output(), reports.data());
  }
  return out.result(reports, execution);
}

template <typename T>
py::tuple lasso_prepared(const Array<T>& signals, const PreparedDictionary<T>& dictionary,
                         const CodingSettings& settings, std::optional<Array<T>> codes,
                         int n_threads, std::optional<double> time_limit, bool sparse,
                         const std::optional<Array<double>>& ridge,
                         const std::optional<Array<double>>& weights) {
  const auto x = as_columns(signals, "X");
  const CodingExtras extras{optional_vector(ridge, "ridge"), optional_vector(weights, "weights")};
  const Codes<T> out(codes, sparse, settings.warm_start, dictionary.panels().atoms(), x.cols());
  std::vector<CodingReport> reports(static_cast<std::size_t>(x.cols()));
  const Execution execution = make_execution(n_threads, time_limit);
  {
    const ReleasedGil released;
    encode<T>(execution, x, dictionary, x.cols(), settings, extras, out.output(), reports.data());
  }
  return out.result(reports, execution);
}

template <typename T>
py::tuple lasso_gram(const Array<T>& gram, const Array<T>& correlations,
                     const CodingSettings& settings, Array<T> codes,
                     const std::optional<Array<double>>& ridge,
                     const std::optional<Array<double>>& weights,
                     const std::optional<Array<double>>& squared_norms,
                     std::optional<double> time_limit, int n_threads) {
  const auto g = as_columns(gram, "gram");
  const auto b = as_columns(correlations, "correlations");
  const CodingExtras extras{optional_vector(ridge, "ridge"), optional_vector(weights, "weights"),
                            optional_vector(squared_norms, "squared_norms")};
  auto out = as_mutable_columns(codes, "codes");
  std::vector<CodingReport> reports(static_cast<std::size_t>(b.cols()));
  const Execution execution = make_execution(n_threads, time_limit);
  {
    const ReleasedGil released;
    encode_gram<T>(execution, g, b, settings, extras, out, reports.data());
  }
  return report_arrays(reports);
}

/// Writes `pooled`; returns the largest violation and the codes that did not converge per sequence.
template <typename T>
py::tuple lasso_pooled(const Array<T>& signals, const Array<Index>& lengths,
                       const Array<T>& dictionary, const CodingSettings& settings,
                       const PoolingSettings& pooling, Array<T> pooled, int n_threads) {
  const auto x = as_columns(signals, "X");
  const auto d = as_columns(dictionary, "dictionary");
  const auto sizes = as_vector(lengths, "lengths");
  auto out = as_mutable_columns(pooled, "pooled");
  std::vector<PooledReport> reports(static_cast<std::size_t>(sizes.size()));
  const Execution execution = make_execution(n_threads);
  {
    const ReleasedGil released;
    encode_pooled<T>(execution, x, sizes, d, settings, pooling, out, reports.data());
  }
  py::array_t<double> kkt(sizes.size());
  py::array_t<Index> unconverged(sizes.size());
  for (Index i = 0; i < sizes.size(); ++i) {
    kkt.mutable_at(i) = reports[static_cast<std::size_t>(i)].kkt;
    unconverged.mutable_at(i) = reports[static_cast<std::size_t>(i)].unconverged;
  }
  return py::make_tuple(kkt, unconverged);
}

template <typename T>
py::tuple pursuit(const Array<T>& signals, const Array<T>& dictionary,
                  const PursuitSettings& settings, std::optional<Array<T>> codes, int n_threads,
                  std::optional<double> time_limit, bool sparse,
                  const std::optional<Array<bool>>& mask) {
  const auto x = as_columns(signals, "X");
  const auto d = as_columns(dictionary, "dictionary");
  const Codes<T> out(codes, sparse, false, d.cols(), x.cols());
  std::vector<CodingReport> reports(static_cast<std::size_t>(x.cols()));
  const Execution execution = make_execution(n_threads, time_limit);
  {
    const ReleasedGil released;
    if (mask)
      pursue_masked<T>(execution, x, as_columns(*mask, "mask"), d, settings, out.output(),
                       reports.data());
    else
      pursue<T>(execution, x, d, settings, out.output(), reports.data());
  }
  return out.result(reports, execution);
}

template <typename T>
py::tuple pursuit_prepared(const Array<T>& signals, const PreparedDictionary<T>& dictionary,
                           const PursuitSettings& settings, std::optional<Array<T>> codes,
                           int n_threads, std::optional<double> time_limit, bool sparse) {
  const auto x = as_columns(signals, "X");
  const Codes<T> out(codes, sparse, false, dictionary.panels().atoms(), x.cols());
  std::vector<CodingReport> reports(static_cast<std::size_t>(x.cols()));
  const Execution execution = make_execution(n_threads, time_limit);
  {
    const ReleasedGil released;
    pursue<T>(execution, x, dictionary, settings, out.output(), reports.data());
  }
  return out.result(reports, execution);
}

template <typename T>
py::tuple pursuit_gram(const Array<T>& gram, const Array<T>& correlations,
                       const Array<double>& squared_norms, const PursuitSettings& settings,
                       Array<T> codes, std::optional<double> time_limit, int n_threads) {
  const auto g = as_columns(gram, "gram");
  const auto b = as_columns(correlations, "correlations");
  const auto norms = as_vector(squared_norms, "squared_norms");
  auto out = as_mutable_columns(codes, "codes");
  std::vector<CodingReport> reports(static_cast<std::size_t>(b.cols()));
  const Execution execution = make_execution(n_threads, time_limit);
  {
    const ReleasedGil released;
    pursue_gram<T>(execution, g, b, norms, settings, out, reports.data());
  }
  return report_arrays(reports);
}

/// A prepared dictionary keeps the array alive that it refers to.
template <typename T>
void bind_prepared(py::module_& m, const char* name) {
  py::class_<PreparedDictionary<T>>(m, name)
      .def(py::init([](const Array<T>& dictionary, int n_threads) {
             const auto d = as_columns(dictionary, "dictionary");
             require_not_empty("dictionary", d.rows(), d.cols());
             const Execution execution = make_execution(n_threads);
             const ReleasedGil released;
             return std::make_unique<PreparedDictionary<T>>(execution, d);
           }),
           py::keep_alive<1, 2>(), py::arg("dictionary").noconvert(), py::kw_only(),
           py::arg("n_threads"))
      .def(
          "holds",
          [](const PreparedDictionary<T>& self, const Array<T>& dictionary) {
            const auto d = as_columns(dictionary, "dictionary");
            const auto& held = self.panels().columns();
            return d.rows() == held.rows() && d.cols() == held.cols() &&
                   std::memcmp(d.data(), held.data(),
                               static_cast<std::size_t>(d.size()) * sizeof(T)) == 0;
          },
          py::arg("dictionary").noconvert());
}

/// What is called for single signals takes its arguments by position, too: pybind11 makes a string
/// of every keyword's name in every overload that it tries.
template <typename T>
void bind_coders(py::module_& m) {
  m.def("lasso", &lasso_prepared<T>, py::arg("signals").noconvert(), py::arg("dictionary"),
        py::arg("settings"), py::arg("codes").noconvert(), py::arg("n_threads"),
        py::arg("time_limit") = py::none(), py::arg("sparse") = false,
        py::arg("ridge").noconvert() = py::none(), py::arg("weights").noconvert() = py::none());
  m.def("pursue", &pursuit_prepared<T>, py::arg("signals").noconvert(), py::arg("dictionary"),
        py::arg("settings"), py::arg("codes").noconvert(), py::arg("n_threads"),
        py::arg("time_limit") = py::none(), py::arg("sparse") = false);
  m.def("lasso", &lasso<T>, py::arg("signals").noconvert(), py::arg("dictionary").noconvert(),
        py::arg("settings"), py::arg("codes").noconvert(), py::arg("n_threads"),
        py::arg("time_limit") = py::none(), py::arg("sparse") = false,
        py::arg("ridge").noconvert() = py::none(), py::arg("weights").noconvert() = py::none(),
        py::arg("mask").noconvert() = py::none());
  m.def("lasso_gram", &lasso_gram<T>, py::arg("gram").noconvert(),
        py::arg("correlations").noconvert(), py::arg("settings"), py::arg("codes").noconvert(),
        py::kw_only(), py::arg("ridge").noconvert() = py::none(),
        py::arg("weights").noconvert() = py::none(),
        py::arg("squared_norms").noconvert() = py::none(), py::arg("time_limit") = py::none(),
        py::arg("n_threads"));
  m.def("lasso_pooled", &lasso_pooled<T>, py::arg("signals").noconvert(),
        py::arg("lengths").noconvert(), py::arg("dictionary").noconvert(), py::arg("settings"),
        py::arg("pooling"), py::arg("pooled").noconvert(), py::kw_only(), py::arg("n_threads"));
  m.def("pursue", &pursuit<T>, py::arg("signals").noconvert(), py::arg("dictionary").noconvert(),
        py::arg("settings"), py::arg("codes").noconvert(), py::arg("n_threads"),
        py::arg("time_limit") = py::none(), py::arg("sparse") = false,
        py::arg("mask").noconvert() = py::none());
  m.def("pursue_gram", &pursuit_gram<T>, py::arg("gram").noconvert(),
        py::arg("correlations").noconvert(), py::arg("squared_norms").noconvert(),
        py::arg("settings"), py::arg("codes").noconvert(), py::kw_only(),
        py::arg("time_limit") = py::none(), py::arg("n_threads"));
}

}  // namespace

void bind_sparse_coding(py::module_& m) {
  py::enum_<Algorithm>(m, "Algorithm")
      .value("active_set", Algorithm::active_set)
      .value("coordinate_descent", Algorithm::coordinate_descent)
      .value("homotopy", Algorithm::homotopy)
      .value("fista", Algorithm::fista);
  py::class_<CodingSettings>(m, "CodingSettings")
      .def(py::init([](double alpha, double tolerance, Index max_iterations, bool nonnegative,
                       bool warm_start, Algorithm algorithm) {
             const CodingSettings settings{alpha,       tolerance,  max_iterations,
                                           nonnegative, warm_start, algorithm};
             settings.validate();
             return settings;
           }),
           py::arg("alpha"), py::arg("tolerance"), py::arg("max_iterations"),
           py::arg("nonnegative") = false, py::arg("warm_start") = false,
           py::arg("algorithm") = Algorithm::active_set)
      .def_readonly("alpha", &CodingSettings::alpha)
      .def_readonly("tolerance", &CodingSettings::tolerance)
      .def_readonly("max_iterations", &CodingSettings::max_iterations)
      .def_readonly("nonnegative", &CodingSettings::nonnegative)
      .def_readonly("warm_start", &CodingSettings::warm_start)
      .def_readonly("algorithm", &CodingSettings::algorithm);
  py::class_<PoolingSettings>(m, "PoolingSettings")
      .def(py::init([](bool mean, bool root_mean_square, bool maximum) {
             return PoolingSettings{mean, root_mean_square, maximum};
           }),
           py::kw_only(), py::arg("mean") = true, py::arg("root_mean_square") = false,
           py::arg("maximum") = false)
      .def_readonly("mean", &PoolingSettings::mean)
      .def_readonly("root_mean_square", &PoolingSettings::root_mean_square)
      .def_readonly("maximum", &PoolingSettings::maximum);
  py::enum_<SelectionRule>(m, "SelectionRule")
      .value("correlation", SelectionRule::correlation)
      .value("residual", SelectionRule::residual);
  py::class_<PursuitSettings>(m, "PursuitSettings")
      .def(py::init([](SelectionRule rule, Index max_atoms, double tolerance, bool nonnegative) {
             const PursuitSettings settings{rule, max_atoms, tolerance, nonnegative};
             settings.validate();
             return settings;
           }),
           py::arg("rule"), py::arg("max_atoms"), py::arg("tolerance") = 0.0,
           py::arg("nonnegative") = false)
      .def_readonly("rule", &PursuitSettings::rule)
      .def_readonly("max_atoms", &PursuitSettings::max_atoms)
      .def_readonly("tolerance", &PursuitSettings::tolerance)
      .def_readonly("nonnegative", &PursuitSettings::nonnegative);
  bind_prepared<float>(m, "PreparedDictionary32");
  bind_prepared<double>(m, "PreparedDictionary64");
  bind_coders<double>(m);
  bind_coders<float>(m);
}

}  // namespace sparsetransfer::python
