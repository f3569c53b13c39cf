#include <tandem/base/text.h>
#include <tandem/cli/plot.h>
#include <tandem/cli/probe.h>
#include <tandem/cli/terminal.h>
#include <tandem/improve/probe.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace tandem::cli {
namespace {

using nlohmann::ordered_json;

constexpr double lowest_rate = 1e-6, highest_rate = 10;
constexpr int64_t most_steps = 300;
constexpr double seconds_a_batch = 0.5;

int find_rate(const train::Recipe& recipe, const data::Splits& data, const std::string& name, bool json) {
  const improve::RateProbe p =
      improve::probe_rate(recipe, data, lowest_rate, highest_rate, most_steps, [] { return interrupted(); });
  if (interrupted()) return 130;
  if (json) {
    fmt::print("{}\n", ordered_json{{"suggested", p.suggested},
                                    {"steepest", p.steepest},
                                    {"diverged", p.diverged},
                                    {"rates", p.rates},
                                    {"losses", p.losses}}
                           .dump(2));
    return 0;
  }
  PlotLine line{"loss", {}, p.losses};
  for (const double rate : p.rates) line.x.push_back(std::log10(rate));
  fmt::print("loss by the learning rate (powers of ten)\n{}\n", plot({line}, 72, 14, false));
  if (p.suggested <= 0)
    fail(ErrorKind::numeric, "tune", "the loss never falls from rate {:g} to {:g}: look at the data and the network",
         lowest_rate, highest_rate);
  fmt::print("falls fastest at {:.2g}; to train with: tandem train {} optimizer.lr={:g}\n", p.steepest, name, p.suggested);
  return 0;
}

int find_batch(const train::Recipe& recipe, const data::Splits& data, const std::string& name, bool json) {
  const improve::BatchProbe p =
      improve::probe_batch(recipe, data, seconds_a_batch, 0, [] { return interrupted(); });
  if (interrupted()) return 130;
  ordered_json rows = ordered_json::array();
  if (!json) fmt::print("  {:>8}  {:>14}  {:>9}\n", "batch", "examples/s", "memory");
  for (const improve::BatchSpeed& s : p.tried) {
    rows.push_back({{"batch", s.batch}, {"examples_per_second", s.examples_per_second}, {"bytes", s.bytes}, {"fits", s.fits}});
    if (json) continue;
    fmt::print("  {:>8}  {:>14}  {:>9}{}\n", s.batch, s.fits ? grouped(std::llround(s.examples_per_second)) : "-",
               s.fits ? fmt::format("{} MB", s.bytes >> 20) : "too much", s.batch == p.suggested ? "  *" : "");
  }
  if (json)
    fmt::print("{}\n", ordered_json{{"suggested", p.suggested}, {"tried", rows}}.dump(2));
  else
    fmt::print("\nto train with: tandem train {} train.batch={}\n", name, p.suggested);
  return 0;
}

}  // namespace

int find_setting(const std::string& what, const train::Recipe& recipe, const fs::path& data_folder,
                 const std::string& recipe_name, bool json) {
  catch_interrupts();
  const data::Splits data = train::prepare(recipe, data_folder);
  return what == "rate" ? find_rate(recipe, data, recipe_name, json) : find_batch(recipe, data, recipe_name, json);
}

}  // namespace tandem::cli
