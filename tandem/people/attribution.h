// How much each part of an input has to do with an output, for any function of it. Inputs have any shape, so that
// pictures, tables and embeddings of words are all explained by the same functions.
#pragma once
#include <tandem/tensor/tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace tandem::people {

/// What is explained: a batch of n inputs (n, ...) to n numbers (n). The gradient methods need its gradient; the number
/// of one input must not depend on the others of its batch.
using Score = std::function<Tensor(const Tensor& inputs)>;

/// The gradient of the score at each of a batch of inputs; same shape.
[[nodiscard]] Tensor gradient(const Score& score, const Tensor& inputs);

/// Gradient times (input - baseline): the change that a linear function would show. Shapes of the input.
[[nodiscard]] Tensor gradient_input(const Score& score, const Tensor& x, const Tensor& baseline);

struct Integrated {
  Tensor values;      // shape of the input
  double change = 0;  // score(x) - score(baseline): what the values must sum to (completeness)
  double gap = 0;     // |sum - change| / |change|
  int64_t steps = 0;
};
/// Integrated gradients (Sundararajan et al. 2017): the mean gradient on the straight way from baseline to x, times
/// x - baseline. Midpoint rule; steps are doubled from 32 until the gap is at most `gap`, at most to `most_steps`.
[[nodiscard]] Integrated integrated_gradients(const Score& score, const Tensor& x, const Tensor& baseline,
                                              double gap = 0.005, int64_t most_steps = 1024);

/// SmoothGrad (Smilkov et al. 2017): the mean gradient over `samples` copies of x with normal noise of deviation
/// `noise` (in units of the input), times (x - baseline) as gradient_input.
[[nodiscard]] Tensor smooth_grad(const Score& score, const Tensor& x, const Tensor& baseline, double noise,
                                 int64_t samples, uint64_t seed);

/// Grad-CAM (Selvaraju et al. 2017): `activations` (h, w, c) of a layer weighted by the mean gradient of `rest` (the
/// score from there on) in each channel, negative sums cut to 0 -> (h, w).
[[nodiscard]] Tensor grad_cam(const Score& rest, const Tensor& activations);

/// Occlusion (Zeiler and Fergus 2014): how far the score falls when a square of side `window` of x (h, w, c) is
/// replaced by the baseline, for squares every `stride` pixels; each pixel gets the mean over the squares that cover it
/// -> (h, w).
[[nodiscard]] Tensor occlusion(const Score& score, const Tensor& x, const Tensor& baseline, int64_t window,
                               int64_t stride);

/// What a coalition of players is worth. One row of 0 and 1 for each coalition: coalitions * players bytes -> values.
using SetFunction = std::function<std::vector<double>(std::span<const uint8_t> coalitions, int64_t players)>;

/// Shapley values by their definition, over all 2^players coalitions; at most 20 players.
[[nodiscard]] std::vector<double> shapley_exact(const SetFunction& worth, int64_t players);

struct Shapley {
  std::vector<double> values;  // they sum to worth(all) - worth(none) but for rounding
  std::vector<double> errors;  // standard errors of the values
};
/// Shapley values from `permutations` orders of the players (Castro et al. 2009), taken in pairs of an order and its
/// reverse, which cancels much of the chance (Mitchell et al. 2022). An odd number is raised by one.
[[nodiscard]] Shapley shapley_sampled(const SetFunction& worth, int64_t players, int64_t permutations, uint64_t seed);

/// A faithful map names what the score rests on: taking away the pixels it ranks first lets the score fall fast, giving
/// them first lets it rise fast (Petsiuk et al. 2018).
struct Faithfulness {
  std::vector<double> deletion, insertion;       // score after 0, 1, …, steps parts of the input were changed
  double deletion_area = 0, insertion_area = 0;  // means of the curves: low and high are good
};
/// `ranking`: the positions (pixels) of an input whose `width` last numbers (channels) belong together, the most
/// important first.
[[nodiscard]] Faithfulness faithfulness(const Score& score, const Tensor& x, const Tensor& baseline,
                                        std::span<const int64_t> ranking, int64_t width, int64_t steps = 20);
/// Positions of a map, the largest value first; equals in order of position.
[[nodiscard]] std::vector<int64_t> ranking_of(const Tensor& map);

}  // namespace tandem::people
