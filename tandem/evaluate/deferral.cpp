#include <tandem/base/error.h>
#include <tandem/base/text.h>
#include <tandem/evaluate/curves.h>
#include <tandem/evaluate/deferral.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace tandem::evaluate {
namespace {

constexpr size_t curve_points = 200;

double ratio(int64_t part, int64_t whole) { return static_cast<double>(part) / static_cast<double>(whole); }

/// Mean distance between confidence and accuracy over 15 bins, as in classification.h.
double ece_of(const Tensor& probabilities, std::span<const int32_t> labels) {
  Predictions p;
  for (int64_t c = 0; c < probabilities.size(1); ++c) p.classes.push_back(std::to_string(c));
  p.labels.assign(labels.begin(), labels.end());
  const auto values = probabilities.data<const float>();
  p.probabilities.assign(values.begin(), values.end());
  return classification(p).ece;
}

SetScores set_scores(const Confidence& confidence, const Tensor& p, std::span<const int32_t> labels, double coverage) {
  SetScores out{.promised = coverage};
  int64_t hits = 0, classes = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    const std::vector<int32_t> set = confidence.set_of(p.rows(row, row + 1).data<const float>(), coverage);
    hits += std::ranges::find(set, labels[i]) != set.end();
    classes += std::ssize(set);
    out.empty += set.empty();
    out.single += set.size() == 1;
  }
  const auto n = std::ssize(labels);
  out.covered = ratio(hits, n);
  out.interval = wilson(hits, n);
  out.mean_size = ratio(classes, n);
  return out;
}

/// Examples from the one that is deferred last to the one that is deferred first.
std::vector<size_t> order_of(std::span<const Verdict> verdicts) {
  std::vector<size_t> order(verdicts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) {
    const Verdict &left = verdicts[a], &right = verdicts[b];
    const bool left_known = left.why != Why::unfamiliar, right_known = right.why != Why::unfamiliar;
    if (left_known != right_known) return left_known;
    return left_known ? left.probability > right.probability : left.strangeness < right.strangeness;
  });
  return order;
}

}  // namespace

Deferral deferral(const Confidence& confidence, const Outputs& outputs, std::span<const int32_t> labels) {
  if (labels.empty()) fail("deferral", "needs at least one example, got none");
  const std::vector<Verdict> verdicts = confidence.judge(outputs);
  if (verdicts.size() != labels.size()) fail("deferral", "{} verdicts but {} labels", verdicts.size(), labels.size());
  Deferral out;
  out.goal = confidence.options().goal;
  out.reached = confidence.reached();
  out.temperature = confidence.temperature();
  out.ece_before = ece_of(outputs.probabilities, labels);
  out.examples = std::ssize(labels);
  int64_t wrong = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    const bool error = verdicts[i].label != labels[i];
    wrong += error;
    out.answered += !verdicts[i].deferred();
    out.unsure += verdicts[i].why == Why::unsure;
    out.unfamiliar += verdicts[i].why == Why::unfamiliar;
    (verdicts[i].deferred() ? out.caught : out.errors) += error;
  }
  const auto n = static_cast<double>(out.examples);
  out.share = ratio(out.answered, out.examples);
  out.accuracy = out.answered > 0 ? 1 - ratio(out.errors, out.answered) : 1;
  out.interval = out.answered > 0 ? wilson(out.answered - out.errors, out.answered) : Interval{0, 1};
  out.network = 1 - static_cast<double>(wrong) / n;
  out.person = 1 - confidence.options().person_error;
  out.pair =
      (static_cast<double>(out.answered - out.errors) + (n - static_cast<double>(out.answered)) * out.person) / n;

  const Tensor p = confidence.calibrated(outputs.probabilities);
  for (const double coverage : confidence.coverages()) out.sets.push_back(set_scores(confidence, p, labels, coverage));

  const std::vector<size_t> order = order_of(verdicts);
  size_t answered = 0;
  int64_t right = 0;
  for (size_t point = 1; point <= curve_points; ++point) {
    const size_t upto = order.size() * point / curve_points;
    if (upto == answered) continue;
    for (; answered < upto; ++answered) right += verdicts[order[answered]].label == labels[order[answered]];
    out.curve.push_back({static_cast<double>(answered) / n, ratio(right, static_cast<int64_t>(answered))});
  }
  return out;
}

Strangers strangers(std::span<const Verdict> known, std::span<const Verdict> strange, const std::string& source) {
  if (known.empty() || strange.empty())
    fail("strangers", "{} known and {} strange examples: give at least one of each", known.size(), strange.size());
  Strangers out{.source = source, .examples = std::ssize(strange)};
  std::vector<int32_t> labels;
  std::vector<float> scores;
  const auto add = [&](std::span<const Verdict> verdicts, int32_t label) {
    for (const Verdict& v : verdicts) {
      labels.push_back(label);
      scores.push_back(std::isnan(v.strangeness) ? std::numeric_limits<float>::max()
                                                 : static_cast<float>(v.strangeness));
    }
  };
  add(known, 0);
  add(strange, 1);
  out.auc = roc_auc(labels, scores);
  out.deferred = ratio(std::ranges::count_if(strange, &Verdict::deferred), out.examples);
  out.unfamiliar =
      ratio(std::ranges::count_if(strange, [](const Verdict& v) { return v.why == Why::unfamiliar; }), out.examples);
  return out;
}

std::string text_of(const Deferral& d) {
  std::string out =
      fmt::format("answers {:.2f} % of the examples, {:.3f} % of them right ({} errors); goal on validation: {}{}\n",
                  100 * d.share, 100 * d.accuracy, d.errors, d.goal.text(),
                  d.reached ? "" : " (too few validation examples to promise it: everything is deferred)");
  out += fmt::format("hands {} to a person ({} unsure, {} unfamiliar), among them {} it would have got wrong\n",
                     grouped(d.unsure + d.unfamiliar), d.unsure, d.unfamiliar, d.caught);
  out += fmt::format("network alone {:.2f} %   person alone {:.2f} %   both together {:.2f} %\n", 100 * d.network,
                     100 * d.person, 100 * d.pair);
  for (const SetScores& s : d.sets)
    out += fmt::format("sets promised to hold the truth in {:g} %: {:.2f} %, {:.3f} classes on average, {} empty\n",
                       100 * s.promised, 100 * s.covered, s.mean_size, s.empty);
  out += fmt::format("temperature {:.3f} (ECE {:.4f} before it)\n", d.temperature, d.ece_before);
  for (const Strangers& s : d.strangers)
    out += fmt::format("{}: {} strangers, AUROC {:.4f}, {:.1f} % deferred ({:.1f} % as unfamiliar)\n", s.source,
                       grouped(s.examples), s.auc, 100 * s.deferred, 100 * s.unfamiliar);
  return out;
}

}  // namespace tandem::evaluate
