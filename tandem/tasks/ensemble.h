// Several networks that answer as one.
#pragma once
#include <tandem/tasks/classifier.h>

#include <string>
#include <vector>

namespace tandem::tasks {

/// What they say together is the mean of their probabilities. Each reads examples in its own way.
struct Ensemble {
  std::vector<std::string> names;  // of the members, for people
  std::vector<Classifier> members;
  /// Throws a usage error when it tells other classes apart than the members before it, or reads another kind of
  /// examples.
  void add(std::string name, Classifier member);
  [[nodiscard]] const std::vector<std::string>& classes() const { return members.at(0).classes; }
  /// Probabilities of each member (n, classes), in order; and their mean.
  [[nodiscard]] std::vector<std::vector<float>> opinions(const data::Dataset& set);
  [[nodiscard]] static std::vector<float> mean(const std::vector<std::vector<float>>& opinions);
};

}  // namespace tandem::tasks
