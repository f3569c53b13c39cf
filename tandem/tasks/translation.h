// Learning to translate.
#pragma once
#include <tandem/tasks/task.h>
#include <tandem/tasks/translation_model.h>

namespace tandem::tasks {

/// Each token of a translation is predicted from the source and from the right tokens before it. An epoch goes over all
/// pairs in random order; a batch has as many pairs as asked for on average, but is cut by tokens, so that each step
/// learns from about as many.
class Translation : public Task {
 public:
  /// The model is kept; `validation` may have no pair. Throws a data error when there is no pair to learn from.
  Translation(TranslationModel& model, TokenPairs train, TokenPairs validation, double label_smoothing = 0);

  [[nodiscard]] nn::Module& network() override { return model_.net; }
  [[nodiscard]] int64_t examples() const override { return train_.size(); }
  [[nodiscard]] std::vector<std::vector<int64_t>> batches(int64_t size, Rng rng) const override;
  [[nodiscard]] BatchLoss loss(std::span<const int64_t> batch, const Moment& at, nn::Pass& pass) override;
  [[nodiscard]] bool validates() const override { return validation_.size() > 0; }
  [[nodiscard]] Measure validate() override;

 private:
  TranslationModel& model_;
  TokenPairs train_, validation_;
  int64_t tokens_ = 0;  // of all translations to learn from
  double label_smoothing_;
};

}  // namespace tandem::tasks
