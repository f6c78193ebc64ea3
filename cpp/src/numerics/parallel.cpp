#include "sparsetransfer/numerics/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#if !defined(_WIN32)
#include <pthread.h>
#endif

// Of a library that is loaded late, glibc makes a thread's variables when the thread first touches
// them, and aborts the process if there is no memory then. A few bytes may be set aside before.
#if defined(__GLIBC__)
#define SPARSETRANSFER_THREAD_LOCAL __attribute__((tls_model("initial-exec"))) thread_local
#else
#define SPARSETRANSFER_THREAD_LOCAL thread_local
#endif

namespace sparsetransfer {
namespace {

constexpr double kFlopsPerThread = 2e6;
constexpr std::size_t kReserve = 1 << 20;
SPARSETRANSFER_THREAD_LOCAL bool inside_worker = false;

/// One call of parallel_for. Lives on the caller's stack: the caller leaves only after every
/// helper has left, and helpers enter only under the pool's mutex.
struct Job {
  const std::function<void(Index, int)>* body = nullptr;
  Index num_blocks = 0;
  std::atomic<Index> next{0};
  int wanted = 0;   // helpers that may still enter; guarded by the pool's mutex
  int entered = 0;  // helpers that ever entered; guarded by the pool's mutex
  int inside = 0;   // helpers inside now; guarded by the pool's mutex
  std::condition_variable left;
  std::mutex error_mutex;
  std::exception_ptr error;
  std::atomic<bool> failed{false};

  void fail(std::exception_ptr what) {
    next.store(num_blocks, std::memory_order_relaxed);
    std::lock_guard lock(error_mutex);
    if (!error) error = std::move(what);
    failed.store(true, std::memory_order_relaxed);
  }

  void work(int worker, const Execution* caller) {
    try {
      for (Index block; (block = next.fetch_add(1, std::memory_order_relaxed)) < num_blocks;) {
        (*body)(block, worker);
        if (caller) caller->check();
      }
    } catch (...) {
      fail(std::current_exception());
    }
  }
};

/// The job that this helper thread works for; null on a thread that calls.
SPARSETRANSFER_THREAD_LOCAL const Job* helped_job = nullptr;

/// Ends a helper's block whose job has failed; never leaves the pool, the first error does.
struct Stopped {};

class Pool {
 public:
  void run(Job& job, int helpers, const Execution& execution) {
    {
      std::lock_guard lock(mutex_);
      while (threads_ < helpers && add_thread()) {
      }
      job.wanted = helpers;
      jobs_.push_back(&job);
    }
    for (int i = 0; i < helpers; ++i) wake_.notify_one();
    const bool nested = inside_worker;
    inside_worker = true;
    job.work(0, &execution);
    inside_worker = nested;
    std::unique_lock lock(mutex_);
    job.wanted = 0;
    std::erase(jobs_, &job);
    job.left.wait(lock, [&job] { return job.inside == 0; });
  }

 private:
  /// False where the system has no memory or no number for another thread: fewer do the work.
  bool add_thread() {
    try {
      // Where memory is short, the C++ library could not throw in a thread that never touched its
      // variables for exceptions: it touches them at once, in memory that is given back for it.
      std::vector<char> reserve(kReserve);
      std::promise<void> touched;
      const std::future<void> ready = touched.get_future();
      // Detached: idle helpers sleep on a pool that is never destroyed.
      std::thread([this, touched = std::move(touched)]() mutable {
        (void)std::current_exception();
        touched.set_value();
        serve();
      }).detach();
      std::vector<char>().swap(reserve);
      ready.wait();
    } catch (const std::exception&) {
      return false;
    }
    ++threads_;
    return true;
  }

  void serve() {
    inside_worker = true;
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return !jobs_.empty(); });
      Job& job = *jobs_.front();
      const int worker = ++job.entered;
      ++job.inside;
      if (--job.wanted == 0) jobs_.pop_front();
      lock.unlock();
      helped_job = &job;
      job.work(worker, nullptr);
      helped_job = nullptr;
      lock.lock();
      if (--job.inside == 0) job.left.notify_one();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job*> jobs_;
  int threads_ = 0;
};

// A forked child has none of its parent's threads and may find the parent's mutex locked, so it
// forgets the parent's pool without touching it and makes its own when it first needs one.
std::atomic<Pool*> current_pool{nullptr};

Pool& pool() {
  Pool* existing = current_pool.load(std::memory_order_acquire);
  if (existing) return *existing;
#if !defined(_WIN32)
  static const int registered = pthread_atfork(nullptr, nullptr, [] {
    current_pool.store(nullptr, std::memory_order_relaxed);
    inside_worker = false;
    helped_job = nullptr;
  });
  (void)registered;
#endif
  auto made = std::make_unique<Pool>();
  if (current_pool.compare_exchange_strong(existing, made.get())) return *made.release();
  return *existing;
}

}  // namespace

void Execution::check() const {
  if (helped_job) {
    if (helped_job->failed.load(std::memory_order_relaxed)) throw Stopped();
  } else if (poll) {
    poll();
  }
}

Execution Execution::for_work(double flops) const {
  Execution limited = *this;
  const double useful = std::max(1.0, flops / kFlopsPerThread);
  if (useful < limited.num_threads) limited.num_threads = static_cast<int>(useful);
  return limited;
}

void parallel_for(const Execution& execution, Index num_blocks,
                  const std::function<void(Index, int)>& body) {
  const int helpers = static_cast<int>(std::min<Index>(execution.num_threads, num_blocks)) - 1;
  if (helpers <= 0 || inside_worker) {
    for (Index block = 0; block < num_blocks; ++block) {
      body(block, 0);
      execution.check();
    }
    return;
  }
  Job job;
  job.body = &body;
  job.num_blocks = num_blocks;
  pool().run(job, helpers, execution);
  if (job.error) std::rethrow_exception(job.error);
}

void parallel_for_blocks(const Execution& execution, Index size, Index width,
                         const std::function<void(Index, Index, int)>& body) {
  parallel_for(execution, num_blocks(size, width), [&](Index block, int worker) {
    const Index begin = block * width;
    body(begin, std::min(width, size - begin), worker);
  });
}

}  // namespace sparsetransfer
