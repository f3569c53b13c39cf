// Looks at a training now and then, and says in words when it is not well.
#pragma once
#include <tandem/evaluate/report.h>
#include <tandem/tasks/task.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace tandem::train {

/// Watches gradients, steps and outputs. It looks at few steps and changes nothing, speaks when something is far from
/// well, most of it several times in a row, and of each thing once.
class Doctor {
 public:
  /// By what a remark would be about: how many times in a row it was so.
  using Counts = std::map<std::string, int>;

  /// Of the tensors that learn, and their names in the network. `said` and `wrong`: of this training before.
  Doctor(std::vector<std::string> names, std::vector<Tensor> learning, const std::vector<evaluate::Remark>& said,
         Counts wrong = {});
  [[nodiscard]] const Counts& wrong() const { return wrong_; }

  /// Whether it looks at this step, counted from 1: 1, 2, 4 … 64, and then each 64th.
  [[nodiscard]] static bool looks_at(int64_t step);
  /// Around such a step: `gradients` are the norms of the gradients, one a tensor.
  void before_step(std::span<const double> gradients);
  [[nodiscard]] std::vector<evaluate::Remark> after_step();

  /// Whether it looks at the outputs after this epoch, counted from 1: 1, 2, 4, 8 …
  [[nodiscard]] static bool looks_after(int64_t epoch);
  /// Takes a batch through the network as it predicts, and counts the units that say the same whatever they are given.
  [[nodiscard]] std::vector<evaluate::Remark> outputs(tasks::Task& task, std::span<const int64_t> batch,
                                                      const tasks::Moment& at);
  /// The training loss of each epoch so far.
  [[nodiscard]] std::vector<evaluate::Remark> losses(std::span<const double> epochs);

 private:
  // Adds to `out` what was `wrong` so many times in a row, the first time.
  void complain(std::vector<evaluate::Remark>& out, bool wrong, int in_a_row, evaluate::Remark remark);

  std::vector<std::string> names_;
  std::vector<Tensor> learning_, before_;
  std::vector<double> gradients_;
  Counts wrong_;
  std::set<std::string> said_;
};

}  // namespace tandem::train
