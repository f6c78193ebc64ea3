#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/types.hpp"

namespace sparsetransfer::python {

namespace py = pybind11;

/// A C-ordered NumPy array. Arguments of this type are bound with .noconvert(): nothing is copied
/// silently, the Python layer converts once.
template <typename T>
using Array = py::array_t<T, py::array::c_style>;

/// What every array is checked for before it is viewed: a view trusts the number of dimensions, and
/// compiled loads trust the alignment. `noconvert` has checked the dtype and the order.
template <typename T>
void require_array(const Array<T>& array, py::ssize_t dimensions, const char* name) {
  require(array.ndim() == dimensions, std::string(name) + " must have " +
                                          std::to_string(dimensions) + " dimension(s), got " +
                                          std::to_string(array.ndim()));
  require(reinterpret_cast<std::uintptr_t>(array.data()) % alignof(T) == 0,
          std::string(name) + " must be aligned to its dtype: pass a copy");
}

template <typename T>
void require_writeable(const Array<T>& array, const char* name) {
  require(array.writeable(), std::string(name) + " must be writeable: pass a copy");
}

/// The (samples, features) array as a (features x samples) matrix over the same memory.
template <typename T>
Eigen::Map<const Matrix<T>> as_columns(const Array<T>& array, const char* name) {
  require_array(array, 2, name);
  return {array.data(), array.shape(1), array.shape(0)};
}

template <typename T>
Eigen::Map<Matrix<T>> as_mutable_columns(Array<T>& array, const char* name) {
  require_array(array, 2, name);
  require_writeable(array, name);
  return {array.mutable_data(), array.shape(1), array.shape(0)};
}

template <typename T>
Eigen::Map<const Vector<T>> as_vector(const Array<T>& array, const char* name) {
  require_array(array, 1, name);
  return {array.data(), array.shape(0)};
}

template <typename T>
Eigen::Map<Vector<T>> as_mutable_vector(Array<T>& array, const char* name) {
  require_array(array, 1, name);
  require_writeable(array, name);
  return {array.mutable_data(), array.shape(0)};
}

/// A new, uninitialised (rows, cols) array.
template <typename T>
Array<T> make_array(Index rows, Index cols) {
  return Array<T>({rows, cols});
}

/// A copy. pybind11's own does not notice that memory has run out.
template <typename T>
Array<T> to_array(const std::vector<T>& values) {
  Array<T> array(static_cast<py::ssize_t>(values.size()));
  std::copy(values.begin(), values.end(), array.mutable_data());
  return array;
}

}  // namespace sparsetransfer::python
