#include <tandem/ops/cast.h>
#include <tandem/ops/loss.h>
#include <tandem/tasks/translation.h>

#include <algorithm>

namespace tandem::tasks {

Translation::Translation(TranslationModel& model, TokenPairs train, TokenPairs validation, double label_smoothing)
    : model_(model), train_(std::move(train)), validation_(std::move(validation)), label_smoothing_(label_smoothing) {
  if (train_.size() == 0)
    fail(ErrorKind::data, "train", "no pair is left to learn from: {} have more than data.text.length.most {} tokens",
         train_.left_out, model_.reading.length.most);
  for (const auto& target : train_.target) tokens_ += std::ssize(target);
}

std::vector<std::vector<int64_t>> Translation::batches(int64_t size, Rng rng) const {
  const std::vector<int64_t> order = rng.permutation(examples());
  const int64_t steps = (examples() + size - 1) / size;
  std::vector<std::vector<int64_t>> out(static_cast<size_t>(steps));
  size_t next = 0;
  int64_t seen = 0;  // tokens
  for (int64_t step = 0; step < steps; ++step) {
    const int64_t until = tokens_ * (step + 1) / steps;
    const auto last = order.size() - static_cast<size_t>(steps - step - 1);  // leaves a pair for each step to come
    auto& batch = out[static_cast<size_t>(step)];
    while (next < last && (batch.empty() || seen < until)) {
      batch.push_back(order[next]);
      seen += std::ssize(train_.target[static_cast<size_t>(order[next++])]);
    }
  }
  return out;
}

BatchLoss Translation::loss(std::span<const int64_t> batch, const Moment&, nn::Pass& pass) {
  const PairBatch pairs = pack(model_, train_, batch);
  model_.net.encode(pairs.source, pairs.source_lengths, pass);
  const Tensor scores = widened(model_.net.decode(pairs.target, pairs.target_lengths, pass));
  return {cross_entropy(scores, pairs.next, {.label_smoothing = label_smoothing_}), pairs.next.numel(),
          count_right(scores, pairs.next)};
}

Measure Translation::validate() {
  const PairMeasure m = measure(model_, validation_);
  return {m.loss, m.accuracy};
}

}  // namespace tandem::tasks
