#include <omp.h>
#include <tandem/base/denormals.h>
#include <tandem/base/threads.h>
#include <xmmintrin.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

namespace tandem {
namespace {

constexpr int most_threads = 64;

std::atomic<int> thread_count = 0;  // 0: default_threads

// Taken before anyone lowers OpenMP's own figure, as each call of oneDNN does for its thread.
const int default_threads = std::clamp(std::min(omp_get_max_threads(), omp_get_num_procs()), 1, most_threads);

thread_local bool inside = false;  // a task is running on this thread

// The work of one call. Each thread has a part of the tasks, so that numbers stay in the cache of the processor that
// made them; a thread that is through with its own takes tasks from the others' parts, so that one that the system
// holds up holds up nobody else.
class Job {
 public:
  Job(int64_t tasks, int parts, void (*run)(void*, int64_t), void* context)
      : tasks_(tasks), parts_(parts), run_(run), context_(context) {
    for (int part = 0; part < parts; ++part) next_[static_cast<size_t>(part)].task = begin(part);
  }

  void work(int own) {
    inside = true;
    for (int i = 0; i < parts_; ++i) {
      const int part = (own + i) % parts_;
      auto& next = next_[static_cast<size_t>(part)].task;
      for (int64_t task = next.fetch_add(1); task < begin(part + 1); task = next.fetch_add(1)) call(task);
    }
    inside = false;
  }

  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  [[nodiscard]] int64_t begin(int part) const { return tasks_ * part / parts_; }

  void call(int64_t task) {
    try {
      run_(context_, task);
    } catch (...) {
      const std::scoped_lock lock(error_mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }

  struct alignas(64) Next {
    std::atomic<int64_t> task = 0;
  };
  std::array<Next, most_threads> next_;
  int64_t tasks_;
  int parts_;
  void (*run_)(void*, int64_t);
  void* context_;
  std::exception_ptr error_;
  std::mutex error_mutex_;
};

// Threads that wait for jobs: for some microseconds awake, since the next job of a training step is near, then asleep.
// `state_` holds the number of the job, how many threads joined it, and whether it is closed. A thread that wakes up
// late finds the job closed and waits for the next; nobody waits for it.
class Pool {
 public:
  // False when the pool is taken by another thread: the caller then works alone.
  bool run(Job& job, int count) {
    const std::unique_lock lock(owner_, std::try_to_lock);
    if (!lock) return false;
    try {
      for (; workers_ < count - 1; ++workers_) std::thread([this, number = workers_ + 1] { serve(number); }).detach();
    } catch (const std::system_error&) {  // the system gives no more threads: those that there are do the work
    }
    job_ = &job;
    left_.store(0, std::memory_order_relaxed);
    open_.store(count - 1, std::memory_order_relaxed);
    state_.store((state_.load(std::memory_order_relaxed) / one_job + 1) * one_job, std::memory_order_seq_cst);
    if (asleep_.load(std::memory_order_seq_cst) > 0) state_.notify_all();
    job.work(0);
    const uint32_t joined = state_.fetch_or(closed, std::memory_order_acq_rel) & joined_mask;
    for (int turn = 0; left_.load(std::memory_order_acquire) != joined; ++turn)
      turn < spins ? _mm_pause() : std::this_thread::yield();
    return true;
  }

 private:
  static constexpr uint32_t joined_mask = 0x7F, closed = 0x80, one_job = 0x100;
  static constexpr int spins = 1000;  // some 20 microseconds

  void serve(int number) {
    omp_set_num_threads(1);  // oneDNN asks; see kernels/onednn.cpp
    const FlushDenormals flush;
    uint32_t seen = 0;
    for (;;) {
      const uint32_t job = next_job(seen);
      seen = job / one_job;
      if (!join(job)) continue;
      job_->work(number);
      left_.fetch_add(1, std::memory_order_release);
    }
  }

  // The state with another job than `seen`.
  uint32_t next_job(uint32_t seen) {
    for (int turn = 0; turn < spins; ++turn) {
      const uint32_t state = state_.load(std::memory_order_acquire);
      if (state / one_job != seen) return state;
      _mm_pause();
    }
    asleep_.fetch_add(1, std::memory_order_seq_cst);
    uint32_t state = state_.load(std::memory_order_seq_cst);
    while (state / one_job == seen) {
      state_.wait(state);
      state = state_.load(std::memory_order_seq_cst);
    }
    asleep_.fetch_sub(1, std::memory_order_relaxed);
    return state;
  }

  bool join(uint32_t state) {
    const uint32_t job = state / one_job;
    while (state / one_job == job && (state & closed) == 0 &&
           (state & joined_mask) < static_cast<uint32_t>(open_.load(std::memory_order_relaxed)))
      if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) return true;
    return false;
  }

  std::mutex owner_;
  Job* job_ = nullptr;
  int workers_ = 0;
  std::atomic<uint32_t> state_ = closed, left_ = 0;
  std::atomic<int> open_ = 0, asleep_ = 0;
};

Pool& pool() {
  static auto* instance = new Pool;  // never destroyed: its threads wait in it when the program ends
  return *instance;
}

}  // namespace

void set_threads(int count) { thread_count = std::clamp(count, 0, most_threads); }

int threads() {
  const int wanted = thread_count;
  return wanted > 0 ? wanted : default_threads;
}

void detail::run_parallel(int64_t tasks, void (*run)(void*, int64_t), void* context) {
  const FlushDenormals flush;
  const int count = static_cast<int>(std::min<int64_t>(tasks, threads()));
  if (!inside && count > 1) {
    Job job(tasks, count, run, context);
    if (pool().run(job, count)) return job.rethrow();
  }
  for (int64_t task = 0; task < tasks; ++task) run(context, task);
}

}  // namespace tandem
