#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/catalog.h>
#include <tandem/people/memory.h>
#include <tandem/people/versions.h>

#include <memory>
#include <nlohmann/json.hpp>

namespace tandem::cli {
namespace {

struct Options {
  std::string run, data;
  std::vector<int64_t> compare;
  int64_t restore = 0;
  bool json = false;
};

int compare(const Options& o, const train::RunFolder& folder, const people::Versions& versions) {
  const people::Memory memory = people::memory_of(folder, data::data_folder(o.data));
  tasks::Classifier first = versions.load(o.compare[0]), second = versions.load(o.compare[1]);
  const people::Comparison c = people::compare(first, second, memory.held_back);
  const auto n = static_cast<double>(memory.held_back.size());
  const double a = static_cast<double>(c.both + c.only_first) / n, b = static_cast<double>(c.both + c.only_second) / n;
  if (o.json) {
    fmt::print("{}\n", nlohmann::ordered_json{{"first", o.compare[0]},
                                              {"second", o.compare[1]},
                                              {"examples", memory.held_back.size()},
                                              {"accuracy", {a, b}},
                                              {"both", c.both},
                                              {"only_first", c.only_first},
                                              {"only_second", c.only_second},
                                              {"neither", c.neither}}
                           .dump(2));
    return 0;
  }
  fmt::print("on {} examples held back\n", memory.held_back.size());
  fmt::print("  version {:<4} {:.2f} % right, {} that version {} has not\n", o.compare[0], 100 * a, c.only_first,
             o.compare[1]);
  fmt::print("  version {:<4} {:.2f} % right, {} that version {} has not\n", o.compare[1], 100 * b, c.only_second,
             o.compare[0]);
  return 0;
}

int run(const Options& o) {
  const train::RunFolder folder = train::RunFolder::open(o.run);
  people::Versions versions(folder);
  if (!o.compare.empty()) return compare(o, folder, versions);
  if (o.restore > 0) {
    const int64_t before = versions.live().number;
    versions.make_live(o.restore);
    fmt::print("version {} is live again; it was {}\n", o.restore, before);
    return 0;
  }
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  if (!o.json)
    fmt::print("  {:>7}  {:>4}  {:<24}  {:>11}  {:>9}\n", "version", "from", "time", "corrections", "held back");
  for (const people::Version& v : versions.list()) {
    if (o.json)
      list.push_back(
          {{"version", v.number},
           {"from", v.parent},
           {"time", v.time},
           {"corrections", v.corrections},
           {"accuracy", v.accuracy < 0 ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(v.accuracy)},
           {"live", v.live}});
    else
      fmt::print("  {:>7}  {:>4}  {:<24}  {:>11}  {:>9}{}\n", v.number, v.parent > 0 ? std::to_string(v.parent) : "-",
                 v.time, v.corrections, v.accuracy < 0 ? "-" : fmt::format("{:.2f} %", 100 * v.accuracy),
                 v.live ? "  live" : "");
  }
  if (o.json) fmt::print("{}\n", list.dump(2));
  return 0;
}

}  // namespace

void add_versions(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("versions", "List, compare and restore what a network was before it learned");
  verb->add_option("run", o->run, "A run folder")->required();
  CLI::Option* both = verb->add_option("--compare", o->compare, "Two versions, on the examples held back")->expected(2);
  verb->add_option("--restore", o->restore, "Make this version live again")
      ->check(CLI::Range(1, 1000000))
      ->excludes(both);
  verb->add_option("--data", o->data, "--compare: folder of the data sets, when the run has no memory yet");
  verb->add_flag("--json", o->json, "As JSON");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
