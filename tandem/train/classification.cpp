#include <tandem/adapt/peft.h>
#include <tandem/base/text.h>
#include <tandem/base/version.h>
#include <tandem/data/catalog.h>
#include <tandem/data/folds.h>
#include <tandem/data/text/vectors.h>
#include <tandem/nn/weights.h>
#include <tandem/nn/whitening.h>
#include <tandem/train/classification.h>
#include <tandem/train/cross_validation.h>
#include <tandem/train/ensemble.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <numeric>
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

/// The decision at the chosen threshold, else at 0.5; of nothing with other than two classes.
evaluate::Decision deciding(const Evaluation& e) {
  if (!e.decision) return {};
  return e.decision->chosen ? *e.decision->chosen : e.decision->half;
}

/// Groups of a table's rows by its columns; `rows`: the row of each prediction.
std::vector<evaluate::Grouping> groupings(const data::Dataset& set, const std::vector<std::string>& columns,
                                          std::span<const int64_t> rows) {
  std::vector<evaluate::Grouping> out;
  for (const std::string& name : columns) {
    const data::Table& table = set.table();
    const data::Column& column = table.columns[static_cast<size_t>(table.column(name))];
    evaluate::Grouping all =
        column.numeric() ? evaluate::grouping(name, column.numbers) : evaluate::grouping(name, column.words);
    const std::vector<int32_t> of = std::move(all.of);
    all.of.clear();
    for (const int64_t row : rows) all.of.push_back(of[static_cast<size_t>(row)]);
    out.push_back(std::move(all));
  }
  return out;
}

std::vector<int64_t> every_row(const data::Dataset& set) {
  std::vector<int64_t> out(static_cast<size_t>(set.size()));
  std::iota(out.begin(), out.end(), int64_t{0});
  return out;
}

/// `own`: for each of `groups` and each prediction the threshold of its group.
std::optional<evaluate::DecisionReport> decide(const evaluate::Predictions& p, std::span<const int64_t> rows,
                                               const data::Dataset& set, const std::vector<std::string>& groups,
                                               const std::optional<evaluate::ThresholdGoal>& goal = {},
                                               std::vector<double> thresholds = {},
                                               std::vector<std::vector<double>> own = {}) {
  const auto positives = std::ranges::count(p.labels, 1);
  if (p.classes.size() != 2 || positives == 0 || positives == std::ssize(p.labels)) return std::nullopt;
  evaluate::DecisionInput input;
  input.labels = p.labels;
  for (size_t i = 1; i < p.probabilities.size(); i += 2) input.scores.push_back(p.probabilities[i]);
  input.units.assign(rows.begin(), rows.end());
  input.goal = goal;
  input.thresholds = std::move(thresholds);
  input.groupings = groupings(set, groups, rows);
  input.own_thresholds = std::move(own);
  return evaluate::decision_report(input, p.classes[1], 0);
}

const std::map<std::string, Figure>& figures() {
  using E = Evaluation;
  static const std::map<std::string, Figure> all{
      {"accuracy", [](const E& e) { return e.result.accuracy; }},
      {"loss", [](const E& e) { return e.result.loss; }},
      {"errors", [](const E& e) { return static_cast<double>(e.result.errors); }},
      {"ece", [](const E& e) { return e.result.ece; }},
      {"brier", [](const E& e) { return e.result.brier; }},
      {"sensitivity", [](const E& e) { return deciding(e).sensitivity().value; }},
      {"specificity", [](const E& e) { return deciding(e).specificity().value; }},
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
  const int64_t words = text->tokenizer.size();
  for (const auto& [name, tensor] : nn::named(model.net)) {
    if (tensor.rank() != 2 || tensor.size(0) != words) continue;
    const data::WordVectors read =
        data::read_word_vectors(recipe.data.text.vectors, text->tokenizer, tensor.size(1), Rng(recipe.seed, "vectors"));
    std::ranges::copy(read.values.data<const float>(), tensor.data<float>().begin());
    return;
  }
  fail("data.text.vectors", "the network has no embedding of {} words to begin with them", words);
}

/// How the base reads its examples: its numbers belong to these pixels or tokens.
tasks::Input input_of(const adapt::Base& base, const Recipe& recipe, const data::Dataset& train) {
  tasks::Input out = base.input();
  if (auto* text = std::get_if<tasks::TextInput>(&out); text && base.task != "text_classification") {
    const int64_t most = base.reads ? base.reads->length.most : 0;  // tokens that it has positions for
    text->length = recipe.data.text.length;
    if (most > 0) text->length.most = text->length.most > 0 ? std::min(most, text->length.most) : most;
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
        task_(model_, data_.train, data_.validation, classification_options(recipe, model_, data_.train)) {
    if (recipe.teach.on() && data_.test.size() > 0)
      check_unseen(load_ensemble(recipe.teach.from), recipe, "test", data_folder);
    if (recipe.people) model_.check_people(data_.validation);
    if (recipe.recall) tasks::check_recall(model_, *recipe.recall, data_.validation);
    for (const std::string& name : recipe.groups) (void)data_.train.table().column(name);  // before the training
    if (!recipe.data.group.empty()) (void)data_.train.table().column(recipe.data.group);
    if (recipe.decision && (model_.classes.size() != 2 || data_.validation.size() == 0))
      fail("decision",
           "a threshold is chosen for two classes on a validation part: the data has {} classes and {} "
           "validation examples",
           model_.classes.size(), data_.validation.size());
  }

  tasks::Task& task() override { return task_; }
  std::vector<std::string> remarks() const override { return data_.train.remarks; }

  Findings finish(const Trainer& trainer, const RunFolder& folder, const std::string& command) override {
    fit_decisions(recipe_, model_, data_);
    model_.notes = run_notes(recipe_, trainer);
    model_.notes["data"] = data_.train.source;
    model_.save(folder.model());
    if (recipe_.adapt.lora || recipe_.adapt.bottleneck)
      adapt::save_adapter(folder.path / "adapter", *load_base(recipe_), recipe_.adapt, model_.net);

    const bool folds = recipe_.data.folds > 0;
    const bool tested = data_.test.size() > 0, validated = data_.validation.size() > 0;
    const data::Dataset& set = tested ? data_.test : validated ? data_.validation : data_.train;
    const char* const part = tested ? "test" : validated ? "validation" : "train";
    auto found = std::make_shared<Evaluation>(folds ? measured_by_folds(folder)
                                                    : evaluate_model(model_, set, part, recipe_.groups));
    const evaluate::RunFacts measured = found->facts;
    found->facts = run_facts(recipe_, trainer, folder, command);
    found->facts.data = measured.data;
    found->facts.split = measured.split;
    found->facts.seconds = measured.seconds;
    found->facts.parameters = measured.parameters;
    const evaluate::Deferral* deferral = found->deferral ? &*found->deferral : nullptr;
    Findings out;
    out.json = json_of(*found);
    out.text = text_of(*found);
    out.figures = figures_of(*found);
    write_text(folder.report_json(), out.json);
    write_text(folder.report_page(), evaluate::report_page({.facts = found->facts,
                                                            .result = found->result,
                                                            .predictions = found->predictions,
                                                            .deferral = deferral,
                                                            .decision = found->decision ? &*found->decision : nullptr,
                                                            .images = !folds && set.has_pictures() ? &set : nullptr,
                                                            .texts = !folds && set.has_texts() ? &set.texts() : nullptr,
                                                            .history = trainer.history(),
                                                            .kept_epoch = trainer.kept_epoch(),
                                                            .recipe = model_.notes.at("recipe"),
                                                            .network = layer_rows(model_.net)}));
    out.evaluation = std::move(found);
    return out;
  }

 private:
  /// All of the data, each example by networks that did not learn from it. The order is that of `all`.
  Evaluation measured_by_folds(const RunFolder& folder) {
    const data::Dataset all = data_.validation.size() > 0 ? data::joined(data_.train, data_.validation) : data_.train;
    const double started = now();
    const CrossValidation folds = cross_validate(recipe_, all);
    write_text(folder.path / "predictions.csv", predictions_csv(folds, all));
    Evaluation out;
    out.facts.seconds = now() - started;
    out.facts.data = all.source;
    out.facts.split = recipe_.data.repeats > 1 ? fmt::format("{} x {} folds", recipe_.data.repeats, recipe_.data.folds)
                                               : fmt::format("{} folds", recipe_.data.folds);
    out.facts.parameters = nn::count(model_.net).trained;
    out.predictions = folds.predictions;
    out.result = evaluate::classification(out.predictions);
    out.decision = decide(out.predictions, folds.example, all, recipe_.groups, recipe_.decision, folds.thresholds,
                          folds.own_thresholds);
    return out;
  }

  const Recipe& recipe_;
  data::Splits data_;
  tasks::Classifier model_;
  tasks::Classification task_;
};

}  // namespace

data::Splits prepare(const Recipe& recipe, const fs::path& data_folder) {
  data::LoadOptions options;
  options.data_folder = data_folder;
  options.seed = recipe.split_seed();
  options.train_examples = recipe.data.train;
  options.test_examples = recipe.data.test;
  if (recipe.data.folds == 0) options.test_share = recipe.data.test_share;
  if (!recipe.data.size.empty()) options.image.height = recipe.data.size[0], options.image.width = recipe.data.size[1];
  options.image.channels = recipe.data.channels;
  options.classes = recipe.data.classes;
  if (recipe.task == "text_classification") options.text = recipe.data.text.source;
  data::Splits splits =
      recipe.task == "table_classification"
          ? data::load_table(recipe.data.source, recipe.data.table ? recipe.data.table->source : data::TableSource{},
                             options)
          : data::load(recipe.data.source, options);
  if (splits.train.has_texts() != options.text.has_value())
    fail("task", "the recipe says {} and {} holds {}: set task: {}", recipe.task, recipe.data.source,
         data::kind_of(splits.train.inputs), options.text ? "image_classification" : "text_classification");
  // A report names a known data set as people do, not by where it lies on this machine.
  if (recipe.data.source.find('/') == std::string::npos)
    for (data::Dataset* part : {&splits.train, &splits.validation, &splits.test}) part->source = recipe.data.source;
  if (recipe.data.folds > 0 && splits.test.size() > 0)
    fail("data.folds", "{} has a test part of its own: measure on it, without folds", recipe.data.source);
  if (splits.validation.size() == 0 && recipe.data.validation > 0)
    std::tie(splits.train, splits.validation) = data::split(splits.train, recipe.data.validation, recipe.split_seed());
  return splits;
}

tasks::Classifier make_model(const Recipe& recipe, const data::Dataset& train) {
  const std::optional<adapt::Base> base = load_base(recipe);
  tasks::Classifier model;
  model.net = recipe.network;
  if (base && base->task == "text_encoder" && model.net.empty() && recipe.adapt.head.empty())
    fail("adapt.head",
         "{} gives a vector for each text and no answer: give it a head, as in adapt: {{head: [linear: classes]}}",
         base->where);
  if (base && model.net.empty()) model.net = adapt::adapted(*base, recipe.adapt);
  if (base)
    model.input = input_of(*base, recipe, train);
  else if (train.has_texts())
    model.input = tasks::fit_input(train.texts(), recipe.data.text);
  else if (train.has_table())
    model.input =
        tasks::fit_input(train.table(), recipe.data.table ? recipe.data.table->prepare : tasks::TableOptions{});
  else
    model.input = tasks::fit_input(train);
  if (recipe.privacy.on() && train.has_texts())
    fail("privacy", "the tokenizer is learned from texts that nothing protects: privacy is for pictures");
  if (recipe.privacy.on()) {  // a mean of the examples would be one more thing that is given away
    std::ranges::fill(model.image().mean, 0.5);
    std::ranges::fill(model.image().std, 0.5);
  }
  model.classes = train.classes;
  model.loss = recipe.loss.type;
  model.views = recipe.predict;
  model.build(Rng(recipe.seed, "weights"));
  if (nn::begins_whitened(model.net)) {
    if (recipe.privacy.on()) fail("conv", "init: whitened shows what the pictures have in common: not with privacy");
    std::vector<int64_t> some(static_cast<size_t>(std::min<int64_t>(2000, train.size())));
    std::iota(some.begin(), some.end(), int64_t{0});
    nn::whiten(model.net, tasks::make_batch(model.image(), train, some, {}, {}));
  }
  if (base) adapt::transfer(*base, recipe.adapt, model.net);
  if (!recipe.data.text.vectors.empty()) begin_with_vectors(model, recipe);
  return model;
}

void fit_decisions(const Recipe& recipe, tasks::Classifier& model, const data::Splits& parts) {
  if (recipe.recall) tasks::raise_recall(model, *recipe.recall, parts.validation);
  if (recipe.people) model.learn_confidence(*recipe.people, parts.train, parts.validation);
  if (!recipe.decision) return;
  model.learn_threshold(*recipe.decision, parts.validation);
  const std::vector<float> p = model.predict(parts.validation);
  std::vector<float> scores;
  for (size_t i = 1; i < p.size(); i += 2) scores.push_back(p[i]);
  for (const evaluate::Grouping& g : groupings(parts.validation, recipe.groups, every_row(parts.validation)))
    model.threshold->groups.push_back(
        evaluate::thresholds_by_group(g, parts.validation.labels, scores, *recipe.decision));
}

std::vector<std::vector<double>> own_thresholds(const evaluate::Threshold& threshold, const data::Dataset& set,
                                                const std::vector<std::string>& groups) {
  std::vector<std::vector<double>> out;
  for (const evaluate::Grouping& g : groupings(set, groups, every_row(set))) {
    const auto known = std::ranges::find(threshold.groups, g.column, &evaluate::GroupThresholds::column);
    constexpr double common = std::numeric_limits<double>::quiet_NaN();
    std::vector<double>& each = out.emplace_back(g.of.size(), common);
    if (known == threshold.groups.end()) continue;
    for (size_t i = 0; i < each.size(); ++i)
      if (g.of[i] >= 0) each[i] = known->of(g.names[static_cast<size_t>(g.of[i])], common);
  }
  return out;
}

std::string json_of(const Evaluation& e) {
  return evaluate::report_json(e.facts, e.result, e.deferral ? &*e.deferral : nullptr,
                               e.decision ? &*e.decision : nullptr);
}

std::string text_of(const Evaluation& e) {
  std::string members = e.facts.members.empty() ? "" : "\nmembers alone\n";
  for (const evaluate::Member& m : e.facts.members)
    members += fmt::format("  {}: accuracy {:.4f}, loss {:.4f}\n", m.name, m.accuracy, m.loss);
  return evaluate::text_table(e.result) + members + (e.decision ? "\n" + evaluate::text_of(*e.decision) : "") +
         (e.deferral ? "\n" + evaluate::text_of(*e.deferral) + "\n" : "");
}

void check_examples(const std::vector<std::string>& classes, const data::Dataset& set, const std::string& split) {
  if (set.size() == 0) fail(ErrorKind::data, "evaluate", "the {} part has no examples", split);
  if (set.classes != classes)
    fail(ErrorKind::data, "evaluate", "the data has classes {}, the model knows {}", join(set.classes), join(classes));
}

Evaluation evaluate_answers(std::vector<float> probabilities, const data::Dataset& set, const std::string& split,
                            const std::vector<std::string>& groups,
                            const std::optional<evaluate::Threshold>& threshold) {
  Evaluation out;
  out.predictions = {set.classes, set.labels, std::move(probabilities)};
  out.result = evaluate::classification(out.predictions);
  const std::vector<int64_t> rows = every_row(set);
  out.decision = threshold ? decide(out.predictions, rows, set, groups, threshold->goal, {threshold->value},
                                    own_thresholds(*threshold, set, groups))
                           : decide(out.predictions, rows, set, groups);
  out.facts.data = set.source;
  out.facts.split = split;
  out.facts.version = version();
  out.facts.date = date();
  out.facts.machine = machine();
  return out;
}

Evaluation evaluate_model(tasks::Classifier& model, const data::Dataset& set, const std::string& split,
                          const std::vector<std::string>& groups) {
  check_examples(model.classes, set, split);
  const double started = now();
  const evaluate::Outputs outputs = model.outputs(set);
  const Tensor p = model.confidence ? model.confidence->calibrated(outputs.probabilities) : outputs.probabilities;
  const auto values = p.data<const float>();
  const double seconds = now() - started;
  Evaluation out = evaluate_answers({values.begin(), values.end()}, set, split, groups, model.threshold);
  if (model.confidence) out.deferral = evaluate::deferral(*model.confidence, outputs, set.labels);
  out.facts.seconds = seconds;
  out.facts.task = tasks::task_of(model.input);
  out.facts.parameters = nn::count(model.net).trained;
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
