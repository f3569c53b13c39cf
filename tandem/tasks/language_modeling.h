// Learning which token comes next.
#pragma once
#include <tandem/nn/memory.h>
#include <tandem/tasks/language_model.h>
#include <tandem/tasks/sampled_softmax.h>
#include <tandem/tasks/task.h>

#include <optional>

namespace tandem::tasks {

/// Without carry an epoch goes over the text once, in windows of the context in random order, from a first place that
/// differs by epoch. With carry the text is cut into `batch` streams side by side; a step reads the next piece of each,
/// and the recurrent layers go on from the states of the last one (truncated back-propagation).
class LanguageModeling : public Task {
 public:
  /// The model is kept. `validation` may be none. `candidates`: how many tokens a step scores beside the right ones, 0:
  /// all. Throws when the text is too short, or the network cannot carry on or has no head that scores a part.
  LanguageModeling(LanguageModel& model, data::TokenStream train, std::optional<data::TokenStream> validation,
                   int64_t batch, double label_smoothing = 0, int64_t candidates = 0);

  [[nodiscard]] nn::Module& network() override { return model_.net; }
  [[nodiscard]] int64_t examples() const override;
  /// An example is the place of its first token.
  [[nodiscard]] std::vector<std::vector<int64_t>> batches(int64_t size, Rng rng) const override;
  [[nodiscard]] BatchLoss loss(std::span<const int64_t> batch, const Moment& at, nn::Pass& pass) override;
  [[nodiscard]] bool validates() const override { return validation_.has_value(); }
  [[nodiscard]] Measure validate() override;
  void visit_state(const nn::Visitor& visitor) override;

 private:
  void begin_carrying();
  // The states of each recurrent layer, by its place in the network.
  void each_state(const std::function<void(const std::string& name, Tensor& state)>& fn);

  LanguageModel& model_;
  data::TokenStream train_;
  std::optional<data::TokenStream> validation_;
  int64_t batch_;
  double label_smoothing_;
  std::optional<SampledSoftmax> sampled_;
  nn::Memory memory_;  // with carry
};

}  // namespace tandem::tasks
