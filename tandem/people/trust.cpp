#include <tandem/base/error.h>
#include <tandem/people/trust.h>

#include <algorithm>
#include <cmath>

namespace tandem::people {

Trust weigh(std::span<const float> network, int64_t classes, std::span<const Answer> answers, const TrustOptions& o) {
  if (classes < 2 || network.size() % static_cast<size_t>(classes) != 0)
    fail("weigh", "{} probabilities are no whole rows of {} classes (two or more)", network.size(), classes);
  const auto k = static_cast<size_t>(classes), items = network.size() / k;
  size_t people = 0;
  for (const Answer& a : answers) {
    if (a.item < 0 || static_cast<size_t>(a.item) >= items || a.label < 0 || a.label >= classes || a.person < 0)
      fail("weigh", "an answer names item {} of {}, label {} of {}, person {}", a.item, items, a.label, classes,
           a.person);
    people = std::max(people, static_cast<size_t>(a.person) + 1);
  }

  // What is known before anybody speaks. The floor is where one answer of a new person has the odds `benefit` against
  // a network that gives another class 1: floor r (k - 1) / (1 - r) = benefit.
  const double r = o.right / (o.right + o.wrong), others = static_cast<double>(classes - 1);
  const double floor = o.benefit * (1 - r) / (r * others);
  std::vector<double> prior(network.begin(), network.end());
  for (size_t i = 0; i < items; ++i) {
    const auto row = std::span(prior).subspan(i * k, k);
    double sum = 0;
    for (double& p : row) sum += p = std::max(p, floor);
    for (double& p : row) p /= sum;
  }

  // M step: reliabilities from how likely each answer is right. E step: the classes from the reliabilities.
  std::vector<double> right(answers.size(), r), sum(people), count(people);
  const auto reliability = [&](size_t answer) {  // of its person, by the other answers
    const auto p = static_cast<size_t>(answers[answer].person);
    return (o.right + sum[p] - right[answer]) / (o.right + o.wrong + count[p] - 1);
  };
  for (const Answer& a : answers) count[static_cast<size_t>(a.person)] += 1;
  Trust out;
  for (int64_t round = 0; round < o.rounds; ++round) {
    std::ranges::fill(sum, 0);
    for (size_t j = 0; j < answers.size(); ++j) sum[static_cast<size_t>(answers[j].person)] += right[j];
    std::vector<double> log(prior.size());
    std::ranges::transform(prior, log.begin(), [](double p) { return std::log(p); });
    for (size_t j = 0; j < answers.size(); ++j) {
      const auto row = std::span(log).subspan(static_cast<size_t>(answers[j].item) * k, k);
      const double own = reliability(j);
      for (size_t c = 0; c < k; ++c)
        row[c] += std::log(static_cast<int32_t>(c) == answers[j].label ? own : (1 - own) / others);
    }
    out.items.resize(log.size());
    for (size_t i = 0; i < items; ++i) {
      const auto from = std::span(log).subspan(i * k, k);
      const double most = std::ranges::max(from);
      double total = 0;
      for (size_t c = 0; c < k; ++c) total += out.items[i * k + c] = std::exp(from[c] - most);
      for (size_t c = 0; c < k; ++c) out.items[i * k + c] /= total;
    }
    double moved = 0;
    for (size_t j = 0; j < answers.size(); ++j) {
      const double now = out.items[static_cast<size_t>(answers[j].item) * k + static_cast<size_t>(answers[j].label)];
      moved = std::max(moved, std::abs(now - right[j]));
      right[j] = now;
    }
    if (moved < 1e-9) break;
  }
  if (out.items.empty()) out.items = prior;  // nobody said anything, or rounds is 0
  std::ranges::fill(sum, 0);
  for (size_t j = 0; j < answers.size(); ++j) sum[static_cast<size_t>(answers[j].person)] += right[j];
  for (size_t p = 0; p < people; ++p) out.people.push_back((o.right + sum[p]) / (o.right + o.wrong + count[p]));
  out.answers = right;
  return out;
}

}  // namespace tandem::people
