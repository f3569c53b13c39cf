#include <tandem/base/error.h>
#include <tandem/base/random.h>
#include <tandem/evaluate/curves.h>
#include <tandem/evaluate/groups.h>
#include <tandem/evaluate/report.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace tandem::evaluate {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

using Rate = Share (Decision::*)() const;
struct NamedRate {
  const char* name;
  Rate rate;
};
constexpr NamedRate rates[]{{"sensitivity", &Decision::sensitivity},
                            {"specificity", &Decision::specificity},
                            {"ppv", &Decision::ppv},
                            {"called", &Decision::called},
                            {"accuracy", &Decision::accuracy}};

// The examples of one group.
struct Members {
  std::vector<int32_t> labels;
  std::vector<float> scores;
  std::vector<double> own;  // thresholds; empty: there are none
  [[nodiscard]] bool both_classes() const {
    const auto positives = std::ranges::count(labels, 1);
    return positives > 0 && positives < std::ssize(labels);
  }
  [[nodiscard]] Members drawn(std::span<const int64_t> indices) const {
    Members out;
    for (const int64_t i : indices) {
      out.labels.push_back(labels[static_cast<size_t>(i)]);
      out.scores.push_back(scores[static_cast<size_t>(i)]);
      if (!own.empty()) out.own.push_back(own[static_cast<size_t>(i)]);
    }
    return out;
  }
  [[nodiscard]] Decision at(double threshold, bool by_own) const {
    return by_own ? decide(labels, scores, own) : decide(labels, scores, threshold);
  }
};

std::vector<Members> members_of(const Grouping& grouping, std::span<const int32_t> labels,
                                std::span<const float> scores, std::span<const double> own = {}) {
  if (grouping.of.size() != labels.size() || labels.size() != scores.size() ||
      (!own.empty() && own.size() != labels.size()))
    fail("groups", "{} groups, {} labels, {} scores and {} thresholds: one of each an example", grouping.of.size(),
         labels.size(), scores.size(), own.size());
  std::vector<Members> out(grouping.names.size());
  for (size_t i = 0; i < labels.size(); ++i) {
    if (grouping.of[i] < 0) continue;
    out.at(static_cast<size_t>(grouping.of[i])).labels.push_back(labels[i]);
    out[static_cast<size_t>(grouping.of[i])].scores.push_back(scores[i]);
    if (!own.empty()) out[static_cast<size_t>(grouping.of[i])].own.push_back(own[i]);
  }
  return out;
}

GroupScores scored(const std::string& name, const Members& m, double threshold, uint64_t seed) {
  GroupScores out{.name = name, .decision = decide(m.labels, m.scores, threshold)};
  for (size_t i = 0; i < m.labels.size(); ++i) {
    const double p = m.scores[i], off = p - m.labels[i];
    out.brier += off * off / static_cast<double>(m.labels.size());
    out.mean_score += p / static_cast<double>(m.labels.size());
  }
  // Folds each have a threshold: their mean is named. A group that keeps the common one has none of its own.
  if (!std::ranges::all_of(m.own, [&](double t) { return t == threshold; })) {
    out.own = m.at(threshold, true);
    out.own_threshold = std::accumulate(m.own.begin(), m.own.end(), 0.0) / static_cast<double>(m.own.size());
  }
  out.auc_interval = {none, none};
  if (!m.both_classes()) return out;
  out.auc = roc_auc(m.labels, m.scores);
  out.auc_interval = bootstrap(
      std::ssize(m.labels),
      [&](std::span<const int64_t> indices) {
        const Members d = m.drawn(indices);
        return d.both_classes() ? roc_auc(d.labels, d.scores) : none;
      },
      seed);
  return out;
}

// The difference of a rate between two groups; an example that is drawn brings its group along.
Interval gap_interval(const Members& high, const Members& low, Rate rate, double threshold, bool by_own,
                      uint64_t seed) {
  const int64_t n = std::ssize(high.labels);
  const auto rate_of = [&](const Members& from, const std::vector<int64_t>& drawn) {
    if (drawn.empty()) return none;
    return (from.drawn(drawn).at(threshold, by_own).*rate)().value;
  };
  return bootstrap(
      n + std::ssize(low.labels),
      [&](std::span<const int64_t> indices) {
        std::vector<int64_t> first, second;
        for (const int64_t i : indices) i < n ? first.push_back(i) : second.push_back(i - n);
        return rate_of(high, first) - rate_of(low, second);
      },
      seed);
}

std::string percent(const Share& s) {
  if (std::isnan(s.value)) return "-";
  return fmt::format("{:.1f} ({:.1f}–{:.1f})", 100 * s.value, 100 * s.interval.low, 100 * s.interval.high);
}

std::string padded(const std::string& text, int64_t width) {
  return text + std::string(static_cast<size_t>(std::max<int64_t>(0, width - display_width(text))), ' ');
}

}  // namespace

Grouping grouping(const std::string& column, const std::vector<std::string>& values) {
  Grouping out{.column = column};
  std::map<std::string, int32_t> place;
  for (const std::string& v : values)
    if (!v.empty()) place.emplace(v, 0);
  for (auto& [name, index] : place) {
    index = static_cast<int32_t>(out.names.size());
    out.names.push_back(name);
  }
  for (const std::string& v : values) out.of.push_back(v.empty() ? -1 : place.at(v));
  return out;
}

Grouping grouping(const std::string& column, std::span<const double> values, int64_t most) {
  std::vector<double> sorted;
  for (const double v : values)
    if (!std::isnan(v)) sorted.push_back(v);
  std::ranges::sort(sorted);
  std::vector<double> different = sorted;
  different.erase(std::unique(different.begin(), different.end()), different.end());

  Grouping out{.column = column};
  std::vector<double> ends = different;  // the largest value of each group
  if (std::ssize(different) > most) {
    ends = {sorted[(sorted.size() - 1) / 3], sorted[2 * (sorted.size() - 1) / 3], sorted.back()};
    ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
    for (size_t i = 0; i < ends.size(); ++i)
      out.names.push_back(i == 0                ? fmt::format("at most {:g}", ends[0])
                          : i + 1 < ends.size() ? fmt::format("above {:g} to {:g}", ends[i - 1], ends[i])
                                                : fmt::format("above {:g}", ends[i - 1]));
  } else {
    for (const double v : different) out.names.push_back(fmt::format("{:g}", v));
  }
  for (const double v : values)
    out.of.push_back(std::isnan(v) ? -1 : static_cast<int32_t>(std::ranges::lower_bound(ends, v) - ends.begin()));
  return out;
}

namespace {

std::vector<Gap> gaps_of(const std::vector<std::string>& names, const std::vector<Members>& members, double threshold,
                         bool by_own, uint64_t seed) {
  std::vector<Decision> decisions;
  for (const Members& m : members) decisions.push_back(m.at(threshold, by_own));
  std::vector<Gap> out;
  for (const auto& [name, rate] : rates) {
    size_t high = members.size(), low = members.size();
    const auto value = [&, rate = rate](size_t i) { return (decisions[i].*rate)().value; };
    for (size_t i = 0; i < members.size(); ++i) {
      if (std::isnan(value(i))) continue;
      if (high == members.size() || value(i) > value(high)) high = i;
      if (low == members.size() || value(i) < value(low)) low = i;
    }
    if (high == low) continue;  // no two groups, or none that differ
    out.push_back({name, value(high) - value(low),
                   gap_interval(members[high], members[low], rate, threshold, by_own, seed), names[high], names[low]});
  }
  return out;
}

}  // namespace

GroupReport by_group(const Grouping& grouping, std::span<const int32_t> labels, std::span<const float> scores,
                     double threshold, uint64_t seed, std::span<const double> own) {
  GroupReport out{.column = grouping.column};
  std::vector<Members> present;
  std::vector<std::string> names;
  std::vector<double> each(own.begin(), own.end());
  for (double& t : each)
    if (std::isnan(t)) t = threshold;
  std::vector<Members> members = members_of(grouping, labels, scores, each);
  for (size_t g = 0; g < members.size(); ++g) {
    if (members[g].labels.empty()) continue;
    out.groups.push_back(scored(grouping.names[g], members[g], threshold, Rng(seed, "groups").split(g).key));
    names.push_back(grouping.names[g]);
    present.push_back(std::move(members[g]));
  }
  out.gaps = gaps_of(names, present, threshold, false, seed);
  if (std::ranges::any_of(out.groups, [](const GroupScores& g) { return g.own.has_value(); }))
    out.own_gaps = gaps_of(names, present, threshold, true, seed);
  return out;
}

void GroupThresholds::fields(Fields& f) {
  f("column", column);
  f("names", names);
  f("values", values, {0, 1});
}

double GroupThresholds::of(const std::string& name, double otherwise) const {
  const auto found = std::ranges::find(names, name) - names.begin();
  return found < std::ssize(values) ? values[static_cast<size_t>(found)] : otherwise;
}

GroupThresholds thresholds_by_group(const Grouping& grouping, std::span<const int32_t> labels,
                                    std::span<const float> scores, const ThresholdGoal& goal, int64_t least) {
  GroupThresholds out{.column = grouping.column};
  const std::vector<Members> members = members_of(grouping, labels, scores);
  for (size_t g = 0; g < members.size(); ++g) {
    const auto positives = std::ranges::count(members[g].labels, 1);
    if (positives < least || std::ssize(members[g].labels) - positives < least) continue;
    out.names.push_back(grouping.names[g]);
    out.values.push_back(choose_threshold(members[g].labels, members[g].scores, goal));
  }
  return out;
}

std::string text_of(const GroupReport& report) {
  int64_t width = display_width(report.column);
  for (const GroupScores& g : report.groups) width = std::max(width, display_width(g.name));
  std::string out =
      fmt::format("{}  {:>8} {:>9}  {:<18} {:<18} {:<18} {:<18} {:>6}\n", padded(report.column, width), "examples",
                  "positives", "sensitivity %", "specificity %", "PPV %", "accuracy %", "AUC");
  for (const GroupScores& g : report.groups) {
    const Decision& d = g.decision;
    // The dash between two numbers takes three bytes and one column.
    const auto cell = [](const Share& s) { return padded(percent(s), 18); };
    out += fmt::format("{}  {:>8} {:>9}  {} {} {} {} {:>6}\n", padded(g.name, width), d.examples(), d.positives(),
                       cell(d.sensitivity()), cell(d.specificity()), cell(d.ppv()), cell(d.accuracy()),
                       std::isnan(g.auc) ? "-" : fmt::format("{:.3f}", g.auc));
  }
  const auto said = [](const std::vector<Gap>& gaps) {
    std::string lines;
    for (const Gap& gap : gaps)
      lines += fmt::format("{} differs by {:.1f} points ({:.1f} to {:.1f}) between {} and {}\n", gap.rate,
                           100 * gap.gap, 100 * gap.interval.low, 100 * gap.interval.high, gap.highest, gap.lowest);
    return lines;
  };
  out += said(report.gaps);
  if (std::ranges::none_of(report.groups, [](const GroupScores& g) { return g.own.has_value(); })) return out;
  out += fmt::format("\n{}  {:<18} {:<18} {:<18} {:<18}\n",
                     padded("if each had its own threshold", std::max<int64_t>(width, 29)), "sensitivity %",
                     "specificity %", "PPV %", "accuracy %");
  for (const GroupScores& g : report.groups) {
    const Decision& d = g.own ? *g.own : g.decision;
    const std::string at =
        g.own ? fmt::format("{}, at {:.4f}", g.name, g.own_threshold) : fmt::format("{}, the common one", g.name);
    const auto cell = [](const Share& s) { return padded(percent(s), 18); };
    out += fmt::format("{}  {} {} {} {}\n", padded(at, std::max<int64_t>(width, 29)), cell(d.sensitivity()),
                       cell(d.specificity()), cell(d.ppv()), cell(d.accuracy()));
  }
  return out + said(report.own_gaps);
}

}  // namespace tandem::evaluate
