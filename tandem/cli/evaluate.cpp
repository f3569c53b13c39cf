#include <tandem/cli/gate.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/catalog.h>
#include <tandem/train/language_model.h>
#include <tandem/train/run.h>

#include <memory>

namespace tandem::cli {
namespace {

struct Options {
  std::string model, source, split = "test", data, page;
  std::vector<std::string> require, strangers;
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

int run_language(const Options& o, const Context& context, const fs::path& path, const std::vector<Gate>& gates) {
  if (!o.strangers.empty()) fail("--strangers", "is for networks that tell classes apart");
  tasks::LanguageModel model = tasks::LanguageModel::load(path);
  if (!model.notes.contains("recipe"))
    fail(ErrorKind::data, path.string(), "holds no recipe: it was not made by `tandem train`");
  train::Recipe recipe = train::Recipe::read(Config::parse(model.notes.at("recipe"), path.string() + " (recipe)"));
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
  found.facts.name = fs::is_directory(o.model) ? fs::path(o.model).filename().string() : path.stem().string();
  found.facts.folder = o.model;
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

int run(const Options& o, const Context& context) {
  const fs::path path = train::model_path(o.model);
  const std::string task = train::task_in(path);
  const std::vector<Gate> gates = parse_gates(o.require, train::figure_names(task));
  if (task == "language_model") return run_language(o, context, path, gates);
  tasks::Classifier model = tasks::Classifier::load(path);
  const std::string noted = model.notes.contains("recipe") ? model.notes.at("recipe") : "";
  if (noted.empty() && o.source.empty())
    fail(ErrorKind::data, path.string(),
         "holds no recipe, and so no data: it was not made by `tandem train`; give data with --on");
  if (!o.strangers.empty() && !model.confidence)
    fail("--strangers", "{} has no confidence to be measured: train it with `people:` in its recipe", path.string());
  train::Recipe recipe;
  if (!noted.empty()) recipe = train::Recipe::read(Config::parse(noted, path.string() + " (recipe)"));
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
  const fs::path folder = data::data_folder(o.data);
  const data::Splits splits = train::prepare(recipe, folder);
  if (recipe.data.folds > 0 && o.split == "test")
    fail("evaluate",
         "{} was measured by folds, and report.json says how: it has no test part; give --split validation, "
         "or other data with --on",
         o.model);
  const bool whole = !o.source.empty() && o.split == "test" && splits.test.size() == 0;  // data without parts
  const std::string split = whole ? "all" : o.split;
  const data::Dataset& set = whole                     ? splits.train
                             : o.split == "test"       ? splits.test
                             : o.split == "validation" ? splits.validation
                                                       : splits.train;
  train::Evaluation result = train::evaluate_model(model, set, split, recipe.groups);
  result.facts.name = fs::is_directory(o.model) ? fs::path(o.model).filename().string() : path.stem().string();
  result.facts.folder = o.model;
  result.facts.seed = recipe.seed;
  result.facts.command = context.command;
  if (!o.strangers.empty()) {
    const std::vector<evaluate::Verdict> known = model.confidence->judge(model.outputs(set));
    for (const std::string& source : o.strangers) {
      const data::Dataset strange = load_strangers(source, model, recipe, folder);
      result.deferral->strangers.push_back(
          evaluate::strangers(known, model.confidence->judge(model.outputs(strange)), source));
    }
  }
  const evaluate::Deferral* deferral = result.deferral ? &*result.deferral : nullptr;
  fmt::print("{}", o.json ? train::json_of(result) : train::text_of(result));
  if (!o.page.empty()) {
    write_text(o.page, evaluate::report_page({.facts = result.facts,
                                              .result = result.result,
                                              .predictions = result.predictions,
                                              .deferral = deferral,
                                              .decision = result.decision ? &*result.decision : nullptr,
                                              .images = set.has_pictures() ? &set : nullptr,
                                              .texts = set.has_texts() ? &set.texts() : nullptr,
                                              .recipe = noted,
                                              .network = train::layer_rows(model.net)}));
    say("report   " + o.page);
  }
  return check_gates(gates, train::figures_of(result));
}

}  // namespace

void add_evaluate(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("evaluate", "Measure a trained network on a part of its data, or on other data");
  verb->add_option("run", o->model, "A run folder or a model file")->required();
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
