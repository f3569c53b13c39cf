#include <tandem/base/text.h>
#include <tandem/cli/leaderboard.h>
#include <tandem/cli/probe.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/catalog.h>
#include <tandem/improve/page.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>

namespace tandem::cli {
namespace {

struct Options {
  std::string recipe, resume, searches = "searches", data, find;
  std::vector<std::string> overrides;
  int64_t trials = 0;
  double minutes = 0;
  uint64_t seed = 0;
  bool seeded = false, json = false;
};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

improve::SearchFolder begin(const Options& o, Config& config) {
  if (o.recipe.empty() == o.resume.empty())
    fail("tune", "give either a recipe, as in `tandem tune digits-tuned`, or --resume SEARCH");
  if (!o.resume.empty()) {
    if (!o.overrides.empty() || o.seeded)
      fail("tune", "a search goes on as it was: overrides and --seed are not possible with --resume");
    const auto folder = improve::SearchFolder::open(o.resume);
    config = Config::load(folder.recipe());
    if (o.trials > 0) config.set("search.trials", std::to_string(o.trials));
    return folder;
  }
  config = train::find_recipe(o.recipe);
  train::apply_overrides(config, o.overrides);
  if (o.trials > 0) config.set("search.trials", std::to_string(o.trials));
  if (o.seeded) config.set("search.seed", std::to_string(o.seed));
  (void)improve::SearchOptions::read(config);  // what is wrong is said before a folder is made
  const Config name = config.get("name");
  const auto folder = improve::SearchFolder::create(o.searches, name.is_scalar() ? name.text() : "run");
  write_text(folder.recipe(), config.str());
  return folder;
}

void tell(const improve::Search& search, const std::vector<improve::Trial>& trials, improve::SearchOutcome outcome) {
  const auto& folder = search.folder();
  const bool any = fs::exists(folder.best());
  say(fmt::format("\n{}{}\n  page     {}{}",
                  outcome == improve::SearchOutcome::done
                      ? "done"
                      : fmt::format("stopped; to go on: tandem tune --resume {}", folder.path.string()),
                  any ? fmt::format("\n  best     {}", folder.best().string()) : "", folder.page().string(),
                  any ? fmt::format("\n\nNext:\n  tandem train {}", folder.best().string()) : ""));
  const auto bad = std::ranges::find_if(trials, [](const auto& t) { return t.state == improve::State::failed; });
  if (!any && bad != trials.end())
    fail(ErrorKind::numeric, "tune", "no trial came to a result; trial {} says: {}", bad->id, bad->message);
}

int find(const Options& o) {
  if (o.recipe.empty()) fail("tune", "--find needs a recipe, as in `tandem tune digits --find rate`");
  Config config = train::find_recipe(o.recipe);
  train::apply_overrides(config, o.overrides);
  return find_setting(o.find, train::Recipe::read(config), data::data_folder(o.data), o.recipe, o.json);
}

int run(const Options& o, const Context& context) {
  if (!o.find.empty()) return find(o);
  Config config;
  const improve::SearchFolder folder = begin(o, config);
  improve::Search search(folder, config, data::data_folder(o.data));
  say(fmt::format("{} {}: {} by {}, seed {}", o.resume.empty() ? "searching" : "going on with", folder.path.string(),
                  join(search.options().objectives), search.options().sampler, search.options().seed));
  const double started = now();
  catch_interrupts();
  SearchDisplay display(search);
  improve::SearchHooks hooks;
  hooks.step = [&](const improve::Trial& t, const train::Progress& p) { display.step(t, p); };
  hooks.changed = [&](const std::vector<improve::Trial>& trials) { display.changed(trials); };
  hooks.stop = [&] { return interrupted() || (o.minutes > 0 && now() - started > 60 * o.minutes); };
  improve::SearchOutcome outcome{};
  try {
    outcome = search.run(hooks);
  } catch (...) {
    // A search that never began leaves no folder behind.
    const auto trials = search.trials();
    if (o.resume.empty() && std::ranges::all_of(trials, [](const auto& t) { return t.results.empty(); })) {
      std::error_code ignored;
      fs::remove_all(folder.path, ignored);
      fs::remove(o.searches, ignored);  // when it is empty
    }
    throw;
  }
  display.close();
  const auto trials = search.trials();
  write_text(folder.page(), improve::search_page(search, trials, context.command));
  if (o.json)
    fmt::print("{}", improve::search_json(search, trials));
  else if (!is_terminal() || columns_of(STDOUT_FILENO) == 0)  // else it stands there already
    for (const std::string& line : leaderboard(search, trials, 10, columns_of(STDOUT_FILENO))) fmt::print("{}\n", line);
  tell(search, trials, outcome);
  return outcome == improve::SearchOutcome::interrupted && interrupted() ? 130 : 0;
}

}  // namespace

void add_tune(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb =
      app.add_subcommand("tune", "Search for the best recipe; writes a folder with trials, best recipe and page");
  verb->add_option("recipe", o->recipe, "A recipe with a search: section, a file or a name (digits-tuned)");
  verb->add_option("overrides", o->overrides, "Changes to the recipe, as for train; search.sampler=random too");
  verb->add_option("--resume", o->resume, "Go on with a search, or join one that runs: processes share its trials");
  verb->add_option("--trials", o->trials, "Trials in all (else search.trials)")->check(CLI::Range(1, 1000000));
  verb->add_option("--minutes", o->minutes, "Stop after so long; --resume goes on")->check(CLI::Range(0.001, 1e6));
  CLI::Option* seed = verb->add_option("--seed", o->seed, "Of the search (else search.seed); the recipe has its own");
  verb->add_option("--find", o->find,
                   "Instead of a search, one setting in seconds: a learning rate, or the fastest batch")
      ->check(CLI::IsMember({"rate", "batch"}));
  verb->add_option("--data", o->data, "Folder of the data sets (else TANDEM_DATA, else the cache folder)");
  verb->add_option("--searches", o->searches, "Folder for searches")->capture_default_str();
  verb->add_flag("--json", o->json, "Print all trials as JSON instead of the best as a table");
  verb->callback([=, &context] {
    o->seeded = seed->count() > 0;
    context.action = [o, &context] { return run(*o, context); };
  });
}

}  // namespace tandem::cli
