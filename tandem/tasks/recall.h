// A class that must be found: what a classifier says is shifted towards it until it is.
#pragma once
#include <tandem/tasks/classifier.h>

namespace tandem::tasks {

/// A class, and the share of its validation examples that must be found.
struct RecallGoal {
  std::string of;
  double least = 0.5;
  void fields(Fields& f);
};

/// Throws a usage error for a class that is not there or has no examples in `validation`, and for a network that does
/// not end in a linear layer with a bias and an output a class: said before a training, not after it.
void check_recall(const Classifier& model, const RecallGoal& goal, const data::Dataset& validation);

/// Raises the bias of the output of class `goal.of` by the least with which the model finds so many of that class's
/// validation examples (logit adjustment after training: Menon et al. 2021, "Long-tail learning via logit adjustment");
/// what it costs the other classes, the report shows. Before confidence is fitted. Returns by how much in nats, 0 when
/// it finds them as it is. Throws what check_recall() throws.
double raise_recall(Classifier& model, const RecallGoal& goal, const data::Dataset& validation);

}  // namespace tandem::tasks
