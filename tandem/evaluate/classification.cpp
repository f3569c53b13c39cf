#include <tandem/base/error.h>
#include <tandem/base/threads.h>
#include <tandem/evaluate/classification.h>
#include <tandem/evaluate/curves.h>

#include <algorithm>
#include <cmath>

namespace tandem::evaluate {
namespace {

constexpr int reliability_bins = 15;

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

void check(const Predictions& p) {
  constexpr std::string_view where = "classification";
  const size_t classes = p.classes.size(), n = p.labels.size();
  if (classes < 2) fail(where, "needs at least two classes, got {}", classes);
  if (n == 0) fail(where, "needs at least one example, got none");
  if (p.probabilities.size() != n * classes)
    fail(where, "{} examples of {} classes need {} probabilities, got {}", n, classes, n * classes,
         p.probabilities.size());
  for (int64_t i = 0; i < p.size(); ++i) {
    const int32_t label = p.labels[static_cast<size_t>(i)];
    if (label < 0 || static_cast<size_t>(label) >= classes)
      fail(ErrorKind::data, where, "label {} of example {} is outside 0 … {}", label, i, classes - 1);
    double sum = 0;
    for (const float value : p.row(i)) {
      if (std::isnan(value)) fail(ErrorKind::numeric, where, "a probability of example {} is NaN", i);
      if (value < -1e-6f || value > 1 + 1e-4f)
        fail(where, "example {} has probability {}: give probabilities in [0, 1], not logits", i, value);
      sum += value;
    }
    if (std::abs(sum - 1) > 0.01)
      fail(where, "the probabilities of example {} sum to {:.4g}, not 1: apply softmax first", i, sum);
  }
}

/// Precision, recall and F1 from the counts of hits, examples of the class, and predictions of it.
Scores scores(double hits, double truths, double guesses) {
  return {ratio(hits, guesses), ratio(hits, truths), ratio(2 * hits, truths + guesses)};
}

void add_scaled(Scores& to, const Scores& from, double scale) {
  to.precision += scale * from.precision;
  to.recall += scale * from.recall;
  to.f1 += scale * from.f1;
}

/// Per-class figures, their means, and what follows from the confusion matrix alone.
void score_confusion(const std::vector<std::string>& names, Classification& out) {
  const size_t classes = names.size();
  const auto n = static_cast<double>(out.examples);
  std::vector<double> truths(classes), guesses(classes);
  double hits = 0;
  for (size_t t = 0; t < classes; ++t) {
    hits += static_cast<double>(out.confusion[t][t]);
    for (size_t g = 0; g < classes; ++g) {
      truths[t] += static_cast<double>(out.confusion[t][g]);
      guesses[g] += static_cast<double>(out.confusion[t][g]);
    }
  }

  double seen = 0, with_support = 0, cross = 0, truths_squared = 0, guesses_squared = 0;
  out.classes.resize(classes);
  for (size_t c = 0; c < classes; ++c) {
    ClassScores& score = out.classes[c];
    static_cast<Scores&>(score) = scores(static_cast<double>(out.confusion[c][c]), truths[c], guesses[c]);
    score.name = names[c];
    score.support = static_cast<int64_t>(truths[c]);
    add_scaled(out.weighted, score, truths[c] / n);
    if (truths[c] + guesses[c] > 0) {
      seen += 1;
      add_scaled(out.macro, score, 1);
    }
    if (truths[c] > 0) {
      with_support += 1;
      out.balanced_accuracy += score.recall;
    }
    cross += truths[c] * guesses[c];
    truths_squared += truths[c] * truths[c];
    guesses_squared += guesses[c] * guesses[c];
  }
  const Scores sum = out.macro;
  out.macro = {sum.precision / seen, sum.recall / seen, sum.f1 / seen};
  out.balanced_accuracy /= with_support;
  // Gorodkin 2004, R_K: covariance of truth and guess over the root of their variances.
  out.mcc = ratio(hits * n - cross, std::sqrt((n * n - truths_squared) * (n * n - guesses_squared)));
  out.errors = out.examples - static_cast<int64_t>(hits);
  out.accuracy = hits / n;
  out.accuracy_interval = wilson(static_cast<int64_t>(hits), out.examples);
}

/// Loss, Brier score, reliability and top-5, one pass over the rows.
void score_probabilities(const Predictions& p, Classification& out) {
  const size_t classes = p.classes.size();
  constexpr double eps = std::numeric_limits<float>::epsilon();
  out.reliability.resize(reliability_bins);
  int64_t in_top5 = 0;
  for (int64_t i = 0; i < p.size(); ++i) {
    const auto row = p.row(i);
    const auto truth = static_cast<size_t>(p.labels[static_cast<size_t>(i)]);
    out.loss -= std::log(std::clamp<double>(row[truth], eps, 1 - eps));

    size_t above = 0;  // classes placed before the truth; of equals, the later one
    for (size_t c = 0; c < classes; ++c) {
      const double off = row[c] - (c == truth ? 1.0 : 0.0);
      out.brier += off * off;
      above += row[c] > row[truth] || (row[c] == row[truth] && c > truth);
    }
    in_top5 += above < 5;

    const auto guess = static_cast<size_t>(p.predicted(i));
    const double confidence = row[guess];
    const int bin = std::clamp(static_cast<int>(std::ceil(confidence * reliability_bins)) - 1, 0, reliability_bins - 1);
    ReliabilityBin& into = out.reliability[static_cast<size_t>(bin)];
    into.count += 1;
    into.confidence += confidence;
    into.accuracy += guess == truth;
  }

  const auto n = static_cast<double>(p.size());
  out.loss /= n;
  out.brier /= classes == 2 ? 2 * n : n;
  if (classes > 5) out.top5 = static_cast<double>(in_top5) / n;
  for (size_t b = 0; b < out.reliability.size(); ++b) {
    ReliabilityBin& bin = out.reliability[b];
    bin.low = static_cast<double>(b) / reliability_bins;
    bin.high = static_cast<double>(b + 1) / reliability_bins;
    if (bin.count == 0) continue;
    const auto count = static_cast<double>(bin.count);
    bin.confidence /= count;
    bin.accuracy /= count;
    out.ece += count / n * std::abs(bin.accuracy - bin.confidence);
  }
}

/// Area under the curves, each class against the rest.
void score_curves(const Predictions& p, Classification& out) {
  const size_t n = p.labels.size(), classes = p.classes.size();
  parallel_tasks(static_cast<int64_t>(classes), [&](int64_t task) {
    const auto c = static_cast<size_t>(task);
    ClassScores& score = out.classes[c];
    if (score.support == 0) return;
    std::vector<int32_t> labels(n);
    std::vector<float> column(n);
    for (size_t i = 0; i < n; ++i) {
      labels[i] = p.labels[i] == static_cast<int32_t>(c);
      column[i] = p.probabilities[i * classes + c];
    }
    score.average_precision = average_precision(labels, column);
    if (score.support < out.examples) score.auc = roc_auc(labels, column);
  });

  double sum = 0, count = 0;
  for (const ClassScores& score : out.classes) {
    if (std::isnan(score.auc)) continue;
    sum += score.auc;
    count += 1;
  }
  if (count > 0) out.macro_auc = sum / count;
}

}  // namespace

int32_t Predictions::predicted(int64_t example) const {
  const auto values = row(example);
  return static_cast<int32_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

Classification classification(const Predictions& predictions) {
  check(predictions);
  Classification out;
  out.examples = predictions.size();
  const size_t classes = predictions.classes.size();
  out.confusion.assign(classes, std::vector<int64_t>(classes));
  for (int64_t i = 0; i < out.examples; ++i) {
    const auto truth = static_cast<size_t>(predictions.labels[static_cast<size_t>(i)]);
    ++out.confusion[truth][static_cast<size_t>(predictions.predicted(i))];
  }
  score_confusion(predictions.classes, out);
  score_probabilities(predictions, out);
  score_curves(predictions, out);
  return out;
}

Interval wilson(int64_t hits, int64_t trials, double z) {
  if (trials < 1 || hits < 0 || hits > trials) fail("wilson", "{} hits among {} trials", hits, trials);
  const auto n = static_cast<double>(trials);
  const double p = static_cast<double>(hits) / n;
  const double centre = (p + z * z / (2 * n)) / (1 + z * z / n);
  const double half = z / (1 + z * z / n) * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

}  // namespace tandem::evaluate
