#include <tandem/nn/weights.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/cast.h>
#include <tandem/tasks/classification.h>

#include <algorithm>
#include <cmath>

namespace tandem::tasks {

void Progressive::fields(Fields& f) {
  f("size", size, {1, 65536});
  f("until", until, {0, 1});
}

int64_t Progressive::at(double share) const {
  for (size_t i = 0; i < size.size(); ++i)
    if (share < until[i]) return size[i];
  return 0;
}

namespace {

// A network whose parameters depend on the picture's size (a linear layer after flatten) cannot take smaller ones.
void check_sizes(const Progressive& progressive, Classifier& model) {
  for (const int64_t size : progressive.size) {
    nn::Sequential other = model.net;
    nn::Build build{Rng(0, "check"), static_cast<int64_t>(model.classes.size())};
    other.build({size, size, model.image().channels}, build);
    const auto own = nn::named(model.net), its = nn::named(other);
    for (size_t i = 0; i < own.size(); ++i)
      if (own[i].second.shape() != its[i].second.shape())
        fail("train.progressive",
             "the network's {} has shape {} for {}x{} pictures but {} for {}x{}: end the convolutions with "
             "global_avg_pool",
             own[i].first, own[i].second.shape(), model.image().height, model.image().width, its[i].second.shape(),
             size, size);
  }
}

}  // namespace

Classification::Classification(Classifier& model, const data::Dataset& train, const data::Dataset& validation,
                               const ClassificationOptions& options)
    : model_(model), train_(train), validation_(validation), options_(options) {
  if (train.size() == 0) fail(ErrorKind::data, "train", "the training part has no examples");
  if (train.has_pictures()) data::check(options.augmentation.image, model.image().height, model.image().width);
  check_sizes(options.progressive, model);
  if (const auto* text = std::get_if<TextInput>(&model.input)) tokens_ = encode(*text, train.texts());
  if (options.loss.balanced) class_weights_ = balanced_weights(train);
}

std::vector<std::vector<int64_t>> Classification::batches(int64_t size, Rng rng) const {
  if (tokens_.empty()) return Task::batches(size, rng);
  constexpr int64_t pool = 16;  // batches among which texts are put in order of length
  const auto length = [&](int64_t i) { return tokens_[static_cast<size_t>(i)].size(); };
  std::vector<std::vector<int64_t>> out;
  for (std::vector<int64_t>& drawn : Task::batches(size * pool, rng.split("pools"))) {
    std::ranges::stable_sort(drawn, std::less{}, length);
    for (size_t first = 0; first < drawn.size(); first += static_cast<size_t>(size)) {
      const auto last = std::min(first + static_cast<size_t>(size), drawn.size());
      if (last - first == 1 && first > 0) break;  // as Task::batches does
      out.emplace_back(drawn.begin() + static_cast<ptrdiff_t>(first), drawn.begin() + static_cast<ptrdiff_t>(last));
    }
  }
  std::vector<std::vector<int64_t>> shuffled;
  for (const int64_t i : rng.split("order").permutation(std::ssize(out)))
    shuffled.push_back(std::move(out[static_cast<size_t>(i)]));
  return shuffled;
}

Classification::Examples Classification::read(std::span<const int64_t> batch, const Moment& at) const {
  const Rng rng = Rng(at.seed, "augment").split(static_cast<uint64_t>(at.epoch));
  Examples out{tokens_.empty()
                   ? batch_of(model_.input, train_, batch, options_.augmentation, rng)
                   : pack(std::get<TextInput>(model_.input), tokens_, batch, options_.augmentation.words, rng),
               {}};
  if (options_.taught) out.taught = options_.taught(batch, out.batch.x);
  if (const int64_t size = options_.progressive.at(at.share); size != 0)
    out.batch.x = resize_batch(out.batch.x, size, size);
  for (const int64_t i : batch) out.labels.push_back(train_.labels[static_cast<size_t>(i)]);
  if (const MixingOptions& mixing = options_.augmentation.mixing; mixing.any()) {
    auto [x, mixture] =
        mixed(mixing, out.batch.x,
              Rng(at.seed, "mixing").split(static_cast<uint64_t>(at.epoch)).split(static_cast<uint64_t>(at.step)));
    out.batch.x = x;
    out.shares = mixture.of(one_hot(out.labels, std::ssize(model_.classes)));
    if (out.taught.defined()) out.taught = mixture.of(out.taught);
    const std::vector<int32_t> own = out.labels;
    for (size_t i = 0; i < own.size(); ++i)
      if (mixture.share[i] < 0.5F) out.labels[i] = own[static_cast<size_t>(mixture.partner[i])];
  }
  return out;
}

BatchLoss Classification::loss(std::span<const int64_t> batch, const Moment& at, nn::Pass& pass) {
  const Examples examples = read(batch, at);
  pass.lengths = examples.batch.lengths;
  const Tensor outputs = widened(model_.net.forward(examples.batch.x, pass));
  Tensor wanted = examples.shares.defined() ? tasks::loss(options_.loss, outputs, examples.shares, class_weights_)
                                            : tasks::loss(options_.loss, outputs, examples.labels, class_weights_);
  if (examples.taught.defined()) {
    const TeachOptions& teach = options_.teach;
    wanted = wanted * (1 - teach.share) +
             distillation_loss(options_.loss, outputs, examples.taught, teach.temperature) * teach.share;
  }
  return {wanted, std::ssize(batch), count_correct(options_.loss, outputs.detach(), examples.labels)};
}

Measure Classification::validate() {
  const evaluate::Predictions said{model_.classes, validation_.labels, model_.predict(validation_)};
  Measure out;
  for (int64_t i = 0; i < said.size(); ++i) {
    const int32_t label = said.labels[static_cast<size_t>(i)];
    out.loss -= std::log(std::max(static_cast<double>(said.row(i)[static_cast<size_t>(label)]), 1e-12));
    out.accuracy += said.predicted(i) == label ? 1 : 0;
  }
  const auto n = static_cast<double>(said.size());
  return {out.loss / n, out.accuracy / n};
}

int64_t count_correct(const LossOptions& loss, const Tensor& outputs, std::span<const int32_t> labels) {
  int64_t correct = 0;
  const auto width = static_cast<size_t>(outputs.size(1));
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto row = outputs.data<const float>().subspan(i * width, width);
    const int64_t guess = width > 1 ? std::ranges::max_element(row) - row.begin()
                                    : row[0] > (loss.type == "binary_cross_entropy" ? 0.5F : 0.0F);
    correct += guess == labels[i] ? 1 : 0;
  }
  return correct;
}

}  // namespace tandem::tasks
