#include <tandem/improve/sampler.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace tandem::improve {
namespace {

constexpr int64_t most_good = 25;   // more good points blur what they have in common
constexpr double narrowest = 0.01;  // of a kernel, in the unit interval: closer than that is the same setting

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

/// A mixture over points: one kernel a point and one uniform over the space. A kernel is a product over the parameters:
/// a normal cut to [0, 1] for a number, mostly its own value for a choice, uniform where its point has no value.
class Parzen {
 public:
  Parzen(const Space& space, std::vector<const Point*> points) : space_(space), points_(std::move(points)) {
    const auto n = static_cast<double>(points_.size());
    for (size_t j = 0; j < space.size(); ++j) {
      const Parameter& p = space.parameters()[j];
      double sum = 0, squares = 0, count = 0;
      for (const Point* point : points_) {
        if (std::isnan((*point)[j])) continue;
        const double u = p.unit((*point)[j]);
        sum += u, squares += u * u, count += 1;
      }
      // Normal reference rule; the uniform kernel counts as one point more, so that few points stay wide.
      const double mean = (sum + 0.5) / (count + 1);
      const double deviation = std::sqrt(std::max((squares + 1.0 / 3) / (count + 1) - mean * mean, 0.0));
      const double rule =
          1.06 * deviation * std::pow(std::max(count, 1.0), -1.0 / (4 + static_cast<double>(space.size())));
      const int64_t levels = p.levels();
      widths_.push_back(std::max({rule, narrowest, levels > 0 ? 0.5 / static_cast<double>(levels) : 0.0}));
      stay_.push_back(p.is_choice() ? n / (n + static_cast<double>(p.choices.size())) : 0);
    }
  }

  [[nodiscard]] Point draw(Rng& rng) const {
    const auto from = static_cast<size_t>(rng.below(std::ssize(points_) + 1));  // the last: uniform
    Point out(space_.size(), std::nan(""));
    for (size_t j = 0; j < space_.size(); ++j) {
      if (!space_.is_there(j, out)) continue;
      const Parameter& p = space_.parameters()[j];
      const double centre = from < points_.size() ? (*points_[from])[j] : std::nan("");
      if (std::isnan(centre))
        out[j] = p.at(rng.uniform());
      else if (p.is_choice())
        out[j] = rng.uniform() < stay_[j] ? centre : p.at(rng.uniform());
      else
        out[j] = p.at(near(p.unit(centre), widths_[j], rng));
    }
    return out;
  }

  /// Log density at a point, up to what all densities over this space share.
  [[nodiscard]] double log_density(const Point& x) const {
    double best = 0;
    std::vector<double> logs{0};  // the uniform kernel: 1 everywhere
    for (const Point* point : points_) {
      double sum = 0;
      for (size_t j = 0; j < x.size(); ++j)
        if (!std::isnan(x[j]) && !std::isnan((*point)[j])) sum += log_kernel(j, x[j], (*point)[j]);
      logs.push_back(sum);
      best = std::max(best, sum);
    }
    double total = 0;
    for (const double log : logs) total += std::exp(log - best);
    return best + std::log(total / static_cast<double>(logs.size()));
  }

 private:
  static double near(double centre, double width, Rng& rng) {
    for (int i = 0; i < 32; ++i)
      if (const double u = centre + width * rng.normal(); u >= 0 && u <= 1) return u;
    return centre;
  }

  [[nodiscard]] double log_kernel(size_t j, double x, double centre) const {
    const Parameter& p = space_.parameters()[j];
    if (p.is_choice()) {
      const auto n = static_cast<double>(p.choices.size());
      return std::log(((x == centre ? stay_[j] : 0) + (1 - stay_[j]) / n) * n);
    }
    const double c = p.unit(centre), z = (p.unit(x) - c) / widths_[j];
    const double inside = normal_cdf((1 - c) / widths_[j]) - normal_cdf(-c / widths_[j]);
    return -0.5 * z * z - std::log(widths_[j] * std::sqrt(2 * std::numbers::pi) * inside);
  }

  const Space& space_;
  std::vector<const Point*> points_;
  std::vector<double> widths_, stay_;
};

}  // namespace

Point TpeSampler::next(const Space& space, std::span<const Scored> history, Rng rng) const {
  std::vector<size_t> order(history.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t i) { return history[i].score; });
  const auto scored = std::ranges::count_if(history, [](const Scored& s) { return std::isfinite(s.score); });
  const int64_t n_good = std::min(
      {most_good, static_cast<int64_t>(std::ceil(good * static_cast<double>(history.size()))), int64_t{scored}});
  if (std::ssize(history) < start || n_good < 1) return space.draw(rng);

  std::vector<const Point*> upper, lower;
  for (size_t i = 0; i < order.size(); ++i)
    (static_cast<int64_t>(i) < n_good ? upper : lower).push_back(&history[order[i]].point);
  const Parzen l(space, std::move(upper)), g(space, std::move(lower));
  Point best;
  double best_ratio = -std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < candidates; ++i) {
    Point x = l.draw(rng);
    const double ratio = l.log_density(x) - g.log_density(x);
    if (ratio > best_ratio) best_ratio = ratio, best = std::move(x);
  }
  return best;
}

}  // namespace tandem::improve
