#include <tandem/base/error.h>
#include <tandem/evaluate/curves.h>
#include <tandem/evaluate/decision_report.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tandem::evaluate {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

// The scores of some units, as often as they were drawn.
struct Sample {
  std::vector<int32_t> labels;
  std::vector<float> scores;
};

double auc_of(const Sample& s) {
  const auto positives = std::ranges::count(s.labels, 1);
  return positives == 0 || positives == std::ssize(s.labels) ? none : roc_auc(s.labels, s.scores);
}

double accuracy_of(const Sample& s) { return decide(s.labels, s.scores, 0.5).accuracy().value; }

double brier_of(const Sample& s) {
  double sum = 0;
  for (size_t i = 0; i < s.labels.size(); ++i) sum += std::pow(static_cast<double>(s.scores[i]) - s.labels[i], 2);
  return sum / static_cast<double>(s.labels.size());
}

double ece_of(const Sample& s) {
  constexpr int bins = 15;  // as evaluate/classification
  double count[bins]{}, off[bins]{};
  for (size_t i = 0; i < s.labels.size(); ++i) {
    const bool called = s.scores[i] > 0.5F;
    const double confidence = called ? static_cast<double>(s.scores[i]) : 1.0 - static_cast<double>(s.scores[i]);
    const int bin = std::clamp(static_cast<int>(std::ceil(confidence * bins)) - 1, 0, bins - 1);
    count[bin] += 1;
    off[bin] += (called == (s.labels[i] == 1) ? 1 : 0) - confidence;
  }
  double out = 0;
  for (int b = 0; b < bins; ++b) out += std::abs(off[b]) / static_cast<double>(s.labels.size());
  return out;
}

std::string percent(const Share& s) {
  if (std::isnan(s.value)) return "-";
  return fmt::format("{:.2f} % ({:.2f} to {:.2f})", 100 * s.value, 100 * s.interval.low, 100 * s.interval.high);
}

std::string line(const Decision& d) {
  return fmt::format("  sensitivity {}   specificity {}\n  PPV {}   NPV {}   accuracy {}\n", percent(d.sensitivity()),
                     percent(d.specificity()), percent(d.ppv()), percent(d.npv()), percent(d.accuracy()));
}

}  // namespace

void Threshold::fields(Fields& f) {
  f("value", value, {0, 1});
  f("goal", goal);
  f.custom(
      "groups",
      [&](const Config& node) {
        groups.clear();
        for (const Config& item : node.items()) Fields::read(item, groups.emplace_back(), "groups");
      },
      [&] {
        Config list = Config::list();
        for (GroupThresholds& g : groups) list.push(Fields::write(g));
        return groups.empty() ? Config() : list;
      });
}

DecisionReport decision_report(const DecisionInput& input, const std::string& positive, uint64_t seed) {
  const size_t n = input.labels.size();
  if (n == 0 || input.scores.size() != n || (!input.units.empty() && input.units.size() != n))
    fail("decision_report", "{} labels, {} scores and {} units: one of each an example, at least one", n,
         input.scores.size(), input.units.size());
  if (input.goal && input.thresholds.size() != 1 && input.thresholds.size() != n)
    fail("decision_report", "{} thresholds for {} examples: give one, or one an example", input.thresholds.size(), n);

  std::vector<std::vector<size_t>> units;
  for (size_t i = 0; i < n; ++i) {
    const size_t unit = input.units.empty() ? i : static_cast<size_t>(input.units[i]);
    if (unit >= units.size()) units.resize(unit + 1);
    units[unit].push_back(i);
  }
  // Enough resamplings for the interval's ends; fewer where each takes long, and chance is small anyway.
  const auto samples = std::clamp<int64_t>(int64_t{20'000'000} / static_cast<int64_t>(n), 200, 1000);
  const Sample whole{input.labels, input.scores};
  const auto figure = [&](double (*of)(const Sample&), uint64_t stream) {
    Figure out;
    out.value = of(whole);
    out.interval = bootstrap(
        std::ssize(units),
        [&](std::span<const int64_t> drawn) {
          Sample s;
          for (const int64_t unit : drawn)
            for (const size_t i : units[static_cast<size_t>(unit)]) {
              s.labels.push_back(input.labels[i]);
              s.scores.push_back(input.scores[i]);
            }
          return s.labels.empty() ? none : of(s);
        },
        seed + stream, samples);
    return out;
  };

  DecisionReport out;
  out.positive = positive;
  out.examples = static_cast<int64_t>(n);
  out.units = std::ssize(units);
  out.positives = std::ranges::count(input.labels, 1);
  out.auc = figure(auc_of, 0);
  out.accuracy = figure(accuracy_of, 1);
  out.brier = figure(brier_of, 2);
  out.ece = figure(ece_of, 3);
  const double repeats = static_cast<double>(n) / static_cast<double>(units.size());
  out.half = decide(input.labels, input.scores, 0.5);
  out.half.repeats = repeats;
  if (input.goal) {
    std::vector<double> each = input.thresholds;
    if (each.size() == 1) each.assign(n, each[0]);
    out.goal = input.goal;
    out.chosen = decide(input.labels, input.scores, each);
    out.chosen->repeats = repeats;
    out.threshold = std::accumulate(each.begin(), each.end(), 0.0) / static_cast<double>(n);
  }
  out.curve = decision_curve(input.labels, input.scores);
  // Groups are compared by the first measurement of each example, so that none counts twice.
  Sample first;
  std::vector<size_t> places;
  for (const auto& unit : units) {
    if (unit.empty()) continue;
    places.push_back(unit[0]);
    first.labels.push_back(input.labels[unit[0]]);
    first.scores.push_back(input.scores[unit[0]]);
  }
  for (size_t k = 0; k < input.groupings.size(); ++k) {
    const Grouping& g = input.groupings[k];
    const std::vector<double>& each = k < input.own_thresholds.size() ? input.own_thresholds[k] : std::vector<double>{};
    if (g.of.size() != n || (!each.empty() && each.size() != n))
      fail("decision_report", "{} groups and {} thresholds of theirs for {} examples", g.of.size(), each.size(), n);
    Grouping of{.column = g.column, .names = g.names};
    std::vector<double> own;
    for (const size_t i : places) {
      of.of.push_back(g.of[i]);
      if (!each.empty()) own.push_back(each[i]);
    }
    out.groups.push_back(by_group(of, first.labels, first.scores, out.threshold, seed, own));
  }
  return out;
}

std::string text_of(const DecisionReport& r) {
  const auto shown = [](const char* name, const Figure& f) {
    return fmt::format("{} {:.4f} ({:.4f} to {:.4f})", name, f.value, f.interval.low, f.interval.high);
  };
  std::string out =
      fmt::format("finding '{}' in {} examples{}, {} of them are; 95 % intervals in brackets\n", r.positive, r.examples,
                  r.units < r.examples ? fmt::format(" ({} different)", r.units) : std::string(), r.positives);
  out += "  " + shown("AUC", r.auc) + "   " + shown("accuracy", r.accuracy) + "\n  " + shown("Brier", r.brier) + "   " +
         shown("ECE", r.ece) + "\n";
  out += "at a probability of 0.5\n" + line(r.half);
  if (r.chosen)
    out +=
        fmt::format("at {:.4f}, chosen on validation examples for {}\n", r.threshold, r.goal->text()) + line(*r.chosen);
  for (const GroupReport& group : r.groups)
    out += fmt::format("\nby {}, at {:.4f}\n{}", group.column, r.threshold, text_of(group));
  return out;
}

}  // namespace tandem::evaluate
