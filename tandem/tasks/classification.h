// Learning which class an example is of.
#pragma once
#include <tandem/tasks/distillation.h>
#include <tandem/tasks/task.h>

namespace tandem::tasks {

/// Smaller pictures early in the training, where they teach nearly as much at a fraction of the cost: `size[i]`
/// (pixels, square) until the share `until[i]` of all epochs, the full size after the last. Needs a network that takes
/// any size.
struct Progressive {
  std::vector<int64_t> size;
  std::vector<double> until;
  void fields(Fields& f);
  /// The size in force at `share` (0 … 1) of the training; 0 is the full one.
  [[nodiscard]] int64_t at(double share) const;
};

struct ClassificationOptions {
  LossOptions loss = {};
  Augmentation augmentation = {};
  Progressive progressive = {};  // of pictures
  TeachOptions teach = {};
  Taught taught = {};  // with `teach`: what its networks say
};

class Classification : public Task {
 public:
  /// References are kept. `validation` may be empty. Throws when the options do not fit the model or its examples.
  Classification(Classifier& model, const data::Dataset& train, const data::Dataset& validation,
                 const ClassificationOptions& options);
  Classification(Classifier&, const data::Dataset&, data::Dataset&&, const ClassificationOptions&) = delete;

  [[nodiscard]] nn::Module& network() override { return model_.net; }
  [[nodiscard]] int64_t examples() const override { return train_.size(); }
  /// Texts of like length share a batch; which ones, and the order of the batches, is random.
  [[nodiscard]] std::vector<std::vector<int64_t>> batches(int64_t size, Rng rng) const override;
  [[nodiscard]] BatchLoss loss(std::span<const int64_t> batch, const Moment& at, nn::Pass& pass) override;
  [[nodiscard]] bool validates() const override { return validation_.size() > 0; }
  [[nodiscard]] Measure validate() override;

  /// A batch as the network is given it at that moment, with what it is to answer.
  struct Examples {
    Batch batch;
    std::vector<int32_t> labels;  // of mixed examples that of the larger share
    Tensor shares = {};           // of mixed examples: of each class (n, classes)
    Tensor taught = {};           // what others say of them (n, classes)
  };
  [[nodiscard]] Examples read(std::span<const int64_t> batch, const Moment& at) const;
  [[nodiscard]] const Classifier& model() const { return model_; }
  [[nodiscard]] const ClassificationOptions& options() const { return options_; }

 private:
  Classifier& model_;
  const data::Dataset& train_;
  const data::Dataset& validation_;
  ClassificationOptions options_;
  Tensor class_weights_;                      // for a balanced loss
  std::vector<std::vector<int32_t>> tokens_;  // of the training part's texts
};

/// How many rows of a network's outputs (n, classes), or (n, 1) for a binary loss, name the right class.
[[nodiscard]] int64_t count_correct(const LossOptions& loss, const Tensor& outputs, std::span<const int32_t> labels);

}  // namespace tandem::tasks
