#pragma once

#include <pybind11/pybind11.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#if !defined(_WIN32)
#include <pthread.h>
#endif

#include "sparsetransfer/checks.hpp"
#include "sparsetransfer/numerics/parallel.hpp"

namespace sparsetransfer::python {

inline bool is_finalizing() {
#if PY_VERSION_HEX >= 0x030d0000
  return Py_IsFinalizing() != 0;
#else
  return _Py_IsFinalizing() != 0;
#endif
}

inline void stop_for_good(void*) {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

/// Calls `take`, which takes the GIL. If the interpreter ends without this thread, even while it
/// waits, the thread stops for good instead of returning, as in Python 3.14: earlier versions end
/// it by pthread_exit, which unwinds it through C++ frames and so aborts the process, or frees the
/// stack on which the pool's helpers still find their job.
template <class Take>
void take_gil(bool finalizing_before, Take take) {
  // A kernel called while the interpreter ends runs in the thread that ends it.
  if (!finalizing_before && is_finalizing()) stop_for_good(nullptr);
#if defined(_WIN32)
  take();
#else
  pthread_cleanup_push(stop_for_good, nullptr);  // run by pthread_exit
  take();
  pthread_cleanup_pop(0);
#endif
}

/// Lets other Python threads run while a kernel computes.
class ReleasedGil {
 public:
  ReleasedGil() = default;
  ReleasedGil(const ReleasedGil&) = delete;
  ReleasedGil& operator=(const ReleasedGil&) = delete;
  ~ReleasedGil() {
    take_gil(finalizing_before_, [this] { PyEval_RestoreThread(state_); });
  }

 private:
  bool finalizing_before_ = is_finalizing();
  PyThreadState* state_ = PyEval_SaveThread();
};

/// An execution whose poll takes the GIL at most every 25 ms to let Python handle signals: Ctrl-C
/// ends a kernel between two blocks. Call with the GIL held; the kernel runs without it.
/// `time_limit` in seconds from now, if any, is for kernels that return what they have reached.
inline Execution make_execution(int num_threads, std::optional<double> time_limit = {}) {
  using Clock = Execution::Clock;
  // Kernels keep a workspace for each thread that they may use.
  constexpr int kMostThreads = 4096;
  require(num_threads >= 1, "the number of threads must be at least 1");
  require(!time_limit || *time_limit >= 0, "time_limit must not be negative");
  constexpr double kLongest = 1e9;  // seconds: beyond it the clock would overflow
  const auto deadline = time_limit && *time_limit < kLongest
                            ? Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                                 std::chrono::duration<double>(*time_limit))
                            : Clock::time_point::max();
  return {std::min(num_threads, kMostThreads),
          [last = Clock::now(), finalizing_before = is_finalizing()]() mutable {
            const auto now = Clock::now();
            if (now - last < std::chrono::milliseconds(25)) return;
            last = now;
            std::optional<pybind11::gil_scoped_acquire> gil;
            take_gil(finalizing_before, [&gil] { gil.emplace(); });
            if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
          },
          deadline};
}

}  // namespace sparsetransfer::python
