#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/catalog.h>
#include <tandem/people/learn.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

namespace tandem::cli {
namespace {

struct Options {
  std::string run, data;
  people::LearnOptions learn;
  bool json = false;
};

int run(const Options& o) {
  const auto started = std::chrono::steady_clock::now();
  const people::Update u = people::learn(train::RunFolder::open(o.run), data::data_folder(o.data), o.learn);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (o.json) {
    fmt::print("{}\n", nlohmann::ordered_json{{"from", u.from},
                                              {"to", u.to},
                                              {"corrections", u.corrections},
                                              {"set_aside", u.set_aside},
                                              {"accuracy_before", u.accuracy_before},
                                              {"accuracy_after", u.accuracy_after},
                                              {"asked", u.asked},
                                              {"outcome", people::name_of(u.outcome)},
                                              {"verdict", people::words_of(u)},
                                              {"seconds", seconds}}
                           .dump(2));
    return 0;
  }
  fmt::print("{}\n", people::words_of(u));
  if (u.id == 0) return 0;
  fmt::print("  corrections         {} believed, {} set aside\n", u.corrections, u.set_aside);
  fmt::print("  held back           {:.2f} % right before, {:.2f} % after\n", 100 * u.accuracy_before,
             100 * u.accuracy_after);
  if (u.to > 0)
    fmt::print("  version {} is live    (back: tandem versions {} --restore {})\n", u.to, o.run, u.from);
  else
    fmt::print("  version {} stays live\n", u.from);
  say("took     " + clock(seconds));
  return 0;
}

}  // namespace

void add_learn(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("learn", "Learn from corrections: a small update, tested before it goes live");
  verb->add_option("run", o->run, "A run folder")->required();
  verb->add_option("--steps", o->learn.steps, "At most so many steps")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  verb->add_option("--rate", o->learn.lr, "Of learning (Adam)")->capture_default_str()->check(CLI::Range(0.0, 1.0));
  verb->add_option("--allowed", o->learn.allowed,
                   "Share of the examples held back that may be lost against the best version so far")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  verb->add_option("--seed", o->learn.seed, "Of the update")->capture_default_str();
  verb->add_option("--data", o->data, "Folder of the data sets; needed the first time, when the run's memory is made");
  verb->add_flag("--json", o->json, "As JSON");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
