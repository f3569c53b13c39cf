#include <tandem/base/error.h>
#include <tandem/evaluate/curves.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace tandem::evaluate {
namespace {

/// Positives and negatives among the examples whose score is at least `threshold`.
struct Step {
  int64_t tp = 0, fp = 0;
  double threshold = 0;
};

/// One step for each distinct score, falling.
std::vector<Step> steps(std::string_view where, std::span<const int32_t> labels, std::span<const float> scores) {
  if (labels.size() != scores.size()) fail(where, "{} labels but {} scores", labels.size(), scores.size());
  if (labels.empty()) fail(where, "needs at least one example, got none");

  std::vector<std::pair<float, int32_t>> ranked(labels.size());
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] != 0 && labels[i] != 1)
      fail(ErrorKind::data, where, "labels must be 0 or 1, got {} at example {}", labels[i], i);
    if (std::isnan(scores[i])) fail(ErrorKind::numeric, where, "the score of example {} is NaN", i);
    ranked[i] = {scores[i], labels[i]};
  }
  std::sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first > b.first; });

  std::vector<Step> out;
  Step now;
  for (size_t i = 0; i < ranked.size(); ++i) {
    now.tp += ranked[i].second;
    now.fp += 1 - ranked[i].second;
    now.threshold = ranked[i].first;
    if (i + 1 == ranked.size() || ranked[i + 1].first != ranked[i].first) out.push_back(now);
  }
  return out;
}

void need_positive(std::string_view where, const Step& last) {
  if (last.tp == 0) fail(ErrorKind::data, where, "none of the {} labels is 1: the curve does not exist", last.fp);
}

void need_both(std::string_view where, const Step& last) {
  need_positive(where, last);
  if (last.fp == 0) fail(ErrorKind::data, where, "none of the {} labels is 0: the curve does not exist", last.tp);
}

double ratio(int64_t part, int64_t whole) { return static_cast<double>(part) / static_cast<double>(whole); }

}  // namespace

std::vector<RocPoint> roc(std::span<const int32_t> labels, std::span<const float> scores, bool all_points) {
  const auto at = steps("roc", labels, scores);
  need_both("roc", at.back());
  const int64_t positives = at.back().tp, negatives = at.back().fp;

  std::vector<RocPoint> out{{0, 0, std::numeric_limits<double>::infinity()}};
  for (size_t i = 0; i < at.size(); ++i) {
    // A point lies inside a straight, evenly walked piece when the steps before and after it are equal.
    const bool inside = i > 0 && i + 1 < at.size() && at[i + 1].tp - at[i].tp == at[i].tp - at[i - 1].tp &&
                        at[i + 1].fp - at[i].fp == at[i].fp - at[i - 1].fp;
    if (all_points || !inside) out.push_back({ratio(at[i].fp, negatives), ratio(at[i].tp, positives), at[i].threshold});
  }
  return out;
}

std::vector<PrecisionRecallPoint> precision_recall(std::span<const int32_t> labels, std::span<const float> scores) {
  const auto at = steps("precision_recall", labels, scores);
  need_positive("precision_recall", at.back());
  std::vector<PrecisionRecallPoint> out;
  out.reserve(at.size() + 1);
  for (auto step = at.rbegin(); step != at.rend(); ++step)
    out.push_back({ratio(step->tp, step->tp + step->fp), ratio(step->tp, at.back().tp), step->threshold});
  out.push_back({1, 0, std::numeric_limits<double>::infinity()});
  return out;
}

double auc(std::span<const double> x, std::span<const double> y) {
  if (x.size() != y.size()) fail("auc", "{} values of x but {} of y", x.size(), y.size());
  if (x.size() < 2) fail("auc", "needs at least two points, got {}", x.size());
  const bool rising = std::is_sorted(x.begin(), x.end());
  if (!rising && !std::is_sorted(x.rbegin(), x.rend())) fail("auc", "x neither rises nor falls throughout");
  double area = 0;
  for (size_t i = 1; i < x.size(); ++i) area += (x[i] - x[i - 1]) * (y[i] + y[i - 1]) / 2;
  return rising ? area : -area;
}

double roc_auc(std::span<const int32_t> labels, std::span<const float> scores) {
  const auto at = steps("roc_auc", labels, scores);
  need_both("roc_auc", at.back());
  double area = 0;  // in pairs (positive, negative) ordered rightly; a tie counts half
  Step before;
  for (const Step& step : at) {
    area += static_cast<double>(step.fp - before.fp) * static_cast<double>(step.tp + before.tp) / 2;
    before = step;
  }
  return area / (static_cast<double>(at.back().tp) * static_cast<double>(at.back().fp));
}

double average_precision(std::span<const int32_t> labels, std::span<const float> scores) {
  const auto at = steps("average_precision", labels, scores);
  need_positive("average_precision", at.back());
  double sum = 0;
  int64_t before = 0;
  for (const Step& step : at) {
    sum += ratio(step.tp, step.tp + step.fp) * ratio(step.tp - before, at.back().tp);
    before = step.tp;
  }
  return sum;
}

}  // namespace tandem::evaluate
