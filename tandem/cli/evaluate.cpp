#include <tandem/base/text.h>
#include <tandem/cli/gate.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/catalog.h>
#include <tandem/train/ensemble.h>
#include <tandem/train/language_model.h>
#include <tandem/train/run.h>
#include <tandem/train/translation.h>

#include <memory>

namespace tandem::cli {
namespace {

struct Options {
  std::string source, split = "test", data, page;
  std::vector<std::string> models, require, strangers;
  bool json = false;
};

/// Pictures of another data set, at the network's size: its test part, or all of it.
data::Dataset load_strangers(const std::string& source, const tasks::Classifier& model, const train::Recipe& recipe,
                             const fs::path& folder) {
  data::LoadOptions options{.data_folder = folder, .seed = recipe.seed};
  if (recipe.task == "text_classification")
    options.text = recipe.data.text.source;
  else
    options.image = {.height = model.image().height, .width = model.image().width, .channels = model.image().channels};
  data::Splits splits = data::load(source, options);
  return splits.test.size() > 0 ? splits.test : splits.train;
}

/// A run's name, or its model file's.
std::string name_of(const std::string& given) {
  return fs::is_directory(given) ? fs::path(given).filename().string() : train::model_path(given).stem().string();
}

/// A model that another program made has none: then its data is what --on says.
train::Recipe recipe_in(const std::map<std::string, std::string>& notes, const fs::path& path, const Options& o) {
  const auto found = notes.find("recipe");
  if (found == notes.end() && !o.source.empty()) return {};
  if (found == notes.end())
    fail(ErrorKind::data, path.string(),
         "holds no recipe, and so no data: it was not made by `tandem train`; give data with --on");
  return train::Recipe::read(Config::parse(found->second, path.string() + " (recipe)"));
}

/// What is measured on, and its name.
struct Part {
  data::Dataset set;
  std::string split;
};

/// A part of the recipe's data, or of other data, as that `model` reads it.
Part load_part(const Options& o, train::Recipe& recipe, const tasks::Classifier& model, const fs::path& folder) {
  if (!o.source.empty()) {
    recipe.data.source = o.source;
    if (std::holds_alternative<tasks::ImageInput>(model.input)) {
      recipe.data.size = {model.image().height, model.image().width};
      recipe.data.channels = model.image().channels;
    }
    recipe.data.folds = 0;
    recipe.data.train = recipe.data.test = 0;
    recipe.data.test_share = recipe.data.validation = 0;  // the network learned from none of it: nothing to hold back
  }
  data::Splits splits = train::prepare(recipe, folder);
  if (recipe.data.folds > 0 && o.split == "test")
    fail("evaluate",
         "{} was measured by folds, and report.json says how: it has no test part; give --split validation, "
         "or other data with --on",
         o.models[0]);
  if (!o.source.empty() && o.split == "test" && splits.test.size() == 0)  // data without parts
    return {std::move(splits.train), "all"};
  return {std::move(o.split == "test"         ? splits.test
                    : o.split == "validation" ? splits.validation
                                              : splits.train),
          o.split};
}

/// Prints what was found, writes its page, and looks at the gates.
int show(const Options& o, const Context& context, train::Evaluation& found, uint64_t seed, const data::Dataset& set,
         const std::vector<Gate>& gates, const std::string& recipe, std::vector<evaluate::LayerRow> network) {
  found.facts.folder = o.models[0];
  found.facts.seed = seed;
  found.facts.command = context.command;
  fmt::print("{}", o.json ? train::json_of(found) : train::text_of(found));
  if (!o.page.empty()) {
    write_text(o.page, evaluate::report_page({.facts = found.facts,
                                              .result = found.result,
                                              .predictions = found.predictions,
                                              .deferral = found.deferral ? &*found.deferral : nullptr,
                                              .decision = found.decision ? &*found.decision : nullptr,
                                              .images = set.has_pictures() ? &set : nullptr,
                                              .texts = set.has_texts() ? &set.texts() : nullptr,
                                              .recipe = recipe,
                                              .network = std::move(network)}));
    say("report   " + o.page);
  }
  return check_gates(gates, train::figures_of(found));
}

/// Several runs by the mean of their probabilities.
int run_ensemble(const Options& o, const Context& context, const std::vector<Gate>& gates) {
  if (!o.strangers.empty()) fail("--strangers", "is for one network with confidence, not for {}", o.models.size());
  tasks::Ensemble ensemble = train::load_ensemble(o.models);
  train::Recipe recipe = recipe_in(ensemble.members[0].notes, train::model_path(o.models[0]), o);
  const fs::path folder = data::data_folder(o.data);
  if (o.source.empty()) train::check_unseen(ensemble, recipe, o.split, folder);
  const Part part = load_part(o, recipe, ensemble.members[0], folder);
  train::Evaluation found = train::evaluate_ensemble(ensemble, part.set, part.split, recipe.groups);
  std::vector<std::string> names;
  for (const std::string& given : o.models) names.push_back(name_of(given));
  found.facts.name = join(names, " + ");
  return show(o, context, found, recipe.seed, part.set, gates, recipe.write().str(), {});
}

int run_language(const Options& o, const Context& context, const fs::path& path, const std::vector<Gate>& gates) {
  if (!o.strangers.empty()) fail("--strangers", "is for networks that tell classes apart");
  tasks::LanguageModel model = tasks::LanguageModel::load(path);
  train::Recipe recipe = recipe_in(model.notes, path, o);
  if (!o.source.empty()) {
    recipe.data.source = o.source;
    recipe.data.test_share = recipe.data.validation = 0;  // the network learned from none of it: nothing to hold back
  }
  const data::Corpus text = train::find_text(recipe, data::data_folder(o.data));
  const bool whole = !o.source.empty() && text.test.file.empty();  // a text without parts
  std::string split = whole ? "all" : o.split;
  if (split == "test" && text.test.file.empty()) split = "validation";  // as in the report
  const data::TextPart& part = split == "test" ? text.test : split == "validation" ? text.validation : text.train;
  const auto tokens = train::tokens_of(part, model.tokenizer);
  if (!tokens) fail(ErrorKind::data, "evaluate", "the {} part is empty", split);
  train::LanguageEvaluation found = train::evaluate_language(model, *tokens, recipe.data.source, split);
  found.facts.name = name_of(o.models[0]);
  found.facts.folder = o.models[0];
  found.facts.seed = recipe.seed;
  found.facts.command = context.command;
  fmt::print("{}",
             o.json ? evaluate::report_json(found.facts, found.figures, {}) : evaluate::text_table(found.figures));
  if (!o.page.empty()) {
    write_text(o.page, evaluate::report_page({.facts = found.facts,
                                              .figures = found.figures,
                                              .recipe = model.notes.at("recipe"),
                                              .network = train::layer_rows(model.net)}));
    say("report   " + o.page);
  }
  return check_gates(gates, train::figures_of(found.figures));
}

int run_translation(const Options& o, const Context& context, const fs::path& path, const std::vector<Gate>& gates) {
  if (!o.strangers.empty()) fail("--strangers", "is for networks that tell classes apart");
  const tasks::Translator translator = tasks::Translator::load(path);
  tasks::TranslationModel model = translator.model();
  train::Recipe recipe = recipe_in(model.notes, path, o);
  if (!o.source.empty()) {
    recipe.data.source = o.source;
    recipe.data.from = model.reading.from, recipe.data.to = model.reading.to;
    recipe.data.train = recipe.data.test = 0;
    recipe.data.test_share = recipe.data.validation = 0;  // the network learned from none of it: nothing to hold back
  }
  data::PairParts parts = train::find_pairs(recipe, data::data_folder(o.data));
  const bool whole = !o.source.empty() && parts.test.size() == 0;  // pairs without parts
  std::string split = whole ? "all" : o.split;
  if (split == "test" && parts.test.size() == 0) split = "validation";  // as in the report
  const data::Pairs& part = split == "test" ? parts.test : split == "validation" ? parts.validation : parts.train;
  if (part.size() == 0) fail(ErrorKind::data, "evaluate", "the {} part is empty", split);
  train::TranslationEvaluation found = train::evaluate_translation(translator, part, recipe.translation.search);
  evaluate::TranslationReport report{.facts = train::translation_facts(model, recipe.data.source, split),
                                     .figures = found.figures,
                                     .samples = std::move(found.samples)};
  report.facts.seconds = found.seconds;
  report.facts.name = name_of(o.models[0]);
  report.facts.folder = o.models[0];
  report.facts.seed = recipe.seed;
  report.facts.command = context.command;
  fmt::print("{}", o.json ? evaluate::report_json(report) : evaluate::text_table(report));
  if (!o.page.empty()) {
    write_text(o.page,
               evaluate::report_page(
                   {.report = report, .recipe = model.notes.at("recipe"), .network = train::layer_rows(model.net)}));
    say("report   " + o.page);
  }
  return check_gates(gates, train::figures_of(report.figures));
}

int run(const Options& o, const Context& context) {
  const fs::path path = train::model_path(o.models[0]);
  const std::string task = train::task_in(path);
  const std::vector<Gate> gates = parse_gates(o.require, train::figure_names(task));
  if (o.models.size() > 1 && (task == "language_model" || task == "translation"))
    fail("evaluate", "several runs answer together when they tell classes apart, {} is a {}", o.models[0],
         task == "translation" ? "translation" : "language model");
  if (o.models.size() > 1) return run_ensemble(o, context, gates);
  if (task == "language_model") return run_language(o, context, path, gates);
  if (task == "translation") return run_translation(o, context, path, gates);
  tasks::Classifier model = tasks::Classifier::load(path);
  train::Recipe recipe = recipe_in(model.notes, path, o);
  if (!o.strangers.empty() && !model.confidence)
    fail("--strangers", "{} has no confidence to be measured: train it with `people:` in its recipe", path.string());
  const fs::path folder = data::data_folder(o.data);
  const Part part = load_part(o, recipe, model, folder);
  train::Evaluation result = train::evaluate_model(model, part.set, part.split, recipe.groups);
  result.facts.name = name_of(o.models[0]);
  if (!o.strangers.empty()) {
    const std::vector<evaluate::Verdict> known = model.confidence->judge(model.outputs(part.set));
    for (const std::string& source : o.strangers) {
      const data::Dataset strange = load_strangers(source, model, recipe, folder);
      result.deferral->strangers.push_back(
          evaluate::strangers(known, model.confidence->judge(model.outputs(strange)), source));
    }
  }
  const auto noted = model.notes.find("recipe");
  return show(o, context, result, recipe.seed, part.set, gates, noted == model.notes.end() ? "" : noted->second,
              train::layer_rows(model.net));
}

}  // namespace

void add_evaluate(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand(
      "evaluate", "Measure a trained network, or several together, on a part of its data or on other data");
  verb->add_option("run", o->models, "A run folder or a model file; several answer together, by their mean")
      ->required();
  verb->add_option("--on", o->source, "Other data: a name of `tandem data list`, or a path");
  verb->add_option("--split", o->split, "Which part")
      ->check(CLI::IsMember({"train", "validation", "test"}))
      ->capture_default_str();
  verb->add_option("--data", o->data, "Folder of the data sets (else TANDEM_DATA, else the cache folder)");
  verb->add_option("--strangers", o->strangers,
                   "Data that the network should not know (shapes, noise, a path): how well it tells it apart");
  verb->add_option("--page", o->page, "Write the report page to this file too");
  verb->add_option("--require", o->require,
                   "Fail with exit code 4 unless met: accuracy>=0.97, macro.f1>=0.9, ece<=0.05");
  verb->add_flag("--json", o->json, "Print report.json instead of the table");
  verb->callback([o, &context] { context.action = [o, &context] { return run(*o, context); }; });
}

}  // namespace tandem::cli
