// Where to look next: samplers see what was tried and how it did, and give the next point. They keep nothing between
// calls, so that a search goes on from its file alone and several processes may share it.
#pragma once
#include <tandem/improve/space.h>

#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tandem::improve {

/// A point that was tried; lower scores are better. Infinity: it failed, or is being tried.
struct Scored {
  Point point;
  double score = std::numeric_limits<double>::infinity();
};

class Sampler {
 public:
  virtual ~Sampler() = default;
  /// The next point. `history` is in the order of the trials, `rng` the stream of this trial.
  [[nodiscard]] virtual Point next(const Space& space, std::span<const Scored> history, Rng rng) const = 0;
};

/// random, tpe or cma_es. Throws a usage error for another name, and for cma_es in a space with choices or conditions.
[[nodiscard]] std::unique_ptr<Sampler> make_sampler(const std::string& name, const Space& space);
[[nodiscard]] const std::vector<std::string>& sampler_names();

struct RandomSampler : Sampler {
  [[nodiscard]] Point next(const Space& space, std::span<const Scored> history, Rng rng) const override;
};

/// Tree-structured Parzen estimator (Bergstra et al. 2011) with joint kernels over all parameters, as in BOHB (Falkner,
/// Klein and Hutter 2018): densities l of the good points and g of the others; the next point is, of those drawn from l,
/// the one of the highest l / g.
struct TpeSampler : Sampler {
  int64_t start = 10;        // random points before the first model
  double good = 0.15;        // share of the points that count as good
  int64_t candidates = 32;   // drawn from l
  [[nodiscard]] Point next(const Space& space, std::span<const Scored> history, Rng rng) const override;
};

/// Covariance matrix adaptation (Hansen 2016, "The CMA evolution strategy: a tutorial") in the unit cube. The state is
/// worked out from the history: each `population` points in a row are a generation. Numbers only.
struct CmaSampler : Sampler {
  double spread = 0.25;    // first standard deviation
  int64_t population = 0;  // 0: 4 + 3 ln(dimensions)
  [[nodiscard]] Point next(const Space& space, std::span<const Scored> history, Rng rng) const override;
};

}  // namespace tandem::improve
