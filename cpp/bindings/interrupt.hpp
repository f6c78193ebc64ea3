#pragma once

#include <pybind11/pybind11.h>

#include <chrono>

#include "sparsetransfer/numerics/parallel.hpp"

namespace sparsetransfer::python {

/// An execution whose poll takes the GIL at most every 50 ms to let Python handle signals: Ctrl-C
/// ends a kernel between two blocks. Call with the GIL held; the kernel runs without it.
inline Execution make_execution(int num_threads) {
  using Clock = std::chrono::steady_clock;
  return {num_threads, [last = Clock::now()]() mutable {
            const auto now = Clock::now();
            if (now - last < std::chrono::milliseconds(50)) return;
            last = now;
            pybind11::gil_scoped_acquire gil;
            if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
          }};
}

}  // namespace sparsetransfer::python
