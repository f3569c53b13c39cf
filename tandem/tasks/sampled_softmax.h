// Cross-entropy over a large vocabulary of which each step scores a part: sampled softmax (Bengio and Senécal 2008,
// Jean et al. 2015).
#pragma once
#include <tandem/base/random.h>
#include <tandem/data/text/stream.h>
#include <tandem/tensor/tensor.h>

#include <span>
#include <vector>

namespace tandem::tasks {

/// A step scores the tokens that come next in it and others, which are drawn with the chance count^0.75. From each
/// score the logarithm of how likely it is to be among them is taken, so that what is learned are the scores of all.
class SampledSoftmax {
 public:
  struct Loss {
    Tensor mean;          // a number on the tape
    int64_t correct = 0;  // how often the right token had the best score of those that were given one
  };

  /// Reads `text` once to count its tokens, of which there are `vocabulary` kinds. `candidates` are drawn a step; some
  /// of them are the same.
  SampledSoftmax(const data::TokenStream& text, int64_t vocabulary, int64_t candidates);

  /// features (n, width), weight (vocabulary, width), bias (vocabulary) or none, n tokens that are right.
  [[nodiscard]] Loss loss(const Tensor& features, const Tensor& weight, const Tensor& bias,
                          std::span<const int32_t> next, Rng rng, bool bf16 = false) const;

 private:
  int64_t candidates_;
  std::vector<double> share_;       // of the text, by token
  std::vector<double> cumulative_;  // of the chances to be drawn
};

}  // namespace tandem::tasks
