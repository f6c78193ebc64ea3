#include <atomic>
#include <chrono>
#include <cmath>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "check.hpp"
#include "sparsetransfer/numerics/parallel.hpp"

#if !defined(_WIN32)
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace {

using sparsetransfer::Execution;
using sparsetransfer::Index;
using sparsetransfer::num_blocks;
using sparsetransfer::parallel_for;
using sparsetransfer::parallel_for_blocks;

Execution threads(int count) { return {count, {}}; }

/// A sum whose last bits depend on the order of its terms: partial sums per block, then in order.
double blocked_sum(int num_threads, Index size, Index width) {
  std::vector<double> partial(static_cast<std::size_t>(num_blocks(size, width)));
  parallel_for_blocks(threads(num_threads), size, width, [&](Index begin, Index count, int) {
    double sum = 0;
    for (Index i = begin; i < begin + count; ++i) sum += std::sin(static_cast<double>(i)) / 3;
    partial[static_cast<std::size_t>(begin / width)] = sum;
  });
  return std::accumulate(partial.begin(), partial.end(), 0.0);
}

void spin() { std::this_thread::sleep_for(std::chrono::microseconds(20)); }

#if !defined(_WIN32)
/// Whether a forked child that runs `body` ends by itself, and well, within ten seconds.
bool child_succeeds(const std::function<bool()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(10);
    _exit(body() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
#endif

}  // namespace

TEST(every_block_is_visited_once_by_a_valid_worker) {
  for (const int count : {1, 2, 3, 8}) {
    for (const Index blocks : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> visits(static_cast<std::size_t>(blocks));
      std::atomic<bool> valid = true;
      parallel_for(threads(count), blocks, [&](Index block, int worker) {
        ++visits[static_cast<std::size_t>(block)];
        if (worker < 0 || worker >= count) valid = false;
      });
      CHECK(valid);
      for (const auto& visit : visits) CHECK(visit == 1);
    }
  }
}

TEST(the_last_block_is_the_remainder) {
  std::vector<Index> counts(4);
  parallel_for_blocks(threads(2), 10, 3, [&](Index begin, Index count, int) {
    counts[static_cast<std::size_t>(begin / 3)] = count;
  });
  CHECK((counts == std::vector<Index>{3, 3, 3, 1}));
}

TEST(a_worker_is_never_two_threads_at_once) {
  std::vector<std::atomic<int>> inside(4);
  std::atomic<bool> alone = true;
  parallel_for(threads(4), 500, [&](Index, int worker) {
    auto& mine = inside[static_cast<std::size_t>(worker)];
    if (++mine != 1) alone = false;
    spin();
    --mine;
  });
  CHECK(alone);
}

TEST(blocked_sums_are_equal_to_the_last_bit_for_any_thread_count) {
  const double serial = blocked_sum(1, 100'003, 64);
  for (const int count : {2, 3, 5, 16}) {
    for (int repeat = 0; repeat < 5; ++repeat) CHECK(blocked_sum(count, 100'003, 64) == serial);
  }
}

TEST(more_than_one_thread_works) {
  std::set<std::thread::id> seen;
  std::mutex mutex;
  parallel_for(threads(2), 200, [&](Index, int) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::lock_guard lock(mutex);
    seen.insert(std::this_thread::get_id());
  });
  CHECK(seen.size() == 2);
}

TEST(an_exception_in_any_block_arrives_at_the_caller_and_stops_the_rest) {
  for (const int count : {1, 4}) {
    for (const Index bad : {0, 3, 40}) {
      std::atomic<int> done = 0;
      CHECK_THROWS(std::runtime_error, "block broke",
                   parallel_for(threads(count), 100'000, [&](Index block, int) {
                     if (block == bad) throw std::runtime_error("block broke");
                     spin();
                     ++done;
                   }));
      CHECK(done < 10'000);
    }
  }
  CHECK(blocked_sum(4, 1000, 7) == blocked_sum(1, 1000, 7));
}

TEST(a_poll_that_throws_stops_the_work) {
  for (const int count : {1, 4}) {
    std::atomic<int> done = 0;
    int polls = 0;
    const Execution execution{count, [&] {
                                if (++polls == 5) throw std::runtime_error("interrupted");
                              }};
    CHECK_THROWS(std::runtime_error, "interrupted",
                 parallel_for(execution, 100'000, [&](Index, int) {
                   spin();
                   ++done;
                 }));
    CHECK(polls == 5);
    CHECK(done < 10'000);
  }
}

TEST(a_block_that_checks_ends_in_every_thread_when_the_poll_throws) {
  int polls = 0;
  const Execution execution{3, [&] {
                              if (++polls == 50) throw std::runtime_error("interrupted");
                            }};
  std::atomic<int> ended = 0;
  CHECK_THROWS(std::runtime_error, "interrupted", parallel_for(execution, 3, [&](Index, int) {
                 for (int step = 0; step < 100'000; ++step) {
                   execution.check();
                   spin();
                 }
                 ++ended;
               }));
  CHECK(ended == 0);
}

TEST(the_poll_runs_on_the_calling_thread_only) {
  const auto caller = std::this_thread::get_id();
  bool elsewhere = false;
  const Execution execution{4, [&] { elsewhere |= std::this_thread::get_id() != caller; }};
  parallel_for(execution, 500, [&](Index, int) {
    spin();
    execution.check();
    parallel_for(execution, 2, [](Index, int) {});
  });
  CHECK(!elsewhere);
}

TEST(nested_calls_run_serially_and_completely) {
  std::atomic<int> visits = 0;
  std::atomic<bool> serial = true;
  parallel_for(threads(3), 20, [&](Index, int) {
    const auto outer = std::this_thread::get_id();
    parallel_for(threads(3), 30, [&](Index, int worker) {
      ++visits;
      if (worker != 0 || std::this_thread::get_id() != outer) serial = false;
    });
  });
  CHECK(visits == 600);
  CHECK(serial);
}

TEST(a_nested_exception_arrives_outside) {
  CHECK_THROWS(std::runtime_error, "inner", parallel_for(threads(3), 20, [&](Index, int) {
                 parallel_for(threads(3), 5, [](Index, int) { throw std::runtime_error("inner"); });
               }));
}

TEST(concurrent_callers_get_their_own_answers) {
  const double expected = blocked_sum(1, 20'011, 16);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&] {
      for (int repeat = 0; repeat < 20; ++repeat) {
        if (blocked_sum(3, 20'011, 16) != expected) ++wrong;
      }
    });
  }
  for (auto& caller : callers) caller.join();
  CHECK(wrong == 0);
}

TEST(one_caller_failing_leaves_the_others_alone) {
  const double expected = blocked_sum(1, 20'011, 16);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 6; ++caller) {
    callers.emplace_back([&, caller] {
      for (int repeat = 0; repeat < 20; ++repeat) {
        if (caller % 2 == 0) {
          if (blocked_sum(3, 20'011, 16) != expected) ++wrong;
        } else if (!check::throws_with<std::runtime_error>(
                       [] {
                         parallel_for(threads(3), 50, [](Index block, int) {
                           if (block == 7) throw std::runtime_error("mine");
                         });
                       },
                       "mine")) {
          ++wrong;
        }
      }
    });
  }
  for (auto& caller : callers) caller.join();
  CHECK(wrong == 0);
}

TEST(small_work_stays_serial) {
  CHECK(threads(8).for_work(1000).num_threads == 1);
  CHECK(threads(8).for_work(1e12).num_threads == 8);
  CHECK(threads(1).for_work(1e12).num_threads == 1);
}

#if !defined(_WIN32)
TEST(a_forked_child_computes_after_its_parent_did) {
  const double expected = blocked_sum(4, 10'007, 16);
  CHECK(child_succeeds([&] { return blocked_sum(4, 10'007, 16) == expected; }));
  CHECK(blocked_sum(4, 10'007, 16) == expected);
}

// The thread sanitizer itself does not survive this one: in the child it still counts the parent's
// threads and aborts when the system gives a new thread the identity of one of them.
#if !defined(__SANITIZE_THREAD__)
TEST(a_child_forked_while_other_threads_compute_computes) {
  const double expected = blocked_sum(4, 10'007, 16);
  std::atomic<bool> stop = false;
  std::vector<std::thread> busy;
  for (int i = 0; i < 3; ++i) {
    busy.emplace_back([&] {
      while (!stop) blocked_sum(4, 10'007, 16);
    });
  }
  for (int repeat = 0; repeat < 20; ++repeat) {
    CHECK(child_succeeds([&] { return blocked_sum(4, 10'007, 16) == expected; }));
  }
  stop = true;
  for (auto& thread : busy) thread.join();
}
#endif

TEST(a_child_forked_inside_a_block_computes) {
  const double expected = blocked_sum(4, 10'007, 16);
  std::atomic<int> failed = 0;
  parallel_for(threads(3), 6, [&](Index, int) {
    if (!child_succeeds([&] { return blocked_sum(4, 10'007, 16) == expected; })) ++failed;
  });
  CHECK(failed == 0);
}
#endif
