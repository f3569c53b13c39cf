// Means of weights over the steps of a training, which predict better than the last weights.
#pragma once
#include <tandem/tasks/task.h>

namespace tandem::train {

/// `train.average`: what is kept in place of the weights themselves. One of the two, or none.
struct AverageOptions {
  double decay = 0;  // a running mean (EMA) that keeps this share of itself at each step
  double last = 0;  // the equal mean (SWA; Izmailov et al. 2018) over the steps of this last share of the epochs; batch
                    // norms then get the statistics that these weights give on the training part
  void fields(Fields& f);
  [[nodiscard]] bool on() const { return decay > 0 || last > 0; }
  /// How far the mean moves towards the weights after a step; 0: it has not begun. `steps` were made, `averaged` of
  /// them are in the mean, `share` of the training lies behind.
  [[nodiscard]] double pull(int64_t steps, int64_t averaged, double share) const;
};

/// Gives the batch norms of the task's network the mean statistics of one pass over the training part, as the weights
/// now are. Nothing else changes.
void renew_statistics(tasks::Task& task, int64_t batch, uint64_t seed, int64_t epoch, bool bf16);

}  // namespace tandem::train
