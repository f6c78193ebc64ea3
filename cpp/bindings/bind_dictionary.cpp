#include <vector>

#include "bindings.hpp"
#include "interrupt.hpp"
#include "numpy_eigen.hpp"
#include "sparsetransfer/dictionary/atoms.hpp"
#include "sparsetransfer/dictionary/block_coordinate.hpp"
#include "sparsetransfer/dictionary/ksvd.hpp"
#include "sparsetransfer/dictionary/lagrange_dual.hpp"
#include "sparsetransfer/dictionary/masked.hpp"
#include "sparsetransfer/dictionary/quadratic.hpp"
#include "sparsetransfer/dictionary/statistics.hpp"

namespace sparsetransfer::python {
namespace {

template <typename T>
void bind_updates(py::module_& m) {
  m.def(
      "dictionary_objective",
      [](const Array<T>& A, const Array<T>& B, const Array<T>& dictionary, int num_threads) {
        const auto a = as_columns(A, "A");
        const auto b = as_columns(B, "B");
        const auto d = as_columns(dictionary, "dictionary");
        const Execution execution = make_execution(num_threads);
        const ReleasedGil released;
        return dictionary_objective<T>(execution, a, b, d);
      },
      py::arg("A").noconvert(), py::arg("B").noconvert(), py::arg("dictionary").noconvert(),
      py::kw_only(), py::arg("num_threads"));
  m.def(
      "dictionary_block_coordinate",
      [](const Array<T>& A, const Array<T>& B, Array<T> dictionary, int passes, double tolerance,
         bool positive, double l1_ratio, int num_threads) {
        const auto a = as_columns(A, "A");
        const auto b = as_columns(B, "B");
        auto d = as_mutable_columns(dictionary, "dictionary");
        const Execution execution = make_execution(num_threads);
        const ReleasedGil released;
        return update_block_coordinate<T>(execution, a, b,
                                          {passes, tolerance, {positive, l1_ratio}}, d);
      },
      py::arg("A").noconvert(), py::arg("B").noconvert(), py::arg("dictionary").noconvert(),
      py::kw_only(), py::arg("passes"), py::arg("tolerance"), py::arg("positive"),
      py::arg("l1_ratio") = 0.0, py::arg("num_threads"));
  m.def(
      "dictionary_lagrange_dual",
      [](const Array<T>& A, const Array<T>& B, Array<T> dictionary, int max_iterations,
         double tolerance, int num_threads) {
        const auto a = as_columns(A, "A");
        const auto b = as_columns(B, "B");
        auto d = as_mutable_columns(dictionary, "dictionary");
        const Execution execution = make_execution(num_threads);
        LagrangeDualReport report;
        {
          const ReleasedGil released;
          report = update_lagrange_dual<T>(execution, a, b, {max_iterations, tolerance}, d);
        }
        return py::make_tuple(report.status == Status::converged, report.iterations, report.gap);
      },
      py::arg("A").noconvert(), py::arg("B").noconvert(), py::arg("dictionary").noconvert(),
      py::kw_only(), py::arg("max_iterations"), py::arg("tolerance"), py::arg("num_threads"));
  m.def(
      "dictionary_optimal_directions",
      [](const Array<T>& A, const Array<T>& B, Array<T> dictionary, int num_threads) {
        const auto a = as_columns(A, "A");
        const auto b = as_columns(B, "B");
        auto d = as_mutable_columns(dictionary, "dictionary");
        const Execution execution = make_execution(num_threads);
        const ReleasedGil released;
        update_optimal_directions<T>(execution, a, b, d);
      },
      py::arg("A").noconvert(), py::arg("B").noconvert(), py::arg("dictionary").noconvert(),
      py::kw_only(), py::arg("num_threads"));
  m.def(
      "dictionary_ksvd",
      [](const Array<T>& signals, Array<T> codes, Array<T> dictionary, double alpha,
         bool positive_dictionary, bool positive_codes, double l1_ratio, int num_threads) {
        const auto x = as_columns(signals, "signals");
        auto s = as_mutable_columns(codes, "codes");
        auto d = as_mutable_columns(dictionary, "dictionary");
        const Execution execution = make_execution(num_threads);
        const ReleasedGil released;
        return update_ksvd<T>(execution, x,
                              {alpha, {positive_dictionary, l1_ratio}, positive_codes}, s, d);
      },
      py::arg("signals").noconvert(), py::arg("codes").noconvert(),
      py::arg("dictionary").noconvert(), py::kw_only(), py::arg("alpha"),
      py::arg("positive_dictionary"), py::arg("positive_codes"), py::arg("l1_ratio") = 0.0,
      py::arg("num_threads"));
}

template <typename T>
void bind_data(py::module_& m) {
  m.def(
      "dictionary_accumulate",
      [](const Array<T>& signals, const Array<T>& codes, const Array<T>& weights, Array<T> A,
         Array<T> B, int num_threads) {
        const auto x = as_columns(signals, "signals");
        const auto s = as_columns(codes, "codes");
        const auto w = as_vector(weights, "weights");
        auto a = as_mutable_columns(A, "A");
        auto b = as_mutable_columns(B, "B");
        const Execution execution = make_execution(num_threads);
        const ReleasedGil released;
        accumulate_statistics<T>(execution, x, s, w, a, b);
      },
      py::arg("signals").noconvert(), py::arg("codes").noconvert(), py::arg("weights").noconvert(),
      py::arg("A").noconvert(), py::arg("B").noconvert(), py::kw_only(), py::arg("num_threads"));
  m.def(
      "dictionary_replace_dead_atoms",
      [](const Array<T>& signals, Array<T> codes, Array<T> dictionary, bool positive,
         double l1_ratio, int num_threads) {
        const auto x = as_columns(signals, "signals");
        auto s = as_mutable_columns(codes, "codes");
        auto d = as_mutable_columns(dictionary, "dictionary");
        const Execution execution = make_execution(num_threads);
        std::vector<Index> replaced;
        {
          const ReleasedGil released;
          replaced = replace_dead_atoms<T>(execution, x, {positive, l1_ratio}, s, d);
        }
        return to_array(replaced);
      },
      py::arg("signals").noconvert(), py::arg("codes").noconvert(),
      py::arg("dictionary").noconvert(), py::kw_only(), py::arg("positive"),
      py::arg("l1_ratio") = 0.0, py::arg("num_threads"));
  m.def(
      "dictionary_replace_atoms",
      [](const Array<T>& signals, const Array<Index>& atoms, Array<T> codes, Array<T> dictionary,
         bool positive, double l1_ratio, int num_threads) {
        const auto x = as_columns(signals, "signals");
        const auto numbers = as_vector(atoms, "atoms");
        auto s = as_mutable_columns(codes, "codes");
        auto d = as_mutable_columns(dictionary, "dictionary");
        const std::vector<Index> chosen(numbers.begin(), numbers.end());
        const Execution execution = make_execution(num_threads);
        std::vector<Index> replaced;
        {
          const ReleasedGil released;
          replaced = replace_atoms<T>(execution, x, {positive, l1_ratio}, chosen, s, d);
        }
        return to_array(replaced);
      },
      py::arg("signals").noconvert(), py::arg("atoms").noconvert(), py::arg("codes").noconvert(),
      py::arg("dictionary").noconvert(), py::kw_only(), py::arg("positive"),
      py::arg("l1_ratio") = 0.0, py::arg("num_threads"));
  m.def(
      "dictionary_merge_duplicate_atoms",
      [](const Array<T>& dictionary, Array<T> codes, double tolerance, bool positive_codes,
         int num_threads) {
        const auto d = as_columns(dictionary, "dictionary");
        auto s = as_mutable_columns(codes, "codes");
        const Execution execution = make_execution(num_threads);
        const ReleasedGil released;
        return merge_duplicate_atoms<T>(execution, d, tolerance, positive_codes, s);
      },
      py::arg("dictionary").noconvert(), py::arg("codes").noconvert(), py::kw_only(),
      py::arg("tolerance"), py::arg("positive_codes"), py::arg("num_threads"));
}

template <typename T>
void bind_constraint(py::module_& m) {
  m.def(
      "dictionary_project_atoms",
      [](Array<T> dictionary, bool positive, double l1_ratio, bool to_boundary) {
        auto d = as_mutable_columns(dictionary, "dictionary");
        const AtomConstraint constraint{positive, l1_ratio};
        constraint.validate();
        const ReleasedGil released;
        for (Index j = 0; j < d.cols(); ++j) {
          if (to_boundary)
            scale_to_constraint<T>(constraint, d.col(j));
          else
            project_atom<T>(constraint, d.col(j));
        }
      },
      py::arg("dictionary").noconvert(), py::kw_only(), py::arg("positive"), py::arg("l1_ratio"),
      py::arg("to_boundary") = false);
  m.def(
      "dictionary_separable",
      [](const Array<T>& curvature, const Array<T>& slope, bool positive, double l1_ratio) {
        const auto a = as_columns(curvature, "curvature");
        const auto b = as_columns(slope, "slope");
        require_shape("slope", b.rows(), b.cols(), a.rows(), a.cols());
        const AtomConstraint constraint{positive, l1_ratio};
        constraint.validate();
        auto out = make_array<T>(a.cols(), a.rows());
        auto d = as_mutable_columns(out, "out");
        {
          const ReleasedGil released;
          for (Index j = 0; j < d.cols(); ++j)
            minimise_separable<T>(constraint, a.col(j), b.col(j), d.col(j));
        }
        return out;
      },
      py::arg("curvature").noconvert(), py::arg("slope").noconvert(), py::kw_only(),
      py::arg("positive"), py::arg("l1_ratio"));
}

template <typename T>
void bind_masked(py::module_& m) {
  m.def(
      "dictionary_masked",
      [](const Array<T>& signals, const Array<bool>& mask, const Array<T>& codes,
         const Array<T>& weights, Array<T> dictionary, int passes, double tolerance, bool positive,
         double l1_ratio, int num_threads) {
        const auto x = as_columns(signals, "signals");
        const auto observed = as_columns(mask, "mask");
        const auto s = as_columns(codes, "codes");
        const auto w = as_vector(weights, "weights");
        auto d = as_mutable_columns(dictionary, "dictionary");
        const Execution execution = make_execution(num_threads);
        const ReleasedGil released;
        return update_masked<T>(execution, x, observed, s, w,
                                {passes, tolerance, {positive, l1_ratio}}, d);
      },
      py::arg("signals").noconvert(), py::arg("mask").noconvert(), py::arg("codes").noconvert(),
      py::arg("weights").noconvert(), py::arg("dictionary").noconvert(), py::kw_only(),
      py::arg("passes"), py::arg("tolerance"), py::arg("positive"), py::arg("l1_ratio") = 0.0,
      py::arg("num_threads"));
  m.def(
      "dictionary_accumulate_masked",
      [](const Array<T>& signals, const Array<bool>& mask, const Array<T>& codes,
         const Array<T>& weights, Array<T> A, Array<T> B, int num_threads) {
        const auto x = as_columns(signals, "signals");
        const auto observed = as_columns(mask, "mask");
        const auto s = as_columns(codes, "codes");
        const auto w = as_vector(weights, "weights");
        auto b = as_mutable_columns(B, "B");
        require_array(A, 3, "A");
        require(A.shape(0) == b.rows() && A.shape(1) == b.cols() && A.shape(2) == b.cols(),
                "A must have one matrix per feature");
        require_writeable(A, "A");
        T* a = A.mutable_data();
        const Execution execution = make_execution(num_threads);
        const ReleasedGil released;
        accumulate_masked<T>(execution, x, observed, s, w, a, b);
      },
      py::arg("signals").noconvert(), py::arg("mask").noconvert(), py::arg("codes").noconvert(),
      py::arg("weights").noconvert(), py::arg("A").noconvert(), py::arg("B").noconvert(),
      py::kw_only(), py::arg("num_threads"));
  m.def(
      "dictionary_from_masked",
      [](const Array<T>& A, const Array<T>& B, Array<T> dictionary, int passes, double tolerance,
         bool positive, double l1_ratio, int num_threads) {
        const auto b = as_columns(B, "B");
        auto d = as_mutable_columns(dictionary, "dictionary");
        require_array(A, 3, "A");
        require(A.shape(0) == b.rows() && A.shape(1) == b.cols() && A.shape(2) == b.cols(),
                "A must have one matrix per feature");
        const T* a = A.data();
        const Execution execution = make_execution(num_threads);
        const ReleasedGil released;
        return update_from_masked<T>(execution, a, b, {passes, tolerance, {positive, l1_ratio}}, d);
      },
      py::arg("A").noconvert(), py::arg("B").noconvert(), py::arg("dictionary").noconvert(),
      py::kw_only(), py::arg("passes"), py::arg("tolerance"), py::arg("positive"),
      py::arg("l1_ratio") = 0.0, py::arg("num_threads"));
}

}  // namespace

void bind_dictionary(py::module_& m) {
  bind_data<float>(m);
  bind_data<double>(m);
  bind_updates<float>(m);
  bind_updates<double>(m);
  bind_constraint<float>(m);
  bind_constraint<double>(m);
  bind_masked<float>(m);
  bind_masked<double>(m);
}

}  // namespace sparsetransfer::python
