// Outputs of an imagined network whose every probability is right: three clusters of features, and the probability of
// each cluster given the features.
#pragma once
#include <tandem/base/random.h>
#include <tandem/evaluate/confidence.h>

#include <cmath>

namespace tandem::testing {

struct Clusters {
  evaluate::Outputs outputs;
  std::vector<int32_t> labels;
};

/// n examples; logits are multiplied by `sharpness` (1: honest, above it: too sure).
inline Clusters clusters(int64_t n, uint64_t seed, double sharpness = 1) {
  constexpr size_t classes = 3, d = 4;
  Clusters out{{Tensor::empty({n, classes}), Tensor::empty({n, d})}, {}};
  Rng rng(seed, "clusters");
  for (int64_t i = 0; i < n; ++i) {
    const auto label = static_cast<int32_t>(rng.below(classes));
    out.labels.push_back(label);
    const auto x = out.outputs.features.rows(i, i + 1).data<float>();
    for (size_t j = 0; j < d; ++j)
      x[j] = static_cast<float>((j == static_cast<size_t>(label) ? 3 : 0) + (j == 3 ? 3 : 0) + rng.normal());
    double p[classes], sum = 0;
    for (size_t c = 0; c < classes; ++c) {
      double logit = 0;  // minus half the squared distance to the cluster's middle, but for what all have in common
      for (size_t j = 0; j < classes; ++j) {
        const double off = static_cast<double>(x[j]) - (j == c ? 3 : 0);
        logit -= off * off / 2;
      }
      sum += p[c] = std::exp(sharpness * logit);
    }
    for (size_t c = 0; c < classes; ++c)
      out.outputs.probabilities.rows(i, i + 1).data<float>()[c] = static_cast<float>(p[c] / sum);
  }
  return out;
}

inline evaluate::Confidence fitted(const evaluate::PeopleOptions& options, int64_t n = 2000) {
  const Clusters train = clusters(2000, 1), validation = clusters(n, 2);
  return evaluate::Confidence::fit(options, train.outputs, train.labels, validation.outputs, validation.labels);
}

}  // namespace tandem::testing
