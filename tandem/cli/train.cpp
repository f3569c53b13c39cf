#include <tandem/base/text.h>
#include <tandem/cli/gate.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/catalog.h>
#include <tandem/train/run.h>

#include <memory>

namespace tandem::cli {
namespace {

struct Options {
  std::string recipe, resume, runs = "runs", data;
  std::vector<std::string> overrides;
  std::vector<std::string> require;
  bool json = false;
};

int finish(const train::RunFolder& folder, const train::RunResult& result, const Options& o,
           const std::vector<Gate>& gates, const std::string& task) {
  if (result.outcome == train::Outcome::interrupted) {
    say(fmt::format("\ninterrupted: the state is saved. To go on:\n  tandem train --resume {}", folder.path.string()));
    return 130;
  }
  if (o.json)
    fmt::print("{}", result.test.json);
  else
    fmt::print("\n{}\n", result.test.text);
  const std::string path = folder.path.string();
  const std::string next = task == "language_model"         ? fmt::format("generate {} --prompt TEXT", path)
                           : task == "translation"          ? fmt::format("translate {} TEXT", path)
                           : task == "table_classification" ? fmt::format("predict {} ROWS.csv", path)
                           : task == "text_classification"  ? fmt::format("predict {} TEXT…", path)
                                                            : fmt::format("predict {} PICTURE…", path);
  say(fmt::format("{} in {}, {}\n\n  report   {}\n  model    {}\n\nNext:\n  tandem inspect {}\n  tandem {}",
                  result.outcome == train::Outcome::stopped_early ? "stopped early" : "trained",
                  clock(result.train_seconds),
                  result.best_epoch > 0 ? fmt::format("best epoch {}", result.best_epoch) : "last weights kept",
                  folder.report_page().string(), folder.model().string(), path, next));
  return check_gates(gates, result.test.figures);
}

int run(const Options& o, const Context& context) {
  if (o.recipe.empty() == o.resume.empty())
    fail("train", "give either a recipe, as in `tandem train digits`, or --resume RUN");
  Config config;
  if (o.resume.empty()) {
    config = train::find_recipe(o.recipe);
    train::apply_overrides(config, o.overrides);
  } else {
    if (!o.overrides.empty())
      fail("train", "a resumed run goes on as it was: overrides are not possible with --resume");
    config = Config::load(train::RunFolder::open(o.resume).recipe());
  }
  train::Recipe recipe = train::Recipe::read(config);
  // A misspelt gate must not cost a training.
  const std::vector<Gate> gates = parse_gates(o.require, train::figure_names(recipe.task));
  const fs::path data = data::data_folder(o.data);
  const bool first_run = !fs::exists(o.runs);
  const train::RunFolder folder =
      o.resume.empty() ? train::RunFolder::create(o.runs, recipe.name) : train::RunFolder::open(o.resume);
  say(fmt::format("{} {}  data {}  seed {}", o.resume.empty() ? "training" : "resuming", folder.path.string(),
                  recipe.data.source, recipe.seed));

  TrainingDisplay display;
  catch_interrupts();
  train::Hooks hooks;
  hooks.step = [&](const train::Progress& p) { display.step(p); };
  hooks.epoch = [&](const evaluate::EpochPoint& p, bool best) {
    display.epoch(p, recipe.train.epochs, best && recipe.train.keep == "best");
  };
  hooks.remark = [&](const std::string& text) { display.remark(text); };
  hooks.stop = [] { return interrupted(); };
  try {
    return finish(folder, train::run(recipe, folder, data, context.command, !o.resume.empty(), hooks), o, gates,
                  recipe.task);
  } catch (...) {
    // A run that never began leaves no folder behind.
    if (o.resume.empty() && !fs::exists(folder.checkpoint())) {
      std::error_code ignored;
      fs::remove_all(folder.path, ignored);
      if (first_run) fs::remove(o.runs, ignored);
    }
    throw;
  }
}

}  // namespace

void add_train(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb =
      app.add_subcommand("train", "Train a network from a recipe; writes a run folder with model and report");
  verb->add_option("recipe", o->recipe,
                   "A recipe file, or the name of one that came with the program (digits, cifar, …)");
  verb->add_option("overrides", o->overrides, "Changes to the recipe: train.epochs=3 optimizer.lr=1e-3 data=mnist");
  verb->add_option("--resume", o->resume, "Go on with an interrupted run, exactly as it would have gone on");
  verb->add_option("--data", o->data, "Folder of the data sets (else TANDEM_DATA, else the cache folder)");
  verb->add_option("--runs", o->runs, "Folder for runs")->capture_default_str();
  verb->add_option("--require", o->require,
                   "Fail with exit code 4 unless met: accuracy>=0.97, macro.f1>=0.9, ece<=0.05");
  verb->add_flag("--json", o->json, "Print report.json instead of the table");
  verb->callback([o, &context] { context.action = [o, &context] { return run(*o, context); }; });
}

}  // namespace tandem::cli
