// One way to run work on several threads. How work is cut depends on its size only, never on the number of threads:
// that is why results have the same bytes for any number of them.
#pragma once
#include <cstdint>
#include <type_traits>

namespace tandem {

/// Threads used from now on; 0 means all cores (the default, or OMP_NUM_THREADS).
void set_threads(int count);
[[nodiscard]] int threads();

namespace detail {
void run_parallel(int64_t tasks, void (*run)(void* context, int64_t task), void* context);
}

/// Calls fn(task) for task = 0 … tasks-1, each exactly once, on up to threads() threads; returns when all are done.
/// Nested calls, and calls while another thread uses the pool, run on the calling thread. Denormal numbers count as 0.
/// The first exception thrown by a task is thrown again here.
template <class Fn>
void parallel_tasks(int64_t tasks, Fn&& fn) {
  using F = std::remove_reference_t<Fn>;
  detail::run_parallel(
      tasks, [](void* context, int64_t task) { (*static_cast<F*>(context))(task); },
      const_cast<void*>(static_cast<const void*>(&fn)));
}

/// Calls fn(begin, end) over pieces of [0, n) of `grain` items (the last may be shorter). Work of one piece stays on
/// the calling thread: choose `grain` so that a piece is worth a thread (some 10 microseconds).
template <class Fn>
void parallel_for(int64_t n, int64_t grain, Fn&& fn) {
  if (grain < 1) grain = 1;
  if (n <= grain) {
    if (n > 0) fn(int64_t{0}, n);
    return;
  }
  parallel_tasks((n + grain - 1) / grain, [&](int64_t piece) {
    const int64_t begin = piece * grain;
    fn(begin, begin + grain < n ? begin + grain : n);
  });
}

/// Below this many simple element operations a second thread costs more than it brings.
inline constexpr int64_t elementwise_grain = 1 << 15;

}  // namespace tandem
