// Why a network gave an answer, for pictures: one number a pixel that says how much it speaks for the answer (above 0)
// or against it (below 0), and the training pictures that look most alike to the network.
#pragma once
#include <tandem/evaluate/nearest.h>
#include <tandem/people/attribution.h>
#include <tandem/tasks/classifier.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tandem::people {

/// "gradient_input", "integrated_gradients", "smooth_grad", "grad_cam", "occlusion", "shapley".
[[nodiscard]] const std::vector<std::string>& explain_methods();

struct ExplainOptions {
  std::string method = "integrated_gradients";
  int64_t target = -1;   // the class that is explained; -1: the most probable one
  int64_t samples = 32;  // smooth_grad: noisy copies; shapley: permutations
  double noise = 0.15;   // smooth_grad: standard deviation, as a share of the range from black to white
  int64_t window =
      0;  // occlusion: side of the covered square in pixels; shapley: of a tile; 0: a seventh of the picture
  uint64_t seed = 1;  // smooth_grad, shapley
};

/// What was explained is the output of the target's unit before softmax (with one output: its value, turned round for
/// the first class); the picture is compared to a black one.
struct Explanation {
  std::string method;
  int32_t target = 0;
  Tensor map = {};          // (h, w) float32: how much each pixel speaks for the target
  double output = 0;        // of the target's unit
  double black_output = 0;  // the same for a black picture
  /// For methods that promise that the map sums to output - black_output: how far it is off, as a share of that change.
  /// NaN for the others.
  double gap = 0;
};

/// Explains one picture (h, w, c) of bytes of the network's size. Throws a usage error for an unknown method or class,
/// or grad_cam on a network without a layer whose output is a picture. Same numbers for any number of threads.
[[nodiscard]] Explanation explain(const tasks::Classifier& model, const Tensor& picture,
                                  const ExplainOptions& options = {});

/// The network's outputs for inputs near a picture, as the attribution methods take them: (n, h, w, c) normalised ->
/// (n), with a gradient. Holds copies that share the weights of `model` but not its tape: a training beside it is not
/// disturbed.
[[nodiscard]] Score score_of(const tasks::Classifier& model, int32_t target);
/// A black picture as the network sees it: (h, w, c).
[[nodiscard]] Tensor black_input(const tasks::Classifier& model);
/// A picture (h, w, c) of bytes as the network sees it.
[[nodiscard]] Tensor input_of(const tasks::Classifier& model, const Tensor& picture);

/// The map laid over the picture, enlarged to at least `side` pixels: uint8 (H, W, 3). Blue speaks for, orange against;
/// the stronger, the more. The picture stands grey below it.
[[nodiscard]] Tensor overlay(const Tensor& picture, const Tensor& map, int64_t side = 280);
/// Pictures of one height beside each other, `gap` white pixels between them: uint8 (H, W, 3).
[[nodiscard]] Tensor beside(const std::vector<Tensor>& pictures, int64_t gap = 8);

/// Training pictures by their features, to be asked for those most alike to a new one.
class Neighbours {
 public:
  /// Keeps features of all of `set` (n x features float32), not its pictures.
  Neighbours(tasks::Classifier& model, const data::Dataset& set);

  struct Neighbour {
    int64_t index = 0;  // in the set
    int32_t label = 0;
    double similarity = 0;  // cosine of the features: 1 is the same direction
  };
  /// The `count` most alike to one example's features (d), the nearest first; equals in order of index.
  [[nodiscard]] std::vector<Neighbour> nearest(std::span<const float> features, int64_t count) const;

 private:
  evaluate::Nearest features_;
  std::vector<int32_t> labels_;
};

}  // namespace tandem::people
