#pragma once

#include <pybind11/pybind11.h>

namespace sparsetransfer::python {

void bind_dictionary(pybind11::module_& m);
void bind_mmd(pybind11::module_& m);
void bind_numerics(pybind11::module_& m);
void bind_graph(pybind11::module_& m);
void bind_transfer(pybind11::module_& m);
void bind_regression(pybind11::module_& m);
void bind_sparse_coding(pybind11::module_& m);
void bind_paths(pybind11::module_& m);

}  // namespace sparsetransfer::python
