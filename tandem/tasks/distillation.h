// Distillation: a network learns what others say of its examples, not only what is true of them (Hinton, Vinyals and
// Dean 2015).
#pragma once
#include <tandem/tasks/ensemble.h>

#include <functional>
#include <string>
#include <vector>

namespace tandem::tasks {

/// `teach:` of a recipe.
struct TeachOptions {
  std::vector<std::string> from;  // runs or model files; what they say together is taught; empty: nothing is
  double temperature = 2;         // above 1 it also tells which wrong answers are near
  double share = 0.7;             // of the loss; the labels have the rest
  void fields(Fields& f);
  [[nodiscard]] bool on() const { return !from.empty(); }
};

/// What is taught of a batch, (n, classes) softened: of these examples of the training part, which the pupil is given
/// as `x` (pictures augmented, not yet mixed).
using Taught = std::function<Tensor(std::span<const int64_t> examples, const Tensor& x)>;

/// The mean of the teachers' probabilities at a temperature. Of pictures they are asked anew about each batch, changed
/// as the pupil sees it (Beyer et al. 2022: a fixed answer to a changing picture teaches less than its label); of texts
/// and rows, which each reads in its own way, once about the examples as they are. Throws a usage error when they know
/// other classes than `train`, a data error for pictures of another size.
[[nodiscard]] Taught teaching(Ensemble teachers, const Input& pupil, const data::Dataset& train, double temperature);

/// Probabilities (n, classes) at a temperature: p^(1/T), each row made to sum to 1. What a softmax of logits / T gives.
[[nodiscard]] Tensor softened(const Tensor& probabilities, double temperature);

/// T^2 times the loss of outputs / T against `taught`, softened at T: the square keeps the size of the gradient
/// whatever T is. Of a network that ends with logits.
[[nodiscard]] Tensor distillation_loss(const LossOptions& loss, const Tensor& outputs, const Tensor& taught,
                                       double temperature);

}  // namespace tandem::tasks
