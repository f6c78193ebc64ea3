#pragma once

#include <chrono>
#include <functional>

#include "sparsetransfer/types.hpp"

namespace sparsetransfer {

/// What a kernel borrows from its caller besides data: how many threads it may use, a poll that is
/// called from the calling thread only, and stops the work by throwing, and for solvers that can
/// return what they have reached the time at which they should.
struct Execution {
  using Clock = std::chrono::steady_clock;

  int num_threads = 1;
  std::function<void()> poll;
  Clock::time_point deadline = Clock::time_point::max();

  bool out_of_time() const {
    return deadline != Clock::time_point::max() && Clock::now() >= deadline;
  }

  /// Called between blocks, and by blocks that take longer than some milliseconds: polls on the
  /// calling thread. On a helper it throws if the work has been stopped elsewhere, so that nobody
  /// waits for the rest of its block.
  void check() const;
  /// The same execution with no more threads than `flops` of work can occupy: waking a thread
  /// costs about as much as 10^5 operations, and threads must never make a call slower.
  Execution for_work(double flops) const;
};

/// Calls body(block, worker) once for every block in [0, num_blocks), blocks handed out
/// dynamically, worker in [0, num_threads). Blocks must not depend on each other: then results do
/// not depend on the number of threads. The first exception (of a block, or of the poll) stops
/// the handing out and is rethrown here after every worker has let go. Nested calls run serially.
void parallel_for(const Execution& execution, Index num_blocks,
                  const std::function<void(Index block, int worker)>& body);

/// Cuts [0, size) into blocks of constant `width` and calls body(begin, count, worker) for each.
/// The width, not the number of threads, decides the cut.
void parallel_for_blocks(const Execution& execution, Index size, Index width,
                         const std::function<void(Index begin, Index count, int worker)>& body);

/// The number of blocks of parallel_for_blocks.
constexpr Index num_blocks(Index size, Index width) { return (size + width - 1) / width; }

}  // namespace sparsetransfer
