#include <tandem/improve/importance.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tandem::improve {
namespace {

// Numbers by their place in [0, 1], choices by index.
std::vector<double> coordinates(const Space& space, const Point& point, Rng& rng) {
  std::vector<double> x(space.size());
  for (size_t j = 0; j < space.size(); ++j) {
    const Parameter& p = space.parameters()[j];
    const double u = rng.uniform();
    const double value = std::isnan(point[j]) ? p.at(u) : point[j];
    x[j] = p.is_choice() ? value : p.unit(value);
  }
  return x;
}

// What a leaf covers of one parameter.
struct Extent {
  double low = 0, high = 1;   // of a number
  std::vector<bool> choices;  // of a choice

  [[nodiscard]] double share() const {
    if (choices.empty()) return high - low;
    return static_cast<double>(std::ranges::count(choices, true)) / static_cast<double>(choices.size());
  }
};

struct Leaf {
  std::vector<Extent> extents;
  double value = 0;
};

}  // namespace

struct Forest::Grower {
  const Space& space;
  const std::vector<std::vector<double>>& x;
  std::span<const double> y;
  const ForestOptions& options;
  Rng rng;
  Tree tree{};

  struct Split {
    double gain = 0;
    int parameter = -1;
    double at = 0;
    std::vector<bool> left{};
  };

  // The cut of an ordered list of points that leaves the least variance on both sides.
  template <class Key>
  void scan(std::vector<size_t>& rows, int parameter, Key key, Split& best, auto make) const {
    std::ranges::stable_sort(rows, {}, key);
    const auto n = static_cast<double>(rows.size());
    double total = 0;
    for (const size_t r : rows) total += y[r];
    double sum = 0;
    for (size_t i = 0; i + 1 < rows.size(); ++i) {
      sum += y[rows[i]];
      const auto left = static_cast<double>(i + 1);
      if (static_cast<int64_t>(i) + 1 < options.smallest_leaf ||
          std::ssize(rows) - static_cast<int64_t>(i) - 1 < options.smallest_leaf || key(rows[i]) == key(rows[i + 1]))
        continue;
      const double gain = sum * sum / left + (total - sum) * (total - sum) / (n - left) - total * total / n;
      if (gain > best.gain * (1 + 1e-12) + 1e-15) {
        best.gain = gain, best.parameter = parameter;
        make(best, i);
      }
    }
  }

  size_t grow(std::vector<size_t> rows, int64_t depth) {
    const size_t at = tree.size();
    tree.emplace_back();
    double mean = 0;
    for (const size_t r : rows) mean += y[r];
    mean /= static_cast<double>(rows.size());
    tree[at].value = mean;
    if (std::ssize(rows) < 2 * options.smallest_leaf || depth >= options.deepest) return at;

    Split best;
    const auto order = rng.permutation(static_cast<int64_t>(space.size()));
    const size_t tried = std::max<size_t>(1, (space.size() * 5 + 5) / 6);  // of the parameters, as SMAC does
    for (size_t k = 0; k < order.size(); ++k) {
      if (k >= tried && best.parameter >= 0) break;
      const auto j = static_cast<size_t>(order[k]);
      const size_t n_choices = space.parameters()[j].choices.size();
      if (n_choices == 0) {
        scan(rows, static_cast<int>(j), [&](size_t r) { return x[r][j]; }, best, [&](Split& s, size_t i) {
          const double a = x[rows[i]][j], b = x[rows[i + 1]][j];
          s.at = (a + b) / 2;
          s.left.clear();
        });
        continue;
      }
      // Choices in the order of their means: the best split into two groups is a cut of that order (Breiman 1984).
      std::vector<double> sum(n_choices, 0.0), count(n_choices, 0.0);
      for (const size_t r : rows) sum[static_cast<size_t>(x[r][j])] += y[r], count[static_cast<size_t>(x[r][j])] += 1;
      std::vector<double> means(n_choices);
      for (size_t c = 0; c < n_choices; ++c) means[c] = count[c] > 0 ? sum[c] / count[c] : mean;
      scan(rows, static_cast<int>(j), [&](size_t r) { return means[static_cast<size_t>(x[r][j])]; }, best,
           [&](Split& s, size_t i) {
             s.left.assign(n_choices, false);
             const double limit = means[static_cast<size_t>(x[rows[i]][j])];
             for (size_t c = 0; c < n_choices; ++c) s.left[c] = means[c] <= limit;
           });
    }
    if (best.parameter < 0) return at;
    const auto j = static_cast<size_t>(best.parameter);
    std::vector<size_t> low, high;
    for (const size_t r : rows)
      (best.left.empty() ? x[r][j] < best.at : best.left[static_cast<size_t>(x[r][j])]) ? low.push_back(r)
                                                                                        : high.push_back(r);
    tree[at].split = best.parameter, tree[at].at = best.at, tree[at].left = best.left;
    const size_t l = grow(std::move(low), depth + 1), h = grow(std::move(high), depth + 1);
    tree[at].low = l, tree[at].high = h;
    return at;
  }
};

Forest::Forest(const Space& space, std::span<const Point> points, std::span<const double> values,
               const ForestOptions& options)
    : space_(space) {
  if (points.empty()) return;
  for (int64_t t = 0; t < options.trees; ++t) {
    Rng rng = Rng(options.seed, "forest").split(static_cast<uint64_t>(t));
    std::vector<std::vector<double>> x;
    for (const Point& p : points) x.push_back(coordinates(space, p, rng));
    std::vector<size_t> rows;
    for (size_t i = 0; i < points.size(); ++i) rows.push_back(static_cast<size_t>(rng.below(std::ssize(points))));
    Grower grower{space, x, values, options, rng};
    grower.grow(std::move(rows), 0);
    trees_.push_back(std::move(grower.tree));
  }
}

double Forest::predict(const Tree& tree, std::span<const double> x) const {
  size_t at = 0;
  while (tree[at].split >= 0) {
    const Node& n = tree[at];
    const double v = x[static_cast<size_t>(n.split)];
    at = (n.left.empty() ? v < n.at : n.left[static_cast<size_t>(v)]) ? n.low : n.high;
  }
  return tree[at].value;
}

double Forest::predict(const Point& point) const {
  Rng rng(0, "predict");
  const std::vector<double> x = coordinates(space_, point, rng);
  double sum = 0;
  for (const Tree& t : trees_) sum += predict(t, x);
  return trees_.empty() ? 0 : sum / static_cast<double>(trees_.size());
}

std::vector<double> Forest::importance_of(const Tree& tree) const {
  std::vector<Leaf> leaves;
  std::vector<std::pair<size_t, std::vector<Extent>>> open{{0, {}}};
  for (const Parameter& p : space_.parameters()) {
    Extent all;
    if (p.is_choice()) all.choices.assign(p.choices.size(), true);
    open.front().second.push_back(all);
  }
  while (!open.empty()) {
    auto [at, extents] = std::move(open.back());
    open.pop_back();
    const Node& n = tree[at];
    if (n.split < 0) {
      leaves.push_back({std::move(extents), n.value});
      continue;
    }
    const auto j = static_cast<size_t>(n.split);
    std::vector<Extent> low = extents, high = std::move(extents);
    if (n.left.empty()) {
      low[j].high = std::min(low[j].high, n.at), high[j].low = std::max(high[j].low, n.at);
    } else {
      for (size_t c = 0; c < n.left.size(); ++c)
        if (n.left[c])
          high[j].choices[c] = false;
        else
          low[j].choices[c] = false;
    }
    open.emplace_back(n.low, std::move(low));
    open.emplace_back(n.high, std::move(high));
  }

  double mean = 0, squares = 0;
  std::vector<double> volume;
  for (const Leaf& leaf : leaves) {
    double v = 1;
    for (const Extent& e : leaf.extents) v *= e.share();
    volume.push_back(v);
    mean += v * leaf.value, squares += v * leaf.value * leaf.value;
  }
  const double variance = squares - mean * mean;
  std::vector<double> out(space_.size(), 0.0);
  if (!(variance > 1e-14 * std::max(1.0, squares))) return out;
  for (size_t j = 0; j < space_.size(); ++j) {
    // The marginal is constant between the borders of the leaves, or on each choice.
    const size_t n_choices = space_.parameters()[j].choices.size();
    std::vector<double> borders{0, 1};
    for (const Leaf& leaf : leaves) borders.insert(borders.end(), {leaf.extents[j].low, leaf.extents[j].high});
    std::ranges::sort(borders);
    borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
    const size_t cells = n_choices > 0 ? n_choices : borders.size() - 1;
    double second = 0;
    for (size_t c = 0; c < cells; ++c) {
      const double width = n_choices > 0 ? 1 / static_cast<double>(n_choices) : borders[c + 1] - borders[c];
      double marginal = 0;
      for (size_t l = 0; l < leaves.size(); ++l) {
        const Extent& e = leaves[l].extents[j];
        const bool covers = n_choices > 0 ? static_cast<bool>(e.choices[c]) : e.low <= borders[c] && e.high >= borders[c + 1];
        if (covers && e.share() > 0) marginal += volume[l] / e.share() * leaves[l].value;
      }
      second += width * marginal * marginal;
    }
    out[j] = std::max(0.0, second - mean * mean) / variance;
  }
  return out;
}

std::vector<double> Forest::importance() const {
  std::vector<double> out(space_.size(), 0.0);
  int64_t counted = 0;
  for (const Tree& tree : trees_) {
    const std::vector<double> own = importance_of(tree);
    if (std::accumulate(own.begin(), own.end(), 0.0) <= 0) continue;
    ++counted;
    for (size_t j = 0; j < out.size(); ++j) out[j] += own[j];
  }
  if (counted > 0)
    for (double& v : out) v /= static_cast<double>(counted);
  return out;
}

}  // namespace tandem::improve
