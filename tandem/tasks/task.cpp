#include <tandem/tasks/task.h>

namespace tandem::tasks {

std::vector<std::vector<int64_t>> Task::batches(int64_t size, Rng rng) const {
  const std::vector<int64_t> order = rng.permutation(examples());
  std::vector<std::vector<int64_t>> out;
  for (size_t first = 0; first < order.size(); first += static_cast<size_t>(size)) {
    const size_t last = std::min(order.size(), first + static_cast<size_t>(size));
    if (last - first == 1 && first > 0) break;
    out.emplace_back(order.begin() + static_cast<std::ptrdiff_t>(first),
                     order.begin() + static_cast<std::ptrdiff_t>(last));
  }
  return out;
}

}  // namespace tandem::tasks
