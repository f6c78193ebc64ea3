#include <pybind11/pybind11.h>

#include "bindings.hpp"
#include "sparsetransfer/status.hpp"

namespace py = pybind11;

// A contents page: one line per folder of the core.
PYBIND11_MODULE(SPARSETRANSFER_MODULE, m, py::mod_gil_not_used()) {
  m.doc() = "Compiled kernels of sparsetransfer.";
  py::register_local_exception<sparsetransfer::NumericalError>(m, "NumericalError",
                                                               PyExc_ArithmeticError);
  sparsetransfer::python::bind_dictionary(m);
  sparsetransfer::python::bind_mmd(m);
  sparsetransfer::python::bind_numerics(m);
  sparsetransfer::python::bind_graph(m);
  sparsetransfer::python::bind_transfer(m);
  sparsetransfer::python::bind_regression(m);
  sparsetransfer::python::bind_sparse_coding(m);
  sparsetransfer::python::bind_paths(m);
}
