#include <tandem/cli/gate.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/catalog.h>
#include <tandem/train/run.h>

#include <memory>

namespace tandem::cli {
namespace {

struct Options {
  std::string model, source, split = "test", data, page;
  std::vector<std::string> require;
  bool json = false;
};

int run(const Options& o, const Context& context) {
  (void)parse_gates(o.require);
  const fs::path path = train::model_path(o.model);
  tasks::ImageModel model = tasks::ImageModel::load(path);
  if (!model.notes.contains("recipe"))
    fail(ErrorKind::data, path.string(), "holds no recipe: it was not made by `tandem train`");
  train::Recipe recipe = train::Recipe::read(Config::parse(model.notes.at("recipe"), path.string() + " (recipe)"));
  if (!o.source.empty()) {
    recipe.data.source = o.source;
    recipe.data.size = {model.input.height, model.input.width};
    recipe.data.channels = model.input.channels;
    recipe.data.train = recipe.data.test = 0;
    recipe.data.test_share = recipe.data.validation = 0;  // the network learned from none of it: nothing to hold back
  }
  const data::ImageSplits splits = train::prepare(recipe, data::data_folder(o.data));
  const bool whole = !o.source.empty() && o.split == "test" && splits.test.size() == 0;  // data without parts
  const std::string split = whole ? "all" : o.split;
  const data::ImageSet& set = whole                     ? splits.train
                              : o.split == "test"       ? splits.test
                              : o.split == "validation" ? splits.validation
                                                        : splits.train;
  train::Evaluation result = train::evaluate_model(model, set, split);
  result.facts.name = fs::is_directory(o.model) ? fs::path(o.model).filename().string() : path.stem().string();
  result.facts.folder = o.model;
  result.facts.seed = recipe.seed;
  result.facts.command = context.command;
  if (o.json)
    fmt::print("{}", evaluate::report_json(result.facts, result.result));
  else
    fmt::print("{}\n", evaluate::text_table(result.result));
  if (!o.page.empty()) {
    write_text(o.page, evaluate::report_page({.facts = result.facts,
                                              .result = result.result,
                                              .predictions = result.predictions,
                                              .images = &set,
                                              .recipe = model.notes.at("recipe"),
                                              .network = train::layer_rows(model.net)}));
    say("report   " + o.page);
  }
  return check_gates(o.require, result);
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
  verb->add_option("--page", o->page, "Write the report page to this file too");
  verb->add_option("--require", o->require,
                   "Fail with exit code 4 unless met: accuracy>=0.97, macro.f1>=0.9, ece<=0.05");
  verb->add_flag("--json", o->json, "Print report.json instead of the table");
  verb->callback([o, &context] { context.action = [o, &context] { return run(*o, context); }; });
}

}  // namespace tandem::cli
