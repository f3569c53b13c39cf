// Corrections as people would make them, from data whose labels are known: for trying out how a network learns.
#pragma once
#include <tandem/people/store.h>
#include <tandem/tasks/classifier.h>

namespace tandem::people {

/// What the network says of each example, as decisions to keep, with the examples themselves.
[[nodiscard]] std::vector<Decision> decide(tasks::Classifier& model, const data::Dataset& set, const std::string& name);

struct Rehearsal {
  int64_t corrections = 100;
  double bad = 0;      // share of them that is wrong: an example that was read right is given another label
  int64_t people = 1;  // they share the right ones; all wrong ones are the first one's
  uint64_t seed = 1;
};

/// Shows the network examples of `set` in random order and corrects its mistakes until there are enough of them, then
/// adds the wrong corrections. Returns how many were right and wrong; fewer when the network makes too few mistakes.
struct Rehearsed {
  int64_t right = 0, wrong = 0, shown = 0;
};
Rehearsed rehearse(Store& store, tasks::Classifier& model, const data::Dataset& set, const std::string& name,
                   const Rehearsal& options);

}  // namespace tandem::people
