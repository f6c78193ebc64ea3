#include <string>

#include "bindings.hpp"
#include "interrupt.hpp"
#include "numpy_eigen.hpp"

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

}  // namespace

void bind_numerics(py::module_& m) { m.def("build_info", &build_info); }

}  // namespace sparsetransfer::python
