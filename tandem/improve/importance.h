// How much each parameter matters: the share of the variance over the whole space that it explains by itself, functional
// ANOVA on a random forest (Hutter, Hoos and Leyton-Brown 2014).
#pragma once
#include <tandem/improve/space.h>

#include <span>
#include <vector>

namespace tandem::improve {

struct ForestOptions {
  int64_t trees = 48;
  int64_t smallest_leaf = 2;  // points
  int64_t deepest = 48;
  uint64_t seed = 1;
};

/// Regression trees over a space in the unit cube, each grown on a bootstrap sample with variance splits; choices split
/// into two groups. A parameter that is not there takes a random value: whatever it is, nothing changes.
class Forest {
 public:
  Forest(const Space& space, std::span<const Point> points, std::span<const double> values,
         const ForestOptions& options = {});

  [[nodiscard]] double predict(const Point& point) const;
  /// Of each parameter alone, in the space's order: mean over the trees of V(parameter) / V. What is missing to 1 is
  /// explained by parameters together. All 0 when the values are all the same.
  [[nodiscard]] std::vector<double> importance() const;

 private:
  struct Node {
    int split = -1;          // the parameter; -1: a leaf
    double at = 0;           // below: left (numbers)
    std::vector<bool> left;  // choices that go left
    size_t low = 0, high = 0;
    double value = 0;
  };
  using Tree = std::vector<Node>;
  struct Grower;

  [[nodiscard]] std::vector<double> importance_of(const Tree& tree) const;
  [[nodiscard]] double predict(const Tree& tree, std::span<const double> x) const;

  const Space& space_;
  std::vector<Tree> trees_;
};

}  // namespace tandem::improve
