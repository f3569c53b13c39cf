#include <tandem/base/error.h>
#include <tandem/base/random.h>
#include <tandem/base/threads.h>
#include <tandem/evaluate/curves.h>
#include <tandem/evaluate/decision.h>

#include <algorithm>
#include <cmath>

namespace tandem::evaluate {
namespace {

void check(std::string_view where, std::span<const int32_t> labels, std::span<const float> scores) {
  if (labels.size() != scores.size()) fail(where, "{} labels but {} scores", labels.size(), scores.size());
  if (labels.empty()) fail(where, "needs at least one example, got none");
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] != 0 && labels[i] != 1)
      fail(ErrorKind::data, where, "labels must be 0 or 1, got {} at example {}", labels[i], i);
    if (std::isnan(scores[i])) fail(ErrorKind::numeric, where, "the score of example {} is NaN", i);
  }
}

void count(Decision& into, int32_t label, bool called) {
  if (label == 1)
    ++(called ? into.true_positive : into.false_negative);
  else
    ++(called ? into.false_positive : into.true_negative);
}

}  // namespace

Share share_of(int64_t hits, int64_t trials) {
  if (trials == 0) return {};
  return {static_cast<double>(hits) / static_cast<double>(trials), wilson(hits, trials)};
}

Decision decide(std::span<const int32_t> labels, std::span<const float> scores, double threshold) {
  check("decide", labels, scores);
  Decision out{.threshold = threshold};
  for (size_t i = 0; i < labels.size(); ++i) count(out, labels[i], static_cast<double>(scores[i]) >= threshold);
  return out;
}

Decision decide(std::span<const int32_t> labels, std::span<const float> scores, std::span<const double> thresholds) {
  check("decide", labels, scores);
  if (thresholds.size() != scores.size())
    fail("decide", "{} thresholds for {} scores", thresholds.size(), scores.size());
  Decision out{.threshold = std::numeric_limits<double>::quiet_NaN()};
  for (size_t i = 0; i < labels.size(); ++i) count(out, labels[i], static_cast<double>(scores[i]) >= thresholds[i]);
  return out;
}

void ThresholdGoal::fields(Fields& f) {
  f("kind", kind, {"sensitivity", "specificity", "accuracy", "youden", "f1"});
  f("least", least, {0, 1});
}

std::string ThresholdGoal::text() const {
  if (kind == "sensitivity" || kind == "specificity") return fmt::format("{} of at least {:g} %", kind, 100 * least);
  return kind == "youden" ? "the highest sum of sensitivity and specificity" : "the highest " + kind;
}

double choose_threshold(std::span<const int32_t> labels, std::span<const float> scores, const ThresholdGoal& goal) {
  check("choose_threshold", labels, scores);
  const std::vector<RocPoint> points = roc(labels, scores, true);  // thresholds fall
  const auto positives = static_cast<double>(std::ranges::count(labels, 1));
  const auto negatives = static_cast<double>(labels.size()) - positives;
  const auto worth = [&](const RocPoint& p) {
    if (goal.kind == "sensitivity") return p.tpr >= goal.least - 1e-12 ? 1 - p.fpr : -1.0;
    if (goal.kind == "specificity") return 1 - p.fpr >= goal.least - 1e-12 ? p.tpr : -1.0;
    if (goal.kind == "accuracy") return p.tpr * positives + (1 - p.fpr) * negatives;
    if (goal.kind == "youden") return p.tpr - p.fpr;
    return 2 * p.tpr * positives / (p.tpr * positives + p.fpr * negatives + positives);  // F1
  };
  size_t first = 0;
  for (size_t i = 1; i < points.size(); ++i)
    if (worth(points[i]) > worth(points[first])) first = i;
  size_t last = first;
  while (last + 1 < points.size() && worth(points[last + 1]) == worth(points[first])) ++last;
  // A point's decision stays the same down to the next score. Of a sensitivity that was reached, the highest threshold;
  // else the middle of the piece.
  if (goal.kind == "sensitivity") last = first;
  const double high = std::min(points[first].threshold, 1.0);
  const double low = last + 1 < points.size() ? points[last + 1].threshold : 0.0;
  return (high + low) / 2;
}

std::vector<NetBenefit> decision_curve(std::span<const int32_t> labels, std::span<const float> scores) {
  check("decision_curve", labels, scores);
  const auto n = static_cast<double>(labels.size());
  std::vector<NetBenefit> out;
  for (int step = 1; step < 100; ++step) {
    const double threshold = step / 100.0, odds = threshold / (1 - threshold);
    const Decision d = decide(labels, scores, threshold);
    out.push_back({threshold,
                   static_cast<double>(d.true_positive) / n - odds * static_cast<double>(d.false_positive) / n,
                   static_cast<double>(d.positives()) / n - odds * static_cast<double>(d.negatives()) / n});
  }
  return out;
}

Interval bootstrap(int64_t units, const std::function<double(std::span<const int64_t>)>& figure, uint64_t seed,
                   int64_t samples, double level) {
  if (units < 1 || samples < 1 || level <= 0 || level >= 1)
    fail("bootstrap", "{} units, {} samples, level {}: give at least one of each and a level between 0 and 1", units,
         samples, level);
  const Rng rng(seed, "bootstrap");
  std::vector<double> values(static_cast<size_t>(samples));
  parallel_tasks(samples, [&](int64_t s) {
    Rng draw = rng.split(static_cast<uint64_t>(s));
    std::vector<int64_t> drawn(static_cast<size_t>(units));
    for (int64_t& unit : drawn) unit = draw.below(units);
    values[static_cast<size_t>(s)] = figure(drawn);
  });
  std::erase_if(values, [](double v) { return std::isnan(v); });
  if (values.empty()) return {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};
  std::ranges::sort(values);
  const auto at = [&](double share) {  // linear between order statistics, as numpy.quantile
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<size_t>(place);
    const size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
  };
  return {at((1 - level) / 2), at((1 + level) / 2)};
}

}  // namespace tandem::evaluate
