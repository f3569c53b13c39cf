// What a search wants, and which of two trials is the better one when it wants several things.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tandem::improve {

/// What is measured of a trial: accuracy and loss on the validation part; parameters; multiply_adds of one example;
/// latency, milliseconds for one example.
struct Objective {
  std::string name;
  bool larger_is_better = false;

  /// Throws a usage error, with the nearest name, for one that does not exist.
  [[nodiscard]] static Objective of(const std::string& name);
  [[nodiscard]] static const std::vector<std::string>& names();
};

/// Values as costs: lower is better for all.
[[nodiscard]] std::vector<double> costs(std::span<const Objective> objectives, std::span<const double> values);

/// Whether a is at least as good as b in everything and better in something (Pareto dominance); costs.
[[nodiscard]] bool dominates(std::span<const double> a, std::span<const double> b);

/// For each trial the number of its front: 0 for those that nothing dominates, 1 for those that only front 0 does, …
[[nodiscard]] std::vector<int64_t> fronts(const std::vector<std::vector<double>>& costs);

/// The order from best to worst: by front, and within a front by crowding distance (Deb et al. 2002, NSGA-II), so that
/// lonely points come first. With one objective simply by cost; equal ones in their order.
[[nodiscard]] std::vector<size_t> ranking(const std::vector<std::vector<double>>& costs);

}  // namespace tandem::improve
