#include <tandem/base/random.h>
#include <tandem/people/suspects.h>
#include <tandem/train/run.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

namespace tandem::people {
namespace {

double margin(const Suspect& s) { return s.likely_probability - s.given_probability; }

}  // namespace

std::vector<Suspect> suspects(std::span<const float> probabilities, int64_t classes, std::span<const int32_t> labels) {
  const auto k = static_cast<size_t>(classes), n = labels.size();
  if (classes < 2 || probabilities.size() != n * k)
    fail("suspects", "{} probabilities are not {} rows of {} classes (two or more)", probabilities.size(), n, classes);
  std::vector<double> certain(k), count(k);
  for (size_t i = 0; i < n; ++i) {
    if (labels[i] < 0 || labels[i] >= classes)
      fail("suspects", "example {} has label {}, but there are {} classes", i, labels[i], classes);
    const auto given = static_cast<size_t>(labels[i]);
    certain[given] += static_cast<double>(probabilities[i * k + given]);
    count[given] += 1;
  }
  for (size_t c = 0; c < k; ++c)
    certain[c] = count[c] > 0 ? certain[c] / count[c] : 2;  // nobody's label: never certain

  std::vector<double> joint(k * k), row_sum(k);  // label i, certain to be of class j
  for (size_t i = 0; i < n; ++i) {
    const auto row = probabilities.subspan(i * k, k);
    std::optional<size_t> likely;  // of the classes that are certain
    for (size_t c = 0; c < k; ++c)
      if (static_cast<double>(row[c]) >= certain[c] && (!likely || row[c] > row[*likely])) likely = c;
    if (!likely) continue;
    joint[static_cast<size_t>(labels[i]) * k + *likely] += 1;
    row_sum[static_cast<size_t>(labels[i])] += 1;
  }

  std::map<int64_t, Suspect> chosen;  // by example; of several classes that want it, the likeliest
  for (size_t given = 0; given < k; ++given)
    for (size_t other = 0; other < k; ++other) {
      if (other == given || row_sum[given] == 0) continue;
      std::vector<Suspect> candidates;
      for (size_t i = 0; i < n && joint[given * k + other] > 0; ++i) {
        if (static_cast<size_t>(labels[i]) != given) continue;
        const double own = static_cast<double>(probabilities[i * k + given]);
        const double likely = static_cast<double>(probabilities[i * k + other]);
        if (likely > own)
          candidates.push_back({static_cast<int64_t>(i), labels[i], static_cast<int32_t>(other), own, likely});
      }
      std::ranges::stable_sort(candidates, std::greater{}, margin);
      // Those that are certain of no class are taken to be divided as those that are.
      const auto wrong = static_cast<size_t>(std::llround(joint[given * k + other] / row_sum[given] * count[given]));
      candidates.resize(std::min(candidates.size(), wrong));
      for (const Suspect& s : candidates) {
        const auto [known, fresh] = chosen.emplace(s.index, s);
        if (!fresh && s.likely_probability > known->second.likely_probability) known->second = s;
      }
    }
  std::vector<Suspect> out;
  for (const auto& [index, s] : chosen) out.push_back(s);
  std::ranges::stable_sort(out, std::greater{}, margin);
  return out;
}

std::vector<float> cross_validated(const train::Recipe& recipe, const data::Dataset& set, int64_t folds,
                                   const train::Hooks& hooks) {
  const size_t classes = set.classes.size();
  std::vector<std::vector<int64_t>> parts(static_cast<size_t>(folds));
  std::vector<int64_t> seen(classes);  // of each class, so that the folds share it evenly
  for (const int64_t i : Rng(recipe.seed, "folds").permutation(set.size())) {
    const auto c = static_cast<size_t>(set.labels[static_cast<size_t>(i)]);
    parts[static_cast<size_t>((seen[c]++ + static_cast<int64_t>(c)) % folds)].push_back(i);
  }
  for (size_t c = 0; c < classes; ++c)
    if (seen[c] < folds)
      fail(ErrorKind::data, set.source, "class '{}' has {} examples, {} folds need at least that many of each",
           set.classes[c], seen[c], folds);
  std::vector<float> out(static_cast<size_t>(set.size()) * classes);
  for (size_t fold = 0; fold < parts.size(); ++fold) {
    std::vector<int64_t> rest;
    for (size_t other = 0; other < parts.size(); ++other)
      if (other != fold) rest.insert(rest.end(), parts[other].begin(), parts[other].end());
    std::ranges::sort(rest);
    const data::Dataset learned = data::subset(set, rest), none;
    tasks::Classifier model = train::make_model(recipe, learned);
    train::Trainer trainer(recipe, model, learned, none);
    if (trainer.run(hooks) == train::Outcome::interrupted) return {};
    const std::vector<float> p = model.predict(data::subset(set, parts[fold]));
    for (size_t i = 0; i < parts[fold].size(); ++i)
      std::copy_n(p.begin() + static_cast<int64_t>(i * classes), classes,
                  out.begin() + parts[fold][i] * static_cast<int64_t>(classes));
  }
  return out;
}

std::vector<int64_t> flip_labels(data::Dataset& set, double share, uint64_t seed) {
  if (!(share >= 0 && share <= 1)) fail("flip", "a share of {} is not in 0 … 1", share);
  const auto classes = std::ssize(set.classes);
  if (classes < 2) fail("flip", "the data has {} classes: two or more are needed", classes);
  Rng rng(seed, "flip");
  std::vector<int64_t> which = rng.permutation(set.size());
  which.resize(static_cast<size_t>(std::llround(share * static_cast<double>(set.size()))));
  std::ranges::sort(which);
  for (const int64_t i : which) {
    int32_t& label = set.labels[static_cast<size_t>(i)];
    label = static_cast<int32_t>((label + 1 + rng.below(classes - 1)) % classes);
  }
  return which;
}

}  // namespace tandem::people
