#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <optional>
#include <thread>

#include "sparsetransfer/numerics/parallel.hpp"

namespace sparsetransfer::python {

inline bool is_finalizing() {
#if PY_VERSION_HEX >= 0x030d0000
  return Py_IsFinalizing() != 0;
#else
  return _Py_IsFinalizing() != 0;
#endif
}

/// Stops the calling thread for good if the interpreter has begun to end without it. A daemon
/// thread that asks for the GIL then is unwound through C++ frames by Python < 3.14, which aborts
/// the process; Python 3.14 stops it, as is done here.
inline void stop_if_finalizing() {
  while (is_finalizing()) std::this_thread::sleep_for(std::chrono::hours(1));
}

/// Lets other Python threads run while a kernel computes.
class ReleasedGil {
 public:
  ReleasedGil() = default;
  ReleasedGil(const ReleasedGil&) = delete;
  ReleasedGil& operator=(const ReleasedGil&) = delete;
  ~ReleasedGil() {
    // A kernel called while the interpreter ends runs in the thread that ends it.
    if (!finalizing_before_) stop_if_finalizing();
  }

 private:
  bool finalizing_before_ = is_finalizing();
  pybind11::gil_scoped_release release_;
};

/// An execution whose poll takes the GIL at most every 25 ms to let Python handle signals: Ctrl-C
/// ends a kernel between two blocks. Call with the GIL held; the kernel runs without it.
/// `time_limit` in seconds from now, if any, is for kernels that return what they have reached.
inline Execution make_execution(int num_threads, std::optional<double> time_limit = {}) {
  using Clock = Execution::Clock;
  constexpr double kLongest = 1e9;  // seconds: beyond it the clock would overflow
  const auto deadline = time_limit && *time_limit < kLongest
                            ? Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                                 std::chrono::duration<double>(*time_limit))
                            : Clock::time_point::max();
  return {num_threads,
          [last = Clock::now(), finalizing_before = is_finalizing()]() mutable {
            const auto now = Clock::now();
            if (now - last < std::chrono::milliseconds(25)) return;
            last = now;
            if (!finalizing_before) stop_if_finalizing();
            pybind11::gil_scoped_acquire gil;
            if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
          },
          deadline};
}

}  // namespace sparsetransfer::python
