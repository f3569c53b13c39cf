// Honest confidence: probabilities that mean what they say, sets with a promised coverage, and when a person should
// decide. Fitted on examples that the network did not learn from. Knows a network by its numbers alone, so that it
// serves whatever is classified: pictures, tables, texts.
#pragma once
#include <tandem/base/config.h>
#include <tandem/evaluate/classification.h>
#include <tandem/evaluate/familiarity.h>

#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tandem::evaluate {

/// What the deferral rule is fitted to: `right` or `share`.
struct Goal {
  double right = 0;   // at least this share of the answers is right, such as 0.999
  double share = 0;   // people take at most this share, such as 0.05
  double sure = 0.9;  // with this probability, the validation examples being a sample of what will come
  void fields(Fields& f);
  [[nodiscard]] std::string text() const;  // "99.9 % of the answers right", "people take at most 5 %"
};

/// `people:` in a recipe.
struct PeopleOptions {
  double coverage = 0.95;      // promised share of sets that hold the true class
  Goal goal = {};              // neither given: share 0.05
  double unfamiliar = 0.01;    // share of validation examples that may be called unlike the training data
  double person_error = 0.02;  // how often a person errs: for the accuracy of both together
  void fields(Fields& f);
  /// Throws a usage error for a goal of both kinds; fills in the default goal.
  void complete(const std::string& where);
};

/// What a network says of n examples.
struct Outputs {
  Tensor probabilities;  // (n, classes)
  Tensor features;       // (n, d): the numbers before its last layer
};

enum class Why { answered, unsure, unfamiliar };
[[nodiscard]] const char* reason_of(Why why);  // "unsure", "unfamiliar", or "" for an answer

/// One answer, and whether a person should give it instead.
struct Verdict {
  int32_t label = 0;              // the most probable class
  double probability = 0;         // calibrated
  std::vector<int32_t> set = {};  // classes in the set, the most probable first; empty: none is credible
  double strangeness = 0;         // distance from the training data, 1 being the limit
  Why why = Why::answered;
  [[nodiscard]] bool deferred() const { return why != Why::answered; }
};

/// All that was fitted. Saved in the model file: fields() as text, tensors() beside the weights.
class Confidence {
 public:
  /// Coverages whose sets are fitted, beside the one of the options.
  static constexpr std::array<double, 3> usual_coverages{0.9, 0.95, 0.99};

  /// `train`: features of what the network learned from; `validation`: probabilities and features of examples that it
  /// did not learn from. Labels belong to each. Throws a usage error when the validation part is empty.
  [[nodiscard]] static Confidence fit(const PeopleOptions& options, const Outputs& train,
                                      std::span<const int32_t> train_labels, const Outputs& validation,
                                      std::span<const int32_t> validation_labels);

  /// Calibrated probabilities from the network's own.
  [[nodiscard]] Tensor calibrated(const Tensor& probabilities) const;
  /// The classes of one calibrated row that belong to the set of a promised coverage (one that was fitted).
  [[nodiscard]] std::vector<int32_t> set_of(std::span<const float> calibrated, double coverage) const;
  /// A verdict for each example. `outputs.probabilities` are the network's own.
  [[nodiscard]] std::vector<Verdict> judge(const Outputs& outputs) const;

  [[nodiscard]] const PeopleOptions& options() const { return options_; }
  [[nodiscard]] double temperature() const { return temperature_; }
  [[nodiscard]] const std::vector<double>& coverages() const { return coverages_; }
  [[nodiscard]] double least_probability() const { return sure_; }  // of an answer; above 1: nothing is answered
  /// Whether the goal was reached on the validation part; a promise that it is too small for defers everything.
  [[nodiscard]] bool reached() const { return sure_ <= 1; }

  void fields(Fields& f);
  [[nodiscard]] std::vector<std::pair<std::string, Tensor>> tensors() const;  // "confidence.plain.means", …
  /// Reads what fields() and tensors() gave; throws a data error naming `where` when they cannot belong to a network
  /// with so many classes and features.
  [[nodiscard]] static Confidence read(const std::string& text,
                                       const std::vector<std::pair<std::string, Tensor>>& tensors, int64_t classes,
                                       int64_t features, const std::string& where);

 private:
  PeopleOptions options_;
  double temperature_ = 1;
  std::vector<double> coverages_, least_;  // a class with at least this probability belongs to the set
  double sure_ = 0;
  Familiarity familiarity_;
};

/// Whether a tensor of a model file belongs to its Confidence.
[[nodiscard]] bool is_confidence_tensor(const std::string& name);

/// Temperature T that minimises the mean cross-entropy of softmax(log p / T) (Guo et al. 2017, "On calibration of
/// modern neural networks"), within 0.2 … 20.
[[nodiscard]] double fit_temperature(const Tensor& probabilities, std::span<const int32_t> labels);

/// Split conformal prediction with least ambiguous sets (LAC: Sadinle, Lei and Wasserman 2019): the probability a class
/// needs so that sets hold the true class with at least `coverage`; 0 when there are too few examples to promise it.
/// `of_truth`: the probability of the true class of each validation example. LAC and not APS (Romano et al. 2020),
/// because its sets are the smallest on average and need no random choice to keep to their promise.
[[nodiscard]] double conformal_threshold(std::vector<float> of_truth, double coverage);

/// The lowest probability from which answers are right with `goal`, the answers being examples with at least that
/// probability: fixed-sequence testing in steps of a hundredth from the surest down, from ten starts (Angelopoulos et
/// al. 2021, "Learn then test"), each step an exact binomial test. Above 1 when they are too few to promise it.
[[nodiscard]] double threshold_for_right(std::span<const float> probability, std::span<const uint8_t> right,
                                         const Goal& goal);

}  // namespace tandem::evaluate
