// A network that says which class an example is of, with all that it needs to read one; and its file, which is enough
// to predict.
#pragma once
#include <tandem/evaluate/confidence.h>
#include <tandem/evaluate/decision_report.h>
#include <tandem/nn/sequential.h>
#include <tandem/ops/loss.h>
#include <tandem/tasks/input.h>
#include <tandem/tasks/views.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tandem::tasks {

struct LossOptions {
  std::string type = "cross_entropy";  // cross_entropy, binary_cross_entropy, binary_cross_entropy_logits
  double label_smoothing = 0;          // cross_entropy
  bool balanced = false;               // cross_entropy: classes weigh as much as they are rare
  void fields(Fields& f);
  /// Whether the network has one output: the probability, or its logit, of the second class.
  [[nodiscard]] bool binary() const { return type != "cross_entropy"; }
};

/// A network with all that it needs to read examples.
struct Classifier {
  nn::Sequential net;
  Input input = ImageInput{};
  Views views;  // of pictures
  std::vector<std::string> classes;
  std::string loss = "cross_entropy";
  std::optional<evaluate::Confidence> confidence;  // fitted when the recipe has `people:`
  std::optional<evaluate::Threshold> threshold;    // of the second of two classes; when the recipe has `decision:`
  std::map<std::string, std::string> notes;        // recipe, seed, version, …: for people

  /// Makes parameters for the input's shape, at most `most` numbers. Throws when the last layer does not fit the
  /// classes and the loss.
  void build(const Rng& rng, int64_t most = nn::Build{}.most);
  /// The input of pictures. Throws a usage error for a network that reads something else.
  [[nodiscard]] const ImageInput& image() const;
  [[nodiscard]] ImageInput& image();
  /// Probabilities (n, classes) for examples that fit the input, in batches, the mean of all views; calibrated when
  /// there is confidence. Same bytes for any number of threads; another batch may change the last bits, as products of
  /// other sizes are summed in another order.
  [[nodiscard]] std::vector<float> predict(const data::Dataset& set, int64_t batch = 256);
  /// The same with features, before calibration: what confidence is fitted to and judges.
  [[nodiscard]] evaluate::Outputs outputs(const data::Dataset& set, int64_t batch = 256);
  /// The same for one batch as batch_of() makes it, with `ready` = nn::for_inference(net) made once by the caller.
  /// Features are those of the first view, flattened.
  [[nodiscard]] evaluate::Outputs outputs(const nn::Sequential& ready, const Batch& batch) const;
  /// How many features there are: the numbers that go into the last layer. After build().
  [[nodiscard]] int64_t feature_count() const;
  /// Throws a usage error when confidence cannot be fitted: no validation examples, or features too many. Said before
  /// a training, not after it.
  void check_people(const data::Dataset& validation) const;
  /// Fits `confidence` on the validation part; familiarity on at most 20,000 examples of the training part.
  void learn_confidence(const evaluate::PeopleOptions& options, const data::Dataset& train,
                        const data::Dataset& validation);
  /// Chooses `threshold` on the validation part, after learn_confidence().
  void learn_threshold(const evaluate::ThresholdGoal& goal, const data::Dataset& validation);
  /// The class that is answered for a row of probabilities: the most probable, or by the threshold.
  [[nodiscard]] int32_t answer(std::span<const float> probabilities) const;
  /// Probabilities from the network's outputs (n, classes), or (n, 1) for a binary loss.
  [[nodiscard]] Tensor probabilities(const Tensor& outputs) const;
  /// Those, calibrated when there is confidence: what predict() says and answer() takes.
  [[nodiscard]] Tensor calibrated(const Tensor& probabilities) const;

  /// One safetensors file: weights; network, preprocessing, classes and notes in its metadata.
  void save(const fs::path& path);
  [[nodiscard]] static Classifier load(const fs::path& path);
};

/// Throws when a network gives another number of answers than there are examples.
void check_rows(int64_t answers, int64_t examples);
/// The loss of a batch; class weights are needed for `balanced` only.
[[nodiscard]] Tensor loss(const LossOptions& options, const Tensor& outputs, const std::vector<int32_t>& labels,
                          const Tensor& class_weights);
/// n / (classes * count) for each class.
[[nodiscard]] Tensor balanced_weights(const data::Dataset& set);

}  // namespace tandem::tasks
