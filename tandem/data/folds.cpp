#include <tandem/base/error.h>
#include <tandem/base/random.h>
#include <tandem/data/folds.h>

#include <algorithm>
#include <map>
#include <numeric>

namespace tandem::data {
namespace {

// Each class is shuffled and dealt out; the next class goes on where the last one stopped.
std::vector<int32_t> stratified(std::span<const int32_t> labels, int64_t count, const Rng& rng) {
  std::map<int32_t, std::vector<size_t>> members;
  for (size_t i = 0; i < labels.size(); ++i) members[labels[i]].push_back(i);
  std::vector<int32_t> out(labels.size());
  int64_t next = 0;
  for (const auto& [label, of] : members) {
    if (std::ssize(of) < count)
      fail(ErrorKind::data, "folds", "class {} has {} examples, fewer than the {} folds", label, of.size(), count);
    for (const int64_t i : rng.split(static_cast<uint64_t>(label)).permutation(std::ssize(of)))
      out[of[static_cast<size_t>(i)]] = static_cast<int32_t>(next++ % count);
  }
  return out;
}

// Groups, the largest first, go where they leave the counts of classes most even.
std::vector<int32_t> grouped(std::span<const int32_t> labels, std::span<const int64_t> groups, int64_t count, Rng rng) {
  std::map<int64_t, std::vector<size_t>> members;
  for (size_t i = 0; i < labels.size(); ++i) members[groups[i]].push_back(i);
  if (std::ssize(members) < count)
    fail(ErrorKind::data, "folds", "there are {} groups, fewer than the {} folds", members.size(), count);
  std::vector<const std::vector<size_t>*> order;
  for (const auto& [group, of] : members) order.push_back(&of);
  std::vector<const std::vector<size_t>*> shuffled;
  for (const int64_t i : rng.permutation(std::ssize(order))) shuffled.push_back(order[static_cast<size_t>(i)]);
  std::ranges::stable_sort(shuffled, std::greater<>(), [](const auto* of) { return of->size(); });

  const auto classes = static_cast<size_t>(*std::ranges::max_element(labels)) + 1;
  std::vector<double> share(classes, 0);  // examples a class has in an even fold
  for (const int32_t label : labels) share[static_cast<size_t>(label)] += 1.0 / static_cast<double>(count);
  std::vector<std::vector<double>> held(static_cast<size_t>(count), std::vector<double>(classes, 0));
  std::vector<int32_t> out(labels.size());
  for (const auto* of : shuffled) {
    std::vector<double> adds(classes, 0);
    for (const size_t i : *of) adds[static_cast<size_t>(labels[i])] += 1;
    size_t best = 0;
    double least = 0;
    for (size_t fold = 0; fold < held.size(); ++fold) {
      double change = 0;  // of the squared distance to the even shares, relative to them
      for (size_t c = 0; c < classes; ++c) {
        if (share[c] == 0) continue;
        const double before = held[fold][c] / share[c] - 1, after = (held[fold][c] + adds[c]) / share[c] - 1;
        change += after * after - before * before;
      }
      if (fold == 0 || change < least) least = change, best = fold;
    }
    for (size_t c = 0; c < classes; ++c) held[best][c] += adds[c];
    for (const size_t i : *of) out[i] = static_cast<int32_t>(best);
  }
  return out;
}

}  // namespace

std::vector<int32_t> folds(std::span<const int32_t> labels, int64_t count, uint64_t seed,
                           std::span<const int64_t> groups) {
  if (count < 2) fail("folds", "{} folds: give at least 2", count);
  if (labels.empty()) fail(ErrorKind::data, "folds", "there are no examples");
  for (const int32_t label : labels)
    if (label < 0) fail("folds", "every example needs a label");
  const Rng rng(seed, "folds");
  if (groups.empty()) return stratified(labels, count, rng);
  if (groups.size() != labels.size()) fail("folds", "{} groups for {} examples", groups.size(), labels.size());
  return grouped(labels, groups, count, rng);
}

}  // namespace tandem::data
