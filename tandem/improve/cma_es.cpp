#include <tandem/base/eigen.h>
#include <tandem/improve/sampler.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tandem::improve {
namespace {

using Vector = std::vector<double>;
using Matrix = std::vector<Vector>;

/// Names as in Hansen's tutorial.
class Strategy {
 public:
  Strategy(size_t n, double sigma, int64_t lambda)
      : n_(n), sigma_(sigma), mean_(n, 0.5), path_c_(n, 0.0), path_s_(n, 0.0), covariance_(n, Vector(n, 0.0)) {
    const auto d = static_cast<double>(n);
    const int64_t mu = lambda / 2;
    for (int64_t i = 0; i < mu; ++i)
      weights_.push_back(std::log((static_cast<double>(lambda) + 1) / 2) - std::log(static_cast<double>(i + 1)));
    const double sum = std::accumulate(weights_.begin(), weights_.end(), 0.0);
    double squares = 0;
    for (double& w : weights_) w /= sum, squares += w * w;
    mu_eff_ = 1 / squares;
    c_c_ = (4 + mu_eff_ / d) / (d + 4 + 2 * mu_eff_ / d);
    c_s_ = (mu_eff_ + 2) / (d + mu_eff_ + 5);
    c_1_ = 2 / ((d + 1.3) * (d + 1.3) + mu_eff_);
    c_mu_ = std::min(1 - c_1_, 2 * (mu_eff_ - 2 + 1 / mu_eff_) / ((d + 2) * (d + 2) + mu_eff_));
    damping_ = 1 + 2 * std::max(0.0, std::sqrt((mu_eff_ - 1) / (d + 1)) - 1) + c_s_;
    expected_norm_ = std::sqrt(d) * (1 - 1 / (4 * d) + 1 / (21 * d * d));
    for (size_t i = 0; i < n; ++i) covariance_[i][i] = 1;
    symmetric_eigen(covariance_, values_, axes_);
    for (double& v : values_) v = std::max(v, 1e-20);
  }

  [[nodiscard]] Vector draw(Rng& rng) const {
    Vector x(n_);
    for (int tries = 0; tries < 32; ++tries) {
      Vector z(n_);
      for (double& v : z) v = rng.normal();
      for (size_t i = 0; i < n_; ++i) {
        double y = 0;
        for (size_t k = 0; k < n_; ++k) y += axes_[i][k] * std::sqrt(values_[k]) * z[k];
        x[i] = mean_[i] + sigma_ * y;
      }
      if (std::ranges::all_of(x, [](double v) { return v >= 0 && v <= 1; })) return x;
    }
    for (double& v : x) v = std::clamp(v, 0.0, 1.0);
    return x;
  }

  /// One generation, the best point first.
  void update(const std::vector<Vector>& ranked) {
    ++generation_;
    Vector step(n_, 0.0);  // of the mean, in units of sigma
    for (size_t i = 0; i < weights_.size(); ++i)
      for (size_t k = 0; k < n_; ++k) step[k] += weights_[i] * (ranked[i][k] - mean_[k]) / sigma_;

    Vector white(n_, 0.0);  // C^(-1/2) step
    for (size_t k = 0; k < n_; ++k) {
      double along = 0;
      for (size_t i = 0; i < n_; ++i) along += axes_[i][k] * step[i];
      for (size_t i = 0; i < n_; ++i) white[i] += axes_[i][k] * along / std::sqrt(values_[k]);
    }
    double norm = 0;
    for (size_t i = 0; i < n_; ++i) {
      path_s_[i] = (1 - c_s_) * path_s_[i] + std::sqrt(c_s_ * (2 - c_s_) * mu_eff_) * white[i];
      norm += path_s_[i] * path_s_[i];
    }
    norm = std::sqrt(norm);
    const double d = static_cast<double>(n_);
    const bool moving = norm / std::sqrt(1 - std::pow(1 - c_s_, 2.0 * static_cast<double>(generation_))) <
                        (1.4 + 2 / (d + 1)) * expected_norm_;
    for (size_t i = 0; i < n_; ++i)
      path_c_[i] = (1 - c_c_) * path_c_[i] + (moving ? std::sqrt(c_c_ * (2 - c_c_) * mu_eff_) * step[i] : 0);

    const double forget = 1 - c_1_ - c_mu_ + (moving ? 0 : c_1_ * c_c_ * (2 - c_c_));
    for (size_t a = 0; a < n_; ++a)
      for (size_t b = 0; b < n_; ++b) {
        double rank_mu = 0;
        for (size_t i = 0; i < weights_.size(); ++i)
          rank_mu += weights_[i] * (ranked[i][a] - mean_[a]) * (ranked[i][b] - mean_[b]) / (sigma_ * sigma_);
        covariance_[a][b] = forget * covariance_[a][b] + c_1_ * path_c_[a] * path_c_[b] + c_mu_ * rank_mu;
      }
    for (size_t k = 0; k < n_; ++k) mean_[k] += sigma_ * step[k];
    sigma_ = std::clamp(sigma_ * std::exp(c_s_ / damping_ * (norm / expected_norm_ - 1)), 1e-8, 1.0);
    symmetric_eigen(covariance_, values_, axes_);
    for (double& v : values_) v = std::max(v, 1e-20);
  }

 private:
  size_t n_;
  double sigma_;
  Vector mean_, path_c_, path_s_;
  Matrix covariance_, axes_;
  Vector values_, weights_;
  double mu_eff_ = 0, c_c_ = 0, c_s_ = 0, c_1_ = 0, c_mu_ = 0, damping_ = 0, expected_norm_ = 0;
  int64_t generation_ = 0;
};

}  // namespace

Point CmaSampler::next(const Space& space, std::span<const Scored> history, Rng rng) const {
  const size_t n = space.size();
  const int64_t lambda = population > 0 ? population : 4 + static_cast<int64_t>(3 * std::log(static_cast<double>(n)));
  Strategy strategy(n, spread, lambda);
  for (size_t begin = 0; begin + static_cast<size_t>(lambda) <= history.size(); begin += static_cast<size_t>(lambda)) {
    std::vector<const Scored*> generation;
    for (const Scored& s : history.subspan(begin, static_cast<size_t>(lambda))) generation.push_back(&s);
    std::ranges::stable_sort(generation, {}, [](const Scored* s) { return s->score; });
    std::vector<Vector> ranked;
    for (const Scored* s : generation) {
      Vector x(n);
      for (size_t i = 0; i < n; ++i) x[i] = space.parameters()[i].unit(s->point[i]);
      ranked.push_back(std::move(x));
    }
    strategy.update(ranked);
  }
  const Vector x = strategy.draw(rng);
  Point out(n);
  for (size_t i = 0; i < n; ++i) out[i] = space.parameters()[i].at(x[i]);
  return out;
}

}  // namespace tandem::improve
