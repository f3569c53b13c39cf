// Before a training: the learning rate to start with, and the batch that the machine is fastest with.
#pragma once
#include <tandem/train/run.h>

#include <functional>
#include <vector>

namespace tandem::improve {

/// Loss while the learning rate rises geometrically from step to step (Smith 2017): flat while it is too low, falling
/// where the network learns, rising where it is too high.
struct RateProbe {
  std::vector<double> rates, losses;  // one a step; losses smoothed
  double steepest = 0;                // where the loss falls fastest
  double suggested = 0;               // to train with: a third of the way, on a log scale, from there to where the loss
                                      // is lowest; 0 when it never falls
  bool diverged = false;              // the loss ran away before the highest rate
};

/// Trains a fresh network of the recipe for `steps` steps. Nothing of it is kept.
[[nodiscard]] RateProbe probe_rate(const train::Recipe& recipe, const data::Splits& data, double low, double high,
                                   int64_t steps, const std::function<bool()>& stop = {});

/// The smoothing and the choice alone.
[[nodiscard]] RateProbe judge_rates(std::vector<double> rates, std::vector<double> losses);

/// How fast one batch size trains.
struct BatchSpeed {
  int64_t batch = 0;
  double examples_per_second = 0;
  int64_t bytes = 0;  // that the process held at most, beyond what it held at the start; 0 when unknown
  bool fits = true;   // false: it took, or would take, more than the limit
};

struct BatchProbe {
  std::vector<BatchSpeed> tried;  // rising
  int64_t suggested = 0;          // the smallest that comes within 5 % of the fastest that fits
};

/// Trains a few steps with 8, 16, 32, … examples, each for about `seconds`, until the next would need more memory than
/// `limit` bytes (0: four fifths of what is free now) or more examples than there are.
[[nodiscard]] BatchProbe probe_batch(const train::Recipe& recipe, const data::Splits& data, double seconds,
                                     int64_t limit = 0, const std::function<bool()>& stop = {});

}  // namespace tandem::improve
