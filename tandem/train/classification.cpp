#include <tandem/adapt/peft.h>
#include <tandem/base/text.h>
#include <tandem/data/catalog.h>
#include <tandem/data/folds.h>
#include <tandem/data/text/vectors.h>
#include <tandem/nn/weights.h>
#include <tandem/train/classification.h>

#include <algorithm>
#include <chrono>
#include <set>

namespace tandem::train {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// "conv 32, kernel 3": what tells one layer of its kind from another.
std::string layer_title(nn::Module& layer, const Shape& output) {
  static const std::set<std::string> telling{"filters", "units", "kernel", "stride", "groups", "probability", "slope"};
  const Config options = Fields::write(layer);
  std::vector<std::string> shown;
  for (const auto& [key, value] : options.entries()) {
    if (!telling.contains(key)) continue;
    std::string text = value.text();
    if (key == "units" && text == "classes") text = std::to_string(output[-1]);
    if (shown.empty())
      shown.push_back(text);
    else if (key == "kernel" || (text != "0" && text != "1"))  // stride 0: the kernel's size
      shown.push_back(key + " " + text);
  }
  return shown.empty() ? layer.kind() : layer.kind() + " " + join(shown);
}

using Figure = double (*)(const Evaluation&);

const std::map<std::string, Figure>& figures() {
  using E = Evaluation;
  static const std::map<std::string, Figure> all{
      {"accuracy", [](const E& e) { return e.result.accuracy; }},
      {"loss", [](const E& e) { return e.result.loss; }},
      {"errors", [](const E& e) { return static_cast<double>(e.result.errors); }},
      {"ece", [](const E& e) { return e.result.ece; }},
      {"auc", [](const E& e) { return e.result.macro_auc; }},
      {"mcc", [](const E& e) { return e.result.mcc; }},
      {"balanced_accuracy", [](const E& e) { return e.result.balanced_accuracy; }},
      {"macro.precision", [](const E& e) { return e.result.macro.precision; }},
      {"macro.recall", [](const E& e) { return e.result.macro.recall; }},
      {"macro.f1", [](const E& e) { return e.result.macro.f1; }},
      {"answered", [](const E& e) { return e.deferral ? e.deferral->share : 1; }},
      {"answered.accuracy", [](const E& e) { return e.deferral ? e.deferral->accuracy : e.result.accuracy; }},
      {"weighted.f1", [](const E& e) { return e.result.weighted.f1; }},
  };
  return all;
}

/// Puts vectors learned elsewhere into the network's first embedding.
void begin_with_vectors(tasks::Classifier& model, const Recipe& recipe) {
  const auto* text = std::get_if<tasks::TextInput>(&model.input);
  if (!text) fail("data.text.vectors", "word vectors are for texts");
  const Tensor values =
      data::read_word_vectors(recipe.data.text.vectors, text->tokenizer, Rng(recipe.seed, "vectors")).values;
  for (const auto& [name, tensor] : nn::named(model.net)) {
    if (tensor.rank() != 2 || tensor.size(0) != values.size(0)) continue;
    if (tensor.shape() != values.shape())
      fail("data.text.vectors", "{} has {} numbers a word, the network's embedding {}: set embedding: {}",
           recipe.data.text.vectors, values.size(1), tensor.size(1), values.size(1));
    std::ranges::copy(values.data<const float>(), tensor.data<float>().begin());
    return;
  }
  fail("data.text.vectors", "the network has no embedding of {} words to begin with them", values.size(0));
}

/// How the base reads its examples: its numbers belong to these pixels or tokens.
tasks::Input input_of(const adapt::Base& base, const Recipe& recipe, const data::Dataset& train) {
  tasks::Input out;
  if (base.task == "language_model") {
    tasks::TextInput text;
    text.length = recipe.data.text.length;
    text.tokenizer = tasks::LanguageModel::load(base.where).tokenizer;
    text.options = text.tokenizer.options();
    out = std::move(text);
  } else {
    out = tasks::Classifier::load(base.where).input;
  }
  if (std::holds_alternative<tasks::TextInput>(out) != train.has_texts())
    fail("start_from", "{} reads {}, {} holds {}", base.where, train.has_texts() ? "pictures" : "texts", train.source,
         data::kind_of(train.inputs));
  return out;
}

class ClassificationJob : public Job {
 public:
  ClassificationJob(const Recipe& recipe, const fs::path& data_folder)
      : recipe_(recipe),
        data_(prepare(recipe, data_folder)),
        model_(make_model(recipe, data_.train)),
        task_(model_, data_.train, data_.validation, classification_options(recipe)) {
    if (recipe.people) model_.check_people(data_.validation);
  }

  tasks::Task& task() override { return task_; }

  Findings finish(const Trainer& trainer, const RunFolder& folder, const std::string& command) override {
    if (recipe_.people) model_.learn_confidence(*recipe_.people, data_.train, data_.validation);
    model_.notes = run_notes(recipe_, trainer);
    model_.notes["data"] = data_.train.source;
    model_.save(folder.model());
    if (recipe_.adapt.lora || recipe_.adapt.bottleneck)
      adapt::save_adapter(folder.path / "adapter", *load_base(recipe_), recipe_.adapt, model_.net);

    const bool tested = data_.test.size() > 0, validated = data_.validation.size() > 0;
    const data::Dataset& set = tested ? data_.test : validated ? data_.validation : data_.train;
    auto found = std::make_shared<Evaluation>(evaluate_model(model_, set,
                                                             tested      ? "test"
                                                             : validated ? "validation"
                                                                         : "train"));
    const evaluate::RunFacts measured = found->facts;
    found->facts = run_facts(recipe_, trainer, folder, command);
    found->facts.data = measured.data;
    found->facts.split = measured.split;
    found->facts.seconds = measured.seconds;
    found->facts.parameters = measured.parameters;
    const evaluate::Deferral* deferral = found->deferral ? &*found->deferral : nullptr;
    Findings out;
    out.json = evaluate::report_json(found->facts, found->result, deferral);
    out.text = evaluate::text_table(found->result) + (deferral ? "\n" + evaluate::text_of(*deferral) + "\n" : "");
    out.figures = figures_of(*found);
    write_text(folder.report_json(), out.json);
    write_text(folder.report_page(), evaluate::report_page({.facts = found->facts,
                                                            .result = found->result,
                                                            .predictions = found->predictions,
                                                            .deferral = deferral,
                                                            .images = set.has_pictures() ? &set : nullptr,
                                                            .texts = set.has_texts() ? &set.texts() : nullptr,
                                                            .history = trainer.history(),
                                                            .best_epoch = trainer.best_epoch(),
                                                            .recipe = model_.notes.at("recipe"),
                                                            .network = layer_rows(model_.net)}));
    out.evaluation = std::move(found);
    return out;
  }

 private:
  const Recipe& recipe_;
  data::Splits data_;
  tasks::Classifier model_;
  tasks::Classification task_;
};

}  // namespace

data::Splits prepare(const Recipe& recipe, const fs::path& data_folder) {
  data::LoadOptions options;
  options.data_folder = data_folder;
  options.seed = recipe.seed;
  options.train_examples = recipe.data.train;
  options.test_examples = recipe.data.test;
  if (!recipe.data.size.empty()) options.image.height = recipe.data.size[0], options.image.width = recipe.data.size[1];
  options.image.channels = recipe.data.channels;
  options.classes = recipe.data.classes;
  if (recipe.task == "text_classification") options.text = recipe.data.text.source;
  data::Splits splits = data::load(recipe.data.source, options);
  if (splits.train.has_texts() != options.text.has_value())
    fail("task", "the recipe says {} and {} holds {}: set task: {}", recipe.task, recipe.data.source,
         data::kind_of(splits.train.inputs), options.text ? "image_classification" : "text_classification");
  if (recipe.data.folds > 0) {
    const auto fold = data::folds(splits.train.labels, recipe.data.folds, recipe.seed);
    std::vector<int64_t> rest, part;
    for (int64_t i = 0; i < splits.train.size(); ++i)
      (fold[static_cast<size_t>(i)] == recipe.data.fold ? part : rest).push_back(i);
    splits.test = data::subset(splits.train, part);
    splits.train = data::subset(splits.train, rest);
  }
  // A report names a known data set as people do, not by where it lies on this machine.
  if (recipe.data.source.find('/') == std::string::npos)
    for (data::Dataset* part : {&splits.train, &splits.validation, &splits.test}) part->source = recipe.data.source;
  if (splits.test.size() == 0 && recipe.data.test_share > 0)
    std::tie(splits.train, splits.test) = data::split(splits.train, recipe.data.test_share, recipe.seed + 0x7e57);
  if (splits.validation.size() == 0 && recipe.data.validation > 0)
    std::tie(splits.train, splits.validation) = data::split(splits.train, recipe.data.validation, recipe.seed);
  return splits;
}

tasks::Classifier make_model(const Recipe& recipe, const data::Dataset& train) {
  const std::optional<adapt::Base> base = load_base(recipe);
  tasks::Classifier model;
  model.net = recipe.network;
  if (base && model.net.empty()) model.net = adapt::adapted(*base, recipe.adapt);
  if (base)
    model.input = input_of(*base, recipe, train);
  else if (train.has_texts())
    model.input = tasks::fit_input(train.texts(), recipe.data.text);
  else
    model.input = tasks::fit_input(train);
  if (recipe.privacy.on() && train.has_texts())
    fail("privacy", "the tokenizer is learned from texts that nothing protects: privacy is for pictures");
  if (recipe.privacy.on()) {  // a mean of the examples would be one more thing that is given away
    std::ranges::fill(model.image().mean, std::getenv("PM") ? std::atof(std::getenv("PM")) : 0.5);  // XXX
    std::ranges::fill(model.image().std, std::getenv("PS") ? std::atof(std::getenv("PS")) : 0.5);  // XXX
  }
  model.classes = train.classes;
  model.loss = recipe.loss.type;
  model.views = recipe.predict;
  model.build(Rng(recipe.seed, "weights"));
  if (base) adapt::transfer(*base, recipe.adapt, model.net);
  if (!recipe.data.text.vectors.empty()) begin_with_vectors(model, recipe);
  return model;
}

Evaluation evaluate_model(tasks::Classifier& model, const data::Dataset& set, const std::string& split) {
  if (set.size() == 0) fail(ErrorKind::data, "evaluate", "the {} part has no examples", split);
  if (set.classes != model.classes)
    fail(ErrorKind::data, "evaluate", "the data has classes {}, the model knows {}", join(set.classes),
         join(model.classes));
  const double started = now();
  Evaluation out;
  const evaluate::Outputs outputs = model.outputs(set);
  const Tensor p = model.confidence ? model.confidence->calibrated(outputs.probabilities) : outputs.probabilities;
  const auto values = p.data<const float>();
  out.predictions = {model.classes, set.labels, {values.begin(), values.end()}};
  out.facts.seconds = now() - started;
  if (model.confidence) out.deferral = evaluate::deferral(*model.confidence, outputs, set.labels);
  out.result = evaluate::classification(out.predictions);
  out.facts.task = tasks::task_of(model.input);
  out.facts.data = set.source;
  out.facts.split = split;
  out.facts.parameters = nn::count(model.net).trained;
  out.facts.version = version();
  out.facts.date = date();
  out.facts.machine = machine();
  return out;
}

std::vector<evaluate::LayerRow> layer_rows(nn::Sequential& net) {
  std::vector<evaluate::LayerRow> rows;
  for (size_t i = 0; i < net.layers().size(); ++i) {
    nn::Module& layer = *net.layers()[i];
    const Shape& output = net.shapes().at(i);
    std::vector<std::string> sizes;
    for (const int64_t size : output) sizes.push_back(std::to_string(size));
    rows.push_back({std::to_string(i), layer_title(layer, output), join(sizes, " x "), nn::count(layer).trained});
  }
  return rows;
}

std::map<std::string, double> figures_of(const Evaluation& evaluation) {
  std::map<std::string, double> out;
  for (const auto& [name, figure] : figures()) out[name] = figure(evaluation);
  return out;
}

std::vector<std::string> classification_figures() {
  std::vector<std::string> out;
  for (const auto& [name, figure] : figures()) out.push_back(name);
  return out;
}

std::unique_ptr<Job> classification_job(const Recipe& recipe, const fs::path& data_folder) {
  return std::make_unique<ClassificationJob>(recipe, data_folder);
}

}  // namespace tandem::train
