// Where the time of the calling thread goes, by samples of its stack.
#pragma once
#include <functional>
#include <map>
#include <string>

namespace tandem::bench {

/// Shares of the wall time of some work, by a sample every millisecond.
struct Profile {
  int64_t samples = 0;
  double kernels = 0;  // in a function of tandem/kernels or oneDNN, or below one
  double waiting = 0;  // of that: in wait for another thread to end its part
  std::map<std::string, double>
      by_name;  // kernels by function, oneDNN's generated code as `oneDNN`, the rest as `other`
};

/// Samples `work`, which runs on this thread and, as the engine does, on others that it waits for.
[[nodiscard]] Profile profile(const std::function<void()>& work);

}  // namespace tandem::bench
