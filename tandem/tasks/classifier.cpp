#include <tandem/autograd/tape.h>
#include <tandem/base/denormals.h>
#include <tandem/nn/inference.h>
#include <tandem/nn/weights.h>
#include <tandem/ops/activation.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/tasks/classifier.h>
#include <tandem/tasks/model_file.h>

#include <algorithm>
#include <numeric>

namespace tandem::tasks {

void LossOptions::fields(Fields& f) {
  f("type", type, {"cross_entropy", "binary_cross_entropy", "binary_cross_entropy_logits"});
  f("label_smoothing", label_smoothing, {0, 0.99});
  f("balanced", balanced);
}

const ImageInput& Classifier::image() const {
  if (const auto* pictures = std::get_if<ImageInput>(&input)) return *pictures;
  fail("model", "this network does {}: it takes no pictures", task_of(input));
}

ImageInput& Classifier::image() { return const_cast<ImageInput&>(std::as_const(*this).image()); }

void Classifier::build(const Rng& rng, int64_t most) {
  if (classes.size() < 2)
    fail("classes", "the data has {}: two or more are needed to tell examples apart",
         classes.empty() ? "none" : fmt::format("one, '{}'", classes[0]));
  nn::Build build{rng, static_cast<int64_t>(classes.size()), most};
  build.vocabulary = vocabulary_of(input);
  const Shape out = net.build(shape_of(input), build);
  if (build.vocabulary > 0 && build.embedding.rank() == 2 && build.embedding[0] != build.vocabulary)
    fail("network",
         "its embedding has {} entries, the tokenizer gives {} different tokens: leave embedding.vocabulary out",
         build.embedding[0], build.vocabulary);
  const bool binary = loss != "cross_entropy";
  const int64_t wanted = binary ? 1 : static_cast<int64_t>(classes.size());
  if (binary && classes.size() != 2)
    fail("loss", "{} tells two classes apart, the data has {}: choose cross_entropy, or two classes with data.classes",
         loss, classes.size());
  if (out != Shape{wanted})
    fail("network", "its output has shape {}, expected ({}) for {} with {} classes: {}", out, wanted, loss,
         classes.size(), binary ? "end it with linear: 1" : "end it with linear: classes");
  if (loss == "binary_cross_entropy" && (net.layers().empty() || net.layers().back()->kind() != "sigmoid"))
    fail("network",
         "binary_cross_entropy takes probabilities: end the network with sigmoid, or use binary_cross_entropy_logits");
}

Tensor Classifier::probabilities(const Tensor& outputs) const {
  if (loss == "cross_entropy") return softmax(outputs, -1);
  const Tensor p = loss == "binary_cross_entropy" ? outputs : sigmoid(outputs);
  Tensor both = Tensor::empty({p.size(0), 2});
  for (int64_t i = 0; i < p.size(0); ++i) {
    const float one = p.data<const float>()[static_cast<size_t>(i)];
    both.data<float>()[static_cast<size_t>(2 * i)] = 1 - one;
    both.data<float>()[static_cast<size_t>(2 * i + 1)] = one;
  }
  return both;
}

Tensor Classifier::calibrated(const Tensor& probabilities) const {
  return confidence ? confidence->calibrated(probabilities) : probabilities;
}

evaluate::Outputs Classifier::outputs(const nn::Sequential& ready, const Batch& batch) const {
  const NoGrad off;
  nn::Pass pass;
  pass.lengths = batch.lengths;
  const size_t head = ready.head(), end = ready.layers().size();
  const Tensor features = ready.forward_part(0, head, batch.x, pass);
  Tensor p = probabilities(ready.forward_part(head, end, features, pass));
  for (int64_t view = 1; view < views.count(); ++view)
    p = p + probabilities(ready.forward_part(0, end, views.of(batch.x, view), pass));
  if (views.count() > 1) p = p / static_cast<double>(views.count());
  return {p, features.view({p.size(0), features.numel() / p.size(0)})};
}

evaluate::Outputs Classifier::outputs(const data::Dataset& set, int64_t batch) {
  const FlushDenormals flush;
  const nn::Sequential ready = nn::for_inference(net);
  const auto classes_count = static_cast<int64_t>(classes.size());
  evaluate::Outputs all{Tensor::empty({set.size(), classes_count}), Tensor::empty({set.size(), feature_count()})};
  for (int64_t first = 0; first < set.size(); first += batch) {
    std::vector<int64_t> indices(static_cast<size_t>(std::min(batch, set.size() - first)));
    std::iota(indices.begin(), indices.end(), first);
    const evaluate::Outputs part = outputs(ready, batch_of(input, set, indices, {}, {}));
    const int64_t last = first + std::ssize(indices);
    check_rows(part.probabilities.size(0), std::ssize(indices));
    std::ranges::copy(part.probabilities.data<const float>(),
                      all.probabilities.rows(first, last).data<float>().begin());
    std::ranges::copy(part.features.data<const float>(), all.features.rows(first, last).data<float>().begin());
  }
  return all;
}

std::vector<float> Classifier::predict(const data::Dataset& set, int64_t batch) {
  const Tensor p = calibrated(outputs(set, batch).probabilities);
  return {p.data<const float>().begin(), p.data<const float>().end()};
}

int64_t Classifier::feature_count() const {
  const size_t head = net.head();
  return head == 0 ? shape_of(input).numel() : net.shapes().at(head - 1).numel();
}

void Classifier::check_people(const data::Dataset& validation) const {
  if (validation.size() == 0)
    fail("people", "there is no validation part to fit confidence on: set data.validation, or leave people out");
  if (const int64_t n = feature_count(); n > evaluate::most_features)
    fail("people",
         "the layer before the last gives {} numbers, at most {} can be fitted: put a smaller layer before it", n,
         evaluate::most_features);
}

void Classifier::learn_confidence(const evaluate::PeopleOptions& options, const data::Dataset& train,
                                  const data::Dataset& validation) {
  check_people(validation);
  constexpr int64_t enough = 20'000;
  std::vector<int64_t> chosen = Rng(0, "confidence").permutation(train.size());
  chosen.resize(static_cast<size_t>(std::min(enough, train.size())));
  const data::Dataset known = train.size() > enough ? data::subset(train, chosen) : train;
  confidence = evaluate::Confidence::fit(options, outputs(known), known.labels, outputs(validation), validation.labels);
}

void Classifier::learn_threshold(const evaluate::ThresholdGoal& goal, const data::Dataset& validation) {
  if (classes.size() != 2)
    fail("decision", "a threshold parts two classes, the data has {}: leave `decision:` out", classes.size());
  if (validation.size() == 0)
    fail("decision", "there is no validation part to choose the threshold on: set data.validation");
  const std::vector<float> p = predict(validation);
  std::vector<float> scores;
  for (size_t i = 1; i < p.size(); i += 2) scores.push_back(p[i]);
  threshold = evaluate::Threshold{goal, evaluate::choose_threshold(validation.labels, scores, goal)};
}

int32_t Classifier::answer(std::span<const float> probabilities) const {
  if (threshold) return static_cast<double>(probabilities[1]) >= threshold->value ? 1 : 0;
  return static_cast<int32_t>(std::ranges::max_element(probabilities) - probabilities.begin());
}

void check_rows(int64_t answers, int64_t examples) {
  if (answers != examples)
    fail("network", "gives {} answers for {} examples, one a token: put a pooling layer before the last linear one",
         answers, examples);
}

Tensor loss(const LossOptions& options, const Tensor& outputs, const std::vector<int32_t>& labels,
            const Tensor& class_weights) {
  const auto n = static_cast<int64_t>(labels.size());
  check_rows(outputs.size(0), n);
  if (options.binary()) return loss(options, outputs, one_hot(labels, 2), class_weights);
  return cross_entropy(outputs, Tensor::from(labels, {n}),
                       {options.label_smoothing, options.balanced ? class_weights : Tensor{}});
}

Tensor loss(const LossOptions& options, const Tensor& outputs, const Tensor& shares, const Tensor& class_weights) {
  check_rows(outputs.size(0), shares.size(0));
  if (!options.binary())
    return cross_entropy(outputs, shares, {options.label_smoothing, options.balanced ? class_weights : Tensor{}});
  Tensor second = Tensor::empty(outputs.shape());  // of the second class, which the one output is about
  for (size_t i = 0; i < static_cast<size_t>(shares.size(0)); ++i)
    second.data<float>()[i] = shares.data<const float>()[2 * i + 1];
  return options.type == "binary_cross_entropy" ? binary_cross_entropy(outputs, second)
                                                : binary_cross_entropy_logits(outputs, second);
}

Tensor balanced_weights(const data::Dataset& set) {
  Tensor out = Tensor::zeros({static_cast<int64_t>(set.classes.size())});
  for (const int32_t label : set.labels) out.data<float>()[static_cast<size_t>(label)] += 1;
  for (float& count : out.data<float>())
    count = static_cast<float>(set.labels.size()) / (static_cast<float>(set.classes.size()) * std::max(count, 1.0F));
  return out;
}

namespace {

Config class_list(const std::vector<std::string>& classes) {
  Config out = Config::list();
  for (const auto& name : classes) out.push(Config::scalar(name));
  return out;
}

}  // namespace

void Classifier::save(const fs::path& path) {
  TensorFile file;
  file.tensors = nn::named(net);
  for (auto& named : tensors_of(input)) file.tensors.push_back(std::move(named));
  for (const auto& [key, value] : notes) file.metadata["tandem." + key] = value;
  file.metadata["tandem.format"] = format_version;
  file.metadata["tandem.task"] = task_of(input);
  file.metadata["tandem.loss"] = loss;
  file.metadata["tandem.network"] = net.write().str();
  file.metadata["tandem.input"] = write(input).str();
  file.metadata["tandem.views"] = Fields::write(views).str();
  file.metadata["tandem.classes"] = class_list(classes).str();
  if (threshold) file.metadata["tandem.threshold"] = Fields::write(*threshold).str();
  if (confidence) {
    file.metadata["tandem.confidence"] = Fields::write(*confidence).str();
    for (auto& named : confidence->tensors()) file.tensors.push_back(std::move(named));
  }
  write_model_file(path, std::move(file));
}

Classifier Classifier::load(const fs::path& path) {
  TensorFile file = read_model_file(path);
  const auto text = [&](const char* key) { return model_text(file, path, key); };
  check_format(file, path);
  Classifier model;
  model.input = input_for(text("task"), path.string());
  try {
    model.net = nn::Sequential::read(Config::parse(text("network"), path.string() + " (network)"));
    read(model.input, Config::parse(text("input"), path.string() + " (input)"), file.tensors, path.string());
    if (file.metadata.contains("tandem.views"))
      Fields::read(Config::parse(text("views"), path.string() + " (views)"), model.views, "views");
    for (const Config& item : Config::parse(text("classes"), path.string() + " (classes)").items())
      model.classes.push_back(item.text());
    model.loss = text("loss");
    LossOptions known;
    Fields::read(Config::scalar(model.loss), known, "loss");
    int64_t numbers = 1 << 20;  // some more than the file holds, so that a missing tensor is named as such
    for (const auto& [name, tensor] : file.tensors) numbers += tensor.numel();
    model.build(Rng(0, "load"), numbers);
    if (file.metadata.contains("tandem.threshold")) {
      Fields::read(Config::parse(text("threshold"), path.string() + " (threshold)"), model.threshold.emplace(),
                   "threshold");
      if (model.classes.size() != 2) fail("threshold", "parts two classes, there are {}", model.classes.size());
    }
    if (file.metadata.contains("tandem.confidence"))
      model.confidence =
          evaluate::Confidence::read(text("confidence"), file.tensors, static_cast<int64_t>(model.classes.size()),
                                     model.feature_count(), path.string());
  } catch (const Error& e) {
    fail(ErrorKind::data, path.string(), "the model in this file is damaged: {}", e.what());
  }
  if (model.confidence)
    std::erase_if(file.tensors, [](const auto& t) { return evaluate::is_confidence_tensor(t.first); });
  nn::assign(model.net, file.tensors, path.string());
  for (const auto& [key, value] : file.metadata)
    if (key.starts_with("tandem.")) model.notes[key.substr(7)] = value;
  for (const char* own : {"format", "task", "loss", "network", "input", "views", "classes", "confidence", "threshold"})
    model.notes.erase(own);
  return model;
}

}  // namespace tandem::tasks
