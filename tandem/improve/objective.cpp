#include <tandem/base/error.h>
#include <tandem/base/text.h>
#include <tandem/improve/objective.h>

#include <algorithm>
#include <limits>
#include <numeric>

namespace tandem::improve {

const std::vector<std::string>& Objective::names() {
  static const std::vector<std::string> all{"accuracy", "loss", "parameters", "multiply_adds", "latency"};
  return all;
}

Objective Objective::of(const std::string& name) {
  if (std::ranges::find(names(), name) == names().end()) {
    const std::string near = nearest_name(name, names());
    fail("search.objectives", "'{}' is not known{}; valid: {}", name,
         near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), join(names()));
  }
  return {name, name == "accuracy"};
}

std::vector<double> costs(std::span<const Objective> objectives, std::span<const double> values) {
  std::vector<double> out(values.begin(), values.end());
  for (size_t i = 0; i < out.size(); ++i)
    if (objectives[i].larger_is_better) out[i] = -out[i];
  return out;
}

bool dominates(std::span<const double> a, std::span<const double> b) {
  bool better = false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i]) return false;
    better = better || a[i] < b[i];
  }
  return better;
}

std::vector<int64_t> fronts(const std::vector<std::vector<double>>& costs) {
  std::vector<int64_t> out(costs.size(), -1);
  size_t left = costs.size();
  for (int64_t front = 0; left > 0; ++front) {
    std::vector<size_t> members;
    for (size_t i = 0; i < costs.size(); ++i) {
      if (out[i] >= 0) continue;
      bool beaten = false;
      for (size_t j = 0; j < costs.size() && !beaten; ++j) beaten = out[j] < 0 && dominates(costs[j], costs[i]);
      if (!beaten) members.push_back(i);
    }
    for (const size_t i : members) out[i] = front;
    left -= members.size();
  }
  return out;
}

std::vector<size_t> ranking(const std::vector<std::vector<double>>& costs) {
  std::vector<size_t> order(costs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  if (costs.empty()) return order;
  if (costs.front().size() == 1) {
    std::ranges::stable_sort(order, {}, [&](size_t i) { return costs[i][0]; });
    return order;
  }
  const std::vector<int64_t> front = fronts(costs);
  std::vector<double> crowding(costs.size(), 0.0);
  for (int64_t f = 0; f <= *std::ranges::max_element(front); ++f) {
    std::vector<size_t> members;
    for (size_t i = 0; i < costs.size(); ++i)
      if (front[i] == f) members.push_back(i);
    for (size_t k = 0; k < costs.front().size(); ++k) {
      std::ranges::stable_sort(members, {}, [&](size_t i) { return costs[i][k]; });
      const double range = costs[members.back()][k] - costs[members.front()][k];
      crowding[members.front()] = crowding[members.back()] = std::numeric_limits<double>::infinity();
      for (size_t m = 1; m + 1 < members.size() && range > 0; ++m)
        crowding[members[m]] += (costs[members[m + 1]][k] - costs[members[m - 1]][k]) / range;
    }
  }
  std::ranges::stable_sort(order, [&](size_t a, size_t b) {
    return front[a] != front[b] ? front[a] < front[b] : crowding[a] > crowding[b];
  });
  return order;
}

}  // namespace tandem::improve
