#include <tandem/autograd/tape.h>
#include <tandem/base/text.h>
#include <tandem/nn/embedding.h>
#include <tandem/nn/linear.h>
#include <tandem/nn/parts.h>
#include <tandem/ops/cast.h>
#include <tandem/ops/loss.h>
#include <tandem/ops/reduce.h>
#include <tandem/tasks/language_modeling.h>

#include <algorithm>

namespace tandem::tasks {
namespace {

/// What turns features into a score for each token; the weight may be the embedding's, which a pass brings.
struct Head {
  Tensor weight, bias;
};
std::optional<Head> head_of(const nn::Sequential& net, const nn::Pass& pass) {
  const nn::Module& last = *net.layers().back();
  if (const auto* tied = dynamic_cast<const nn::TiedHead*>(&last)) return Head{pass.embedding, tied->bias};
  if (const auto* linear = dynamic_cast<const nn::Linear*>(&last)) return Head{linear->weight, linear->bias};
  return std::nullopt;
}

}  // namespace

LanguageModeling::LanguageModeling(LanguageModel& model, data::TokenStream train,
                                   std::optional<data::TokenStream> validation, int64_t batch, double label_smoothing,
                                   int64_t candidates)
    : model_(model),
      train_(std::move(train)),
      validation_(std::move(validation)),
      batch_(batch),
      label_smoothing_(label_smoothing) {
  const int64_t context = model_.reading.context, needed = model_.reading.carry ? batch * context : context;
  if (train_.size() < needed + context)
    fail(ErrorKind::data, "train",
         "the text has {} tokens, {} are needed for language.context {}{}: give more text, or {}",
         grouped(train_.size()), grouped(needed + context), context,
         model_.reading.carry ? fmt::format(" and train.batch {}", batch) : "", "smaller ones");
  if (model_.reading.carry) begin_carrying();
  if (candidates == 0) return;
  if (!head_of(model_.net, {}))
    fail("language.candidates",
         "the network ends with {}, expected tied_head or linear: classes, which can score a part",
         model_.net.layers().back()->kind());
  if (label_smoothing > 0)
    fail("language.candidates", "goes without loss.label_smoothing, which is about all tokens: leave one of them out");
  sampled_.emplace(train_, model_.vocabulary(), candidates);
}

int64_t LanguageModeling::examples() const { return train_.size() / model_.reading.context; }

std::vector<std::vector<int64_t>> LanguageModeling::batches(int64_t size, Rng rng) const {
  const int64_t context = model_.reading.context;
  std::vector<std::vector<int64_t>> out;
  if (model_.reading.carry) {  // the first place moves within one context, and never costs a step
    const int64_t steps = (train_.size() - context) / (size * context), phase = rng.below(context);
    const int64_t stream = (train_.size() - 1 - phase) / size;
    for (int64_t step = 0; step < steps; ++step) {
      auto& batch = out.emplace_back();
      for (int64_t s = 0; s < size; ++s) batch.push_back(phase + s * stream + step * context);
    }
    return out;
  }
  std::vector<int64_t> places = data::windows(train_.size(), context, rng.bits(), 0);
  // One window fewer fits behind some first places: every epoch has as many.
  places.resize(static_cast<size_t>(std::max<int64_t>(1, (train_.size() - context) / context)));
  for (size_t first = 0; first < places.size(); first += static_cast<size_t>(size)) {
    const size_t last = first + static_cast<size_t>(size);
    if (last > places.size() && first > 0) break;  // a part of a batch would weigh as much as a whole one
    out.emplace_back(places.begin() + static_cast<std::ptrdiff_t>(first),
                     places.begin() + static_cast<std::ptrdiff_t>(std::min(last, places.size())));
  }
  return out;
}

BatchLoss LanguageModeling::loss(std::span<const int64_t> batch, const Moment& at, nn::Pass& pass) {
  const int64_t context = model_.reading.context, n = std::ssize(batch) * context;
  std::vector<int32_t> ids, next, piece(static_cast<size_t>(context + 1));
  for (const int64_t place : batch) {
    train_.read(place, piece);
    ids.insert(ids.end(), piece.begin(), piece.end() - 1);
    next.insert(next.end(), piece.begin() + 1, piece.end());
  }
  pass.lengths.assign(batch.size(), context);
  if (model_.reading.carry) {
    if (at.step == 0) each_state([](const std::string&, Tensor& state) { state = Tensor::zeros(state.shape()); });
    pass.memory = &memory_;
  }
  if (sampled_) {
    const Tensor features =
        widened(model_.net.forward_part(0, model_.net.layers().size() - 1, Tensor::from(ids, {n}), pass));
    const Head head = *head_of(model_.net, pass);
    const Rng rng =
        Rng(at.seed, "candidates").split(static_cast<uint64_t>(at.epoch)).split(static_cast<uint64_t>(at.step));
    const SampledSoftmax::Loss part = sampled_->loss(features, head.weight, head.bias, next, rng, pass.bf16);
    return {part.mean, n, part.correct};
  }
  const Tensor scores = widened(model_.net.forward(Tensor::from(ids, {n}), pass));
  BatchLoss out{cross_entropy(scores, Tensor::from(next, {n}), {.label_smoothing = label_smoothing_}), n};
  const Tensor likeliest = arg_max(scores.detach(), -1);
  for (size_t i = 0; i < next.size(); ++i) out.correct += likeliest.data<const int64_t>()[i] == next[i] ? 1 : 0;
  return out;
}

Measure LanguageModeling::validate() {
  const TextMeasure m = measure(model_, *validation_);
  return {m.loss, m.accuracy};
}

// One token of each stream tells the layers how many there are, so that a checkpoint's states find their places.
void LanguageModeling::begin_carrying() {
  const NoGrad off;
  nn::Pass pass;
  pass.memory = &memory_;
  pass.lengths.assign(static_cast<size_t>(batch_), 1);
  (void)model_.net.forward(Tensor::zeros({batch_}, DType::i32), pass);
  bool recurrent = false;
  nn::each_part(model_.net, [&](const std::string& at, nn::Module& layer) {
    nn::Memory::Part& part = memory_.of(&layer);
    recurrent = recurrent || !part.states.empty();
    if (!part.caches.empty() || !part.seen.empty())
      fail("language.carry", "layer {} ({}) would look back at the whole text: carry is for recurrent networks", at,
           layer.kind());
  });
  if (!recurrent) fail("language.carry", "the network has no recurrent layer that could remember: leave it out");
  each_state([](const std::string&, Tensor& state) { state = Tensor::zeros(state.shape()); });
}

void LanguageModeling::each_state(const std::function<void(const std::string& name, Tensor& state)>& fn) {
  nn::each_part(model_.net, [&](const std::string& at, nn::Module& layer) {
    auto& states = memory_.of(&layer).states;
    for (size_t i = 0; i < states.size(); ++i) {
      const std::string name = fmt::format("{}state.{}.", at, i);
      if (states[i].h.defined()) fn(name + "h", states[i].h);
      if (states[i].c.defined()) fn(name + "c", states[i].c);
    }
  });
}

void LanguageModeling::visit_state(const nn::Visitor& visitor) {
  each_state([&](const std::string& name, Tensor& state) { visitor(name, state, false); });
}

}  // namespace tandem::tasks
