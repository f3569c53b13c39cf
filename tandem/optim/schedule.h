// Schedules: how the learning rate moves over a training.
#pragma once
#include <tandem/base/config.h>

#include <string>

namespace tandem::optim {

struct ScheduleOptions {
  std::string type = "constant";  // constant, step, cosine, linear, exponential, plateau
  double warmup = 0;              // epochs of linear rise from 0, before any type
  double final = 0;               // cosine, linear, exponential: the last rate as a share of the first
  std::vector<double> at = {};    // step: epochs after which the rate is multiplied by `factor`
  double factor = 0.1;            // step, plateau
  int64_t patience = 3;           // plateau: epochs without a better validation loss
  void fields(Fields& f);
};

/// The rate as a multiple of the optimiser's lr. Plateau keeps a state, which checkpoints save.
class Schedule {
 public:
  Schedule(const ScheduleOptions& options, double epochs);

  /// `epoch` counts from 0 and moves on within an epoch: 1.5 is the middle of the second.
  [[nodiscard]] double factor(double epoch) const;
  /// Told once an epoch; only plateau listens.
  void observe(double validation_loss);

  struct State {
    double scale = 1, best = 0;
    int64_t waited = -1;  // -1: nothing observed yet
  };
  [[nodiscard]] const State& state() const { return state_; }
  void restore(const State& state) { state_ = state; }

 private:
  ScheduleOptions options_;
  double epochs_;
  State state_;
};

}  // namespace tandem::optim
