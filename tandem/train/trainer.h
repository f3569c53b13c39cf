// The training loop: batches, back-propagation, validation, early stopping, checkpoints.
#pragma once
#include <tandem/adapt/base.h>
#include <tandem/evaluate/page.h>
#include <tandem/tensor/safetensors.h>
#include <tandem/train/doctor.h>
#include <tandem/train/recipe.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace tandem::train {

/// Where a training stands, told after every step.
struct Progress {
  int64_t epoch = 0, epochs = 0;  // from 1
  int64_t step = 0, steps = 0;    // of this epoch, from 1
  double loss = 0;                // mean over the epoch so far
  double examples_per_second = 0;
  double seconds_left = 0;  // of the whole training, validation included
  int64_t waited = 0;       // epochs without progress
};

/// What the caller may hear and say while a training runs; each may be empty.
struct Hooks {
  std::function<void(const Progress&)> step = {};
  std::function<void(const evaluate::EpochPoint&, bool best)> epoch = {};
  std::function<void(const std::string&)> remark = {};  // on the data before the training, and on what goes wrong in it
  std::function<bool()> stop = {};  // asked after every step: true ends the training so that it can be resumed
  bool strict = false;              // what goes wrong ends the training at once: for who asks whether it does
};

enum class Outcome { finished, stopped_early, interrupted };

/// Trains the network of a task. Everything random is drawn from the recipe's seed, the epoch and the step, so that a
/// restored training goes on exactly as it would have.
class Trainer {
 public:
  /// References are kept.
  Trainer(const Recipe& recipe, tasks::Task& task);
  /// Classification by the recipe's loss and augmentation. `validation` may be empty: then there is no early stopping
  /// and the last weights are kept.
  Trainer(const Recipe& recipe, tasks::Classifier& model, const data::Dataset& train, const data::Dataset& validation);
  Trainer(const Recipe&, tasks::Classifier&, const data::Dataset&, data::Dataset&&) = delete;  // it would be gone

  /// Runs to the end, to early stopping or to hooks.stop. On a finished training the model holds the kept weights.
  /// A step whose loss or gradient is no number, or too large for one, is left out. After ten of them in a row, or when
  /// an epoch leaves such weights, the training goes back to where the epoch began (or where it was resumed in it) and
  /// on with half the rate; when that happens a sixth time, with privacy, or with hooks.strict, it throws a numeric
  /// error. All of these name layer, examples, epoch and step.
  Outcome run(const Hooks& hooks = {});

  /// All of the state between two steps, and back. A checkpoint shares memory with the training: write it before the
  /// next step. restore() throws a data
  /// error when it does not fit.
  [[nodiscard]] TensorFile checkpoint();
  void restore(const TensorFile& file, const std::string& where);

  [[nodiscard]] const std::vector<evaluate::EpochPoint>& history() const { return state_.history; }
  [[nodiscard]] int64_t best_epoch() const { return state_.best_epoch; }  // by validation; 0 without
  /// The epoch (from 1) whose weights the network ends with: the best one, or the last with `keep: last`.
  [[nodiscard]] int64_t kept_epoch() const;
  /// What went wrong and what the doctor said, in order.
  [[nodiscard]] const std::vector<evaluate::Remark>& remarks() const { return state_.remarks; }
  [[nodiscard]] double seconds() const { return state_.seconds; }
  /// With recipe.privacy: the noise in use, and the epsilon spent so far.
  [[nodiscard]] double noise() const { return noise_; }
  [[nodiscard]] double epsilon() const;

 private:
  struct State {
    int64_t epoch = 0, step = 0;        // the next step to run, both from 0
    double loss_sum = 0;                // of the running epoch, weighted by examples
    int64_t examples = 0, correct = 0;  // of the running epoch
    double best_score = 0;
    int64_t best_epoch = 0, waited = 0;
    double seconds = 0, epoch_seconds = 0;
    std::vector<evaluate::EpochPoint> history;
    std::vector<evaluate::Remark> remarks;
    Doctor::Counts wrong;  // as the doctor had it when this state was restored
    int64_t bad = 0;       // steps left out in a row
    int64_t returns = 0;   // to an earlier state; each halves the rate
    int64_t averaged = 0;  // steps in average_
    uint64_t secret = 0;   // with privacy: the key of sampling and noise
  };
  // What steps change, as it was when the epoch began.
  struct Earlier {
    std::vector<Tensor> tensors;  // in the order of each_tensor()
    State state;
    int64_t optimizer_steps = 0;
  };

  static constexpr int64_t bad_steps_in_a_row = 10, most_returns = 5;

  // Of `owned`, or of `task` where it is given.
  Trainer(const Recipe& recipe, std::unique_ptr<tasks::Task> owned, tasks::Task* task);

  void step(std::span<const int64_t> batch);
  void private_step(std::span<const int64_t> batch);
  [[nodiscard]] tasks::Moment moment() const;
  [[nodiscard]] double learning_rate(double epoch) const;
  // Moves the parameters by the gradients that lie there and were clipped, which came from so many examples.
  void apply(double loss, int64_t correct, int64_t examples);
  // Leaves a step out, or goes back; `fault` says why.
  void leave_out(const std::string& fault);
  void go_back(const std::string& fault);
  // What a forward pass changes besides: running statistics, what a text left behind.
  [[nodiscard]] std::vector<Tensor> buffers();
  void remember();
  void remark(evaluate::Remark remark);
  [[nodiscard]] std::vector<int64_t> private_batch() const;
  [[nodiscard]] double rate() const;                        // with privacy: how likely an example is in a step
  [[nodiscard]] Rng secret(std::string_view stream) const;  // with privacy: of this step
  // `sample`: a batch for the doctor to look at.
  void end_epoch(std::span<const int64_t> sample, const Hooks& hooks);
  [[nodiscard]] bool waited_enough() const;  // for early stopping
  void with_average(const std::function<void()>& fn);
  // The mean in place of the weights, ready to predict as after that epoch.
  void take_average(int64_t epoch);
  void keep_best();
  // All that steps change, by its name in a checkpoint.
  void each_tensor(const std::function<void(const std::string& name, Tensor& tensor)>& fn);

  // The tensors that learn, with the tape's entries.
  [[nodiscard]] std::vector<Tensor> learning();

  const Recipe& recipe_;
  std::unique_ptr<tasks::Task> owned_;  // when this made it
  tasks::Task& task_;
  nn::Module& net_;
  std::optional<adapt::Rates> rates_;  // with recipe.adapt
  std::optional<Pruning> pruning_;     // with recipe.train.prune
  std::vector<std::string> names_;     // of parameters_
  std::vector<Tensor> buffers_;        // of the network: what is saved and not trained
  std::vector<Tensor> parameters_;
  optim::Optimizer optimizer_;
  optim::Schedule schedule_;
  tasks::Classification* private_ = nullptr;  // with privacy: the task
  std::vector<Tensor> average_, best_;        // in the order of nn::named; empty when not used yet
  int64_t steps_an_epoch_ = 0;
  double noise_ = 0;  // with privacy
  State state_;
  Earlier earlier_;
  std::optional<Doctor> doctor_;
  std::function<void(const std::string&)> heard_;  // hooks.remark, while it runs
  bool forgiving_ = true;
};

/// How a recipe wants classes learned by this model from this training part; its teachers are loaded.
[[nodiscard]] tasks::ClassificationOptions classification_options(const Recipe& recipe, const tasks::Classifier& model,
                                                                  const data::Dataset& train);

}  // namespace tandem::train
