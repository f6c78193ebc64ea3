#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer::python {

namespace py = pybind11;

/// A C-ordered NumPy array. Arguments of this type are bound with .noconvert(): nothing is copied
/// silently, the Python layer converts once.
template <typename T>
using Array = py::array_t<T, py::array::c_style>;

/// The (samples, features) array as a (features x samples) matrix over the same memory.
template <typename T>
Eigen::Map<const Matrix<T>> as_columns(const Array<T>& array, const char* name) {
  require(array.ndim() == 2, std::string(name) + " must have two dimensions");
  return {array.data(), array.shape(1), array.shape(0)};
}

template <typename T>
Eigen::Map<Matrix<T>> as_mutable_columns(Array<T>& array) {
  return {array.mutable_data(), array.shape(1), array.shape(0)};
}

template <typename T>
Eigen::Map<const Vector<T>> as_vector(const Array<T>& array, const char* name) {
  require(array.ndim() == 1, std::string(name) + " must have one dimension");
  return {array.data(), array.shape(0)};
}

template <typename T>
Eigen::Map<Vector<T>> as_mutable_vector(Array<T>& array) {
  return {array.mutable_data(), array.shape(0)};
}

/// A new, uninitialised (rows, cols) array.
template <typename T>
Array<T> make_array(Index rows, Index cols) {
  return Array<T>({rows, cols});
}

}  // namespace sparsetransfer::python
