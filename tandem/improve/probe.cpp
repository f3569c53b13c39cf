#include <tandem/base/memory.h>
#include <tandem/improve/probe.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <new>
#include <string>

namespace tandem::improve {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// A line of /proc/meminfo or /proc/self/status, "Name:   123 kB", in bytes; 0 when it is not there.
int64_t proc_bytes(const char* file, const std::string& name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(name + ":")) return 1024 * std::atoll(line.c_str() + name.size() + 1);
  return 0;
}

// A recipe of one long epoch, without all that watches validation.
train::Recipe bare(train::Recipe recipe) {
  recipe.train.early_stopping.patience = 0;
  recipe.train.progressive = {};
  recipe.train.average = {};
  recipe.train.keep = "last";
  recipe.people.reset();
  recipe.schedule = {};
  return recipe;
}

constexpr double smoothing = 0.9;
constexpr double ran_away = 4;  // times the lowest loss

}  // namespace

RateProbe judge_rates(std::vector<double> rates, std::vector<double> losses) {
  RateProbe out;
  double mean = 0, lowest = 0;
  size_t lowest_at = 0;
  for (size_t i = 0; i < losses.size(); ++i) {
    mean = smoothing * mean + (1 - smoothing) * losses[i];
    const double smooth = mean / (1 - std::pow(smoothing, static_cast<double>(i + 1)));
    if (!std::isfinite(smooth) || (i > 10 && smooth > ran_away * lowest)) {
      out.diverged = true;
      break;
    }
    if (i == 0 || smooth < lowest) lowest = smooth, lowest_at = i;
    out.rates.push_back(rates[i]);
    out.losses.push_back(smooth);
  }
  // The first steps' mean is of few losses; a slope is taken over a tenth of the way, so that noise does not decide.
  const size_t reach = std::max<size_t>(2, out.losses.size() / 20), first = 5;
  double steepest = 0;
  size_t steepest_at = 0;
  for (size_t i = first + reach; i + reach < out.losses.size() && i <= lowest_at; ++i) {
    const double slope = (out.losses[i + reach] - out.losses[i - reach]) /
                         (std::log(out.rates[i + reach]) - std::log(out.rates[i - reach]));
    if (slope < steepest) steepest = slope, steepest_at = i;
  }
  if (steepest_at == 0) return out;
  out.steepest = out.rates[steepest_at];
  const double low = std::log(out.steepest), high = std::log(out.rates[lowest_at]);
  out.suggested = std::exp(low + (high - low) / 3);
  out.suggested = std::stod(fmt::format("{:.2g}", out.suggested));
  return out;
}

RateProbe probe_rate(const train::Recipe& given, const data::Splits& data, double low, double high, int64_t steps,
                     const std::function<bool()>& stop) {
  if (!(low > 0) || !(high > low))
    fail("rate probe", "the range {} to {} is empty: give two rates above 0, the lower one first", low, high);
  train::Recipe recipe = bare(given);
  const int64_t an_epoch = (data.train.size() + recipe.train.batch - 1) / recipe.train.batch;
  recipe.train.epochs = (steps + an_epoch - 1) / an_epoch;
  recipe.optimizer.lr = low;
  // Over all its epochs the rate goes to `high`; the probe may end before.
  const double whole = static_cast<double>(recipe.train.epochs * an_epoch) / static_cast<double>(steps);
  recipe.schedule.type = "exponential";
  recipe.schedule.final = std::pow(high / low, whole);
  tasks::Classifier model = train::make_model(recipe, data.train);
  const data::Dataset none;
  train::Trainer trainer(recipe, model, data.train, none);

  std::vector<double> rates, losses;
  double before = 0;  // the hook tells the mean over the epoch so far; the loss of a step is what it adds
  train::Hooks hooks;
  hooks.step = [&](const train::Progress& p) {
    const double sum = p.loss * static_cast<double>(p.step);
    const double done =  // of all epochs, as the schedule counts
        (static_cast<double>(p.epoch - 1) + static_cast<double>(p.step) / static_cast<double>(p.steps)) /
        static_cast<double>(p.epochs);
    rates.push_back(low * std::pow(recipe.schedule.final, done));
    losses.push_back(p.step == 1 ? p.loss : sum - before);
    before = sum;
  };
  hooks.strict = true;
  hooks.stop = [&] {
    const bool away = losses.size() > 20 && losses.back() > 2 * ran_away * *std::ranges::min_element(losses);
    return std::ssize(losses) >= steps || away || (stop && stop());
  };
  try {
    (void)trainer.run(hooks);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::numeric) throw;
    rates.push_back(high), losses.push_back(std::nan(""));  // the rate was too high: which is what was asked
  }
  return judge_rates(std::move(rates), std::move(losses));
}

BatchProbe probe_batch(const train::Recipe& given, const data::Splits& data, double seconds, int64_t limit,
                       const std::function<bool()>& stop) {
  if (limit == 0) limit = proc_bytes("/proc/meminfo", "MemAvailable") * 4 / 5;
  trim_memory_pool();  // what earlier work left would be taken again without being counted
  const int64_t held = proc_bytes("/proc/self/status", "VmRSS");
  BatchProbe out;
  for (int64_t batch = 8; batch <= data.train.size() && !(stop && stop()); batch *= 2) {
    const auto& tried = out.tried;
    if (limit > 0 && tried.size() >= 2) {  // what the next needs, by how the last two grew
      const int64_t grew = std::max<int64_t>(0, tried.back().bytes - tried[tried.size() - 2].bytes);
      if (tried.back().bytes + 2 * grew > limit) {
        out.tried.push_back({.batch = batch, .fits = false});
        break;
      }
    }
    train::Recipe recipe = bare(given);
    recipe.train.batch = batch;
    recipe.train.epochs = 1'000'000;
    recipe.optimizer.lr = 0;  // the weights stay: nothing can diverge
    BatchSpeed speed{.batch = batch};
    trim_memory_pool();  // what smaller batches left does not count for this one
    int64_t peak = held;
    try {
      tasks::Classifier model = train::make_model(recipe, data.train);
      const data::Dataset none;
      train::Trainer trainer(recipe, model, data.train, none);
      int64_t steps = 0, counted = 0;
      double began = 0;
      train::Hooks hooks;
      hooks.step = [&](const train::Progress&) {
        ++steps;
        if (steps == 2) began = now();  // the first steps make kernels and memory
        if (steps > 2) counted += batch;
        if (steps <= 8 || steps % 64 == 0) peak = std::max(peak, proc_bytes("/proc/self/status", "VmRSS"));
      };
      hooks.stop = [&] {
        if (stop && stop()) return true;
        if (steps < 4 || now() - began < seconds) return false;
        speed.examples_per_second = static_cast<double>(counted) / (now() - began);
        return true;
      };
      (void)trainer.run(hooks);
    } catch (const std::bad_alloc&) {
      speed.fits = false;
    }
    speed.bytes = peak - held;
    out.tried.push_back(speed);
    if (!speed.fits) break;
  }
  double best = 0;
  for (const BatchSpeed& s : out.tried)
    if (s.fits) best = std::max(best, s.examples_per_second);
  for (const BatchSpeed& s : out.tried)
    if (out.suggested == 0 && s.fits && s.examples_per_second >= 0.95 * best && best > 0) out.suggested = s.batch;
  return out;
}

}  // namespace tandem::improve
