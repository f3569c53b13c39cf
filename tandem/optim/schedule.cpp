#include <tandem/optim/schedule.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tandem::optim {

void ScheduleOptions::fields(Fields& f) {
  f("type", type, {"constant", "step", "cosine", "linear", "exponential", "plateau"});
  f("warmup", warmup, {0, 1e6});
  f("final", final, {0, 1});
  f("at", at, {0, 1e6});
  f("factor", factor, {0, 1});
  f("patience", patience, {0, 1e6});
}

Schedule::Schedule(const ScheduleOptions& options, double epochs) : options_(options), epochs_(epochs) {
  if (options.type == "step" && options.at.empty())
    fail("schedule", "step needs `at`, the epochs at which the rate falls, as in at: [30, 40]");
  if (options.type == "exponential" && options.final <= 0)
    fail("schedule", "exponential never reaches `final: {}`: give a share above 0, as in final: 0.01", options.final);
  if (options.warmup >= epochs && epochs > 0 && options.warmup > 0)
    fail("schedule", "warmup of {} epochs does not fit a training of {}", options.warmup, epochs);
}

double Schedule::factor(double epoch) const {
  const double rise = options_.warmup > 0 ? std::min(1.0, epoch / options_.warmup) : 1.0;
  const double done = std::clamp((epoch - options_.warmup) / std::max(epochs_ - options_.warmup, 1e-9), 0.0, 1.0);
  double factor = state_.scale;
  if (options_.type == "cosine")
    factor = options_.final + (1 - options_.final) * 0.5 * (1 + std::cos(std::numbers::pi * done));
  else if (options_.type == "linear")
    factor = options_.final + (1 - options_.final) * (1 - done);
  else if (options_.type == "exponential")
    factor = std::pow(options_.final, done);
  else if (options_.type == "step")
    factor = std::pow(options_.factor,
                      static_cast<double>(std::ranges::count_if(options_.at, [&](double e) { return epoch >= e; })));
  return rise * factor;
}

void Schedule::observe(double validation_loss) {
  if (options_.type != "plateau") return;
  if (state_.waited < 0 || validation_loss < state_.best) {
    state_.best = validation_loss;
    state_.waited = 0;
  } else if (++state_.waited > options_.patience) {
    state_.scale *= options_.factor;
    state_.waited = 0;
  }
}

}  // namespace tandem::optim
