#include <omp.h>
#include <tandem/base/threads.h>

#include <algorithm>
#include <exception>

#if defined(__SANITIZE_THREAD__)
// ThreadSanitizer does not see libgomp's fork and join; these two calls tell it that they order memory.
extern "C" void __tsan_acquire(void*);
extern "C" void __tsan_release(void*);
#else
static void __tsan_acquire(void*) {}
static void __tsan_release(void*) {}
#endif

namespace tandem {
namespace {

int thread_count = 0;  // 0: default_threads

// Taken before anyone lowers OpenMP's own figure, as each call of oneDNN does for its thread.
const int default_threads = std::min(omp_get_max_threads(), omp_get_num_procs());

}  // namespace

void set_threads(int count) { thread_count = std::max(count, 0); }

int threads() { return thread_count > 0 ? thread_count : default_threads; }

void detail::run_parallel(int64_t tasks, void (*run)(void*, int64_t), void* context) {
  const int count = static_cast<int>(std::min<int64_t>(tasks, threads()));
  if (count <= 1 || omp_in_parallel()) {
    for (int64_t task = 0; task < tasks; ++task) run(context, task);
    return;
  }
  std::exception_ptr error;
  int fork = 0;
  int join = 0;
  __tsan_release(&fork);
#pragma omp parallel num_threads(count)
  {
    __tsan_acquire(&fork);
#pragma omp for schedule(static) nowait
    for (int64_t task = 0; task < tasks; ++task) {
      try {
        run(context, task);
      } catch (...) {
#pragma omp critical(tandem_parallel_error)
        if (!error) error = std::current_exception();
      }
    }
    __tsan_release(&join);
  }
  __tsan_acquire(&join);
  if (error) std::rethrow_exception(error);
}

}  // namespace tandem
