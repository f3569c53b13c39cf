// A person labels pictures, texts or rows, the most useful first; and what that order is worth.
#pragma once
#include <tandem/people/choose.h>
#include <tandem/people/pile.h>
#include <tandem/train/run.h>

#include <optional>
#include <set>

namespace tandem::people {

/// A fresh network of the recipe, trained on few examples without a validation part, for at least `steps` steps: an
/// epoch of a hundred examples is too short for the recipe's own number of epochs.
[[nodiscard]] tasks::Classifier fit_few(train::Recipe recipe, const data::Dataset& labelled, int64_t steps);

/// What a person is asked.
struct Question {
  std::string name;        // "a/b.png" below the folder, "new.txt:17", "new.csv:17"
  data::Dataset example;   // alone; a picture as the network takes it
  std::string guess = {};  // what the network thinks, and how sure it is; "" while there is no network
  double probability = 0;
};

struct LabellingOptions {
  int64_t round = 20;   // answers after which the order is made anew
  int64_t steps = 300;  // of training for each order, when it starts from a recipe
  uint64_t seed = 1;
};

/// The pictures of a folder, or the texts or rows of a file (people/pile.h), asked about one after the other. Each
/// answer is on the disk before the next question, in a file that `tandem train RECIPE data=…` goes on with.
class Labelling {
 public:
  /// Asks where this network is unsure; it stays as it is.
  Labelling(const fs::path& source, std::string person, const tasks::Classifier& model,
            const LabellingOptions& options = {});
  /// Starts without a network: asks about examples unlike each other, and once two classes have an answer trains the
  /// recipe's network on them for each new order.
  Labelling(const fs::path& source, std::string person, const train::Recipe& recipe, std::vector<std::string> classes,
            const LabellingOptions& options = {});

  [[nodiscard]] const std::vector<std::string>& classes() const { return classes_; }
  [[nodiscard]] int64_t left() const;  // examples without an answer
  [[nodiscard]] int64_t done() const { return pile_->size() - left(); }
  [[nodiscard]] const Pile& pile() const { return *pile_; }

  /// None when every example has been looked at.
  [[nodiscard]] std::optional<Question> next();
  /// To the last question: one of the classes, or "" to leave it open. Throws with the nearest name for another word.
  void answer(const std::string& label);
  /// Takes the last answer back: it is asked again. False when there is none of this session.
  bool undo();

 private:
  void start();
  void choose();  // fills queue_

  std::string person_;
  std::vector<std::string> classes_;
  LabellingOptions options_;
  std::optional<tasks::Classifier> model_;
  std::optional<train::Recipe> recipe_;
  std::unique_ptr<Pile> pile_;
  data::Dataset examples_;              // of the pile; its labels are the answers so far
  std::vector<int32_t> state_;          // -1 not looked at, -2 left open, else the label
  std::vector<int64_t> queue_, asked_;  // what comes next, the last first; what was answered here
  std::optional<int64_t> asking_;
};

/// How accurate a network is after so many labels.
struct CurvePoint {
  int64_t labels = 0;
  double accuracy = 0;
};

/// The pool's own labels answer, in steps of `sizes` (rising): after each a fresh network is trained on what was asked
/// and measured on `test`. `useful` asks most_useful() of the network of the step before, else the choice is random.
/// The first step is random for both, and the same. Ends at the first point that reaches the accuracy `enough`.
[[nodiscard]] std::vector<CurvePoint> label_curve(const train::Recipe& recipe, const data::Dataset& pool,
                                                  const data::Dataset& test, std::span<const int64_t> sizes,
                                                  bool useful, int64_t steps, double enough = 2,
                                                  const std::function<void(const CurvePoint&)>& heard = {});

/// The labels at which a curve first reaches `accuracy`, between two points by a straight line; none when it does not.
[[nodiscard]] std::optional<double> labels_for(std::span<const CurvePoint> curve, double accuracy);

}  // namespace tandem::people
