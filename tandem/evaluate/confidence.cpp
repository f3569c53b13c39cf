#include <tandem/base/error.h>
#include <tandem/evaluate/confidence.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace tandem::evaluate {
namespace {

constexpr double nothing_answered = 2;  // no probability reaches it
constexpr double coldest = 0.2, hottest = 20;

std::span<const float> row_of(const Tensor& table, size_t row) {
  const auto width = static_cast<size_t>(table.size(1));
  return std::span<const float>(table.data<const float>()).subspan(row * width, width);
}

size_t best_of(std::span<const float> row) { return static_cast<size_t>(std::ranges::max_element(row) - row.begin()); }

/// Logarithms stand for the logits, from which they differ by one number a row.
double logit(float p) { return std::log(std::max<double>(static_cast<double>(p), 1e-38)); }

/// softmax(log p / temperature) of a row.
void soften(std::span<const float> row, double temperature, std::vector<double>& out) {
  out.resize(row.size());
  const double highest = logit(*std::ranges::max_element(row));
  double sum = 0;
  for (size_t c = 0; c < row.size(); ++c) sum += out[c] = std::exp((logit(row[c]) - highest) / temperature);
  for (double& p : out) p /= sum;
}

void check_labels(const Tensor& table, std::span<const int32_t> labels) {
  if (table.rank() != 2 || labels.empty() || table.size(0) != static_cast<int64_t>(labels.size()))
    fail("confidence", "takes probabilities (n, classes) and n labels, at least one; got {} and {}", table.shape(),
         labels.size());
}

/// Probability of `k` failures among n draws that each fail with probability `rate`, above 0 and below 1.
double binomial(int64_t n, int64_t k, double rate) {
  const auto log_factorial = [](int64_t i) { return std::lgamma(static_cast<double>(i) + 1); };
  return std::exp(log_factorial(n) - log_factorial(k) - log_factorial(n - k) +
                  static_cast<double>(k) * std::log(rate) + static_cast<double>(n - k) * std::log1p(-rate));
}

double binomial_tail(int64_t n, int64_t errors, double rate) {
  double sum = 0;
  for (int64_t k = 0; k <= errors; ++k) sum += binomial(n, k, rate);
  return sum;
}

/// How many of n validation examples may be deferred so that, with the goal's probability, at most its share of new
/// ones is: with k of them below a threshold, the share of all that lies there is above `share` as often as at most k
/// of n draws fall into so large a share (order statistics).
int64_t people_take(const Goal& goal, int64_t n) {
  if (goal.share >= 1) return n;
  const auto asked = static_cast<int64_t>(goal.share * static_cast<double>(n));
  double chance = binomial(n, 0, goal.share);
  int64_t most = 0;
  while (most < asked && (chance += binomial(n, most + 1, goal.share)) <= 1 - goal.sure) ++most;
  return most;
}

/// The probability from which on all but `deferred` of the examples are answered.
double threshold_for_count(std::vector<float> probability, size_t deferred) {
  if (deferred >= probability.size()) return nothing_answered;
  std::ranges::nth_element(probability, probability.begin() + static_cast<std::ptrdiff_t>(deferred));
  return deferred == 0 ? 0 : static_cast<double>(probability[deferred]);
}

}  // namespace

const char* reason_of(Why why) { return why == Why::unsure ? "unsure" : why == Why::unfamiliar ? "unfamiliar" : ""; }

void Goal::fields(Fields& f) {
  f("right", right, {0, 0.999999});
  f("sure", sure, {0.01, 0.9999});
  f("share", share, {0, 1});
}

std::string Goal::text() const {
  return right > 0 ? fmt::format("{:g} % of the answers right", 100 * right)
                   : fmt::format("people take at most {:g} %", 100 * share);
}

void PeopleOptions::fields(Fields& f) {
  f("goal", goal);
  f("coverage", coverage, {0.01, 0.9999});
  f("unfamiliar", unfamiliar, {0, 1});
  f("person_error", person_error, {0, 1});
}

void PeopleOptions::complete(const std::string& where) {
  if (goal.right > 0 && goal.share > 0)
    fail(where, "people.goal has both right: {} and share: {}: give the one that matters", goal.right, goal.share);
  if (goal.right == 0 && goal.share == 0) goal.share = 0.05;
}

double fit_temperature(const Tensor& probabilities, std::span<const int32_t> labels) {
  check_labels(probabilities, labels);
  // The cross-entropy is convex in b = 1 / T with the derivative: mean of (expected logit - logit of the truth).
  const auto slope = [&](double b) {
    double sum = 0;
    std::vector<double> p;
    for (size_t i = 0; i < labels.size(); ++i) {
      const auto row = row_of(probabilities, i);
      soften(row, 1 / b, p);
      for (size_t c = 0; c < row.size(); ++c) sum += p[c] * logit(row[c]);
      sum -= logit(row[static_cast<size_t>(labels[i])]);
    }
    return sum;
  };
  double low = std::log(1 / hottest), high = std::log(1 / coldest);
  for (int step = 0; step < 40; ++step) {
    const double middle = (low + high) / 2;
    (slope(std::exp(middle)) < 0 ? low : high) = middle;
  }
  return std::exp(-(low + high) / 2);
}

double conformal_threshold(std::vector<float> of_truth, double coverage) {
  // The ceil((n + 1) coverage)-th smallest of the scores 1 - p: p's own order, counted from the other end.
  const auto n = static_cast<double>(of_truth.size());
  const double kept = std::ceil((n + 1) * coverage - 1e-9);
  if (kept > n) return 0;
  const auto at = of_truth.begin() + static_cast<std::ptrdiff_t>(n - kept);
  std::ranges::nth_element(of_truth, at);
  return static_cast<double>(*at);
}

double threshold_for_right(std::span<const float> probability, std::span<const uint8_t> right, const Goal& goal) {
  if (probability.size() != right.size())
    fail("threshold_for_right", "{} probabilities but {} answers", probability.size(), right.size());
  std::vector<size_t> order(right.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return probability[a] > probability[b]; });
  std::vector<double> threshold, chance;  // of each step: how likely so few errors are if the goal is missed
  size_t answered = 0;
  int64_t errors = 0;
  for (size_t step = 1; step <= 100; ++step) {
    const size_t wanted = (order.size() * step + 99) / 100;
    while (answered < order.size() &&
           (answered < wanted || probability[order[answered]] == probability[order[answered - 1]]))
      errors += right[order[answered++]] == 0;
    threshold.push_back(answered > 0 ? static_cast<double>(probability[order[answered - 1]]) : nothing_answered);
    chance.push_back(binomial_tail(static_cast<int64_t>(answered), errors, 1 - goal.right));
  }
  // The risk of a false promise is shared by the ten starts.
  const double risk = (1 - goal.sure) / 10;
  double out = nothing_answered;
  for (size_t start = 9; start < 100; start += 10)
    for (size_t step = start; step < 100 && chance[step] <= risk; ++step) out = std::min(out, threshold[step]);
  return out;
}

Confidence Confidence::fit(const PeopleOptions& options, const Outputs& train, std::span<const int32_t> train_labels,
                           const Outputs& validation, std::span<const int32_t> validation_labels) {
  if (validation_labels.empty())
    fail(ErrorKind::data, "people",
         "there is no validation part to fit confidence on: set data.validation, or leave people out");
  check_labels(validation.probabilities, validation_labels);
  Confidence out;
  out.options_ = options;
  out.options_.complete("people");
  out.temperature_ = fit_temperature(validation.probabilities, validation_labels);
  const Tensor p = out.calibrated(validation.probabilities);

  std::vector<float> of_truth;
  for (size_t i = 0; i < validation_labels.size(); ++i)
    of_truth.push_back(row_of(p, i)[static_cast<size_t>(validation_labels[i])]);
  out.coverages_.assign(usual_coverages.begin(), usual_coverages.end());
  if (std::ranges::find(out.coverages_, options.coverage) == out.coverages_.end())
    out.coverages_.push_back(options.coverage);
  for (const double coverage : out.coverages_) out.least_.push_back(conformal_threshold(of_truth, coverage));

  out.familiarity_ = Familiarity::fit(train.features, train_labels, p.size(1));
  out.familiarity_.set_limits(validation.features, options.unfamiliar);
  const std::vector<double> strangeness = out.familiarity_.strangeness(validation.features);
  const size_t n = strangeness.size();

  std::vector<float> sure;
  std::vector<uint8_t> right;
  for (size_t i = 0; i < n; ++i) {
    if (!(strangeness[i] <= 1)) continue;
    const size_t best = best_of(row_of(p, i));
    sure.push_back(row_of(p, i)[best]);
    right.push_back(static_cast<int32_t>(best) == validation_labels[i]);
  }
  const Goal& goal = out.options_.goal;
  if (goal.right > 0) {
    out.sure_ = threshold_for_right(sure, right, goal);
  } else {
    const auto people = static_cast<size_t>(people_take(goal, static_cast<int64_t>(n)));
    out.sure_ = threshold_for_count(sure, people - std::min(people, n - sure.size()));  // strangers are taken too
  }
  return out;
}

Tensor Confidence::calibrated(const Tensor& probabilities) const {
  Tensor out = Tensor::empty(probabilities.shape());
  std::vector<double> p;
  for (size_t i = 0, at = 0; i < static_cast<size_t>(probabilities.size(0)); ++i) {
    soften(row_of(probabilities, i), temperature_, p);
    for (const double value : p) out.data<float>()[at++] = static_cast<float>(value);
  }
  return out;
}

std::vector<int32_t> Confidence::set_of(std::span<const float> calibrated, double coverage) const {
  const auto found = std::ranges::find(coverages_, coverage);
  if (found == coverages_.end()) fail("confidence", "no sets were fitted for a coverage of {}", coverage);
  const double least = least_[static_cast<size_t>(found - coverages_.begin())];
  std::vector<int32_t> out;
  for (size_t c = 0; c < calibrated.size(); ++c)
    if (static_cast<double>(calibrated[c]) >= least) out.push_back(static_cast<int32_t>(c));
  std::ranges::stable_sort(out, [&](int32_t a, int32_t b) {
    return calibrated[static_cast<size_t>(a)] > calibrated[static_cast<size_t>(b)];
  });
  return out;
}

std::vector<Verdict> Confidence::judge(const Outputs& outputs) const {
  const Tensor p = calibrated(outputs.probabilities);
  const std::vector<double> strangeness = familiarity_.strangeness(outputs.features);
  std::vector<Verdict> out(strangeness.size());
  for (size_t i = 0; i < out.size(); ++i) {
    Verdict& v = out[i];
    const auto row = row_of(p, i);
    v.label = static_cast<int32_t>(best_of(row));
    v.probability = static_cast<double>(row[static_cast<size_t>(v.label)]);
    v.set = set_of(row, options_.coverage);
    v.strangeness = strangeness[i];
    if (!(v.strangeness <= 1))
      v.why = Why::unfamiliar;
    else if (!(v.probability >= sure_))
      v.why = Why::unsure;
  }
  return out;
}

bool is_confidence_tensor(const std::string& name) { return name.starts_with("confidence."); }

void Confidence::fields(Fields& f) {
  f("temperature", temperature_, {1e-3, 1e3});
  f("coverages", coverages_, {0, 1});
  f("least", least_, {0, 1});
  f("sure", sure_, {0, nothing_answered});
  f("limits", familiarity_);
  f("options", options_);
}

std::vector<std::pair<std::string, Tensor>> Confidence::tensors() const { return familiarity_.tensors(); }

Confidence Confidence::read(const std::string& text, const std::vector<std::pair<std::string, Tensor>>& tensors,
                            int64_t classes, int64_t features, const std::string& where) {
  Confidence out;
  Fields::read(Config::parse(text, where + " (confidence)"), out, "confidence");
  if (!out.familiarity_.take(tensors, classes, features) || out.coverages_.size() != out.least_.size() ||
      std::ranges::find(out.coverages_, out.options_.coverage) == out.coverages_.end())
    fail(ErrorKind::data, where,
         "its confidence does not fit a network with {} classes and {} features: expected float32 means ({}, {}) and "
         "whitening ({}, {}) under confidence.plain and confidence.direction, and a threshold for each coverage",
         classes, features, classes, features, features, features);
  return out;
}

}  // namespace tandem::evaluate
