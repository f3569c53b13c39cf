#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/people/learn.h>

#include <memory>

namespace tandem::cli {
namespace {

struct Options {
  std::string run, person, forget;
};

int run(const Options& o) {
  const train::RunFolder folder = train::RunFolder::open(o.run);
  const fs::path path = people::store_path(folder);
  if (!fs::exists(path)) fail(ErrorKind::file, path.string(), "does not exist: nothing was kept of this run yet");
  people::Store store(path);
  if (!o.forget.empty()) {
    fmt::print("{} records of {} are deleted\n", store.forget(o.forget), o.forget);
    say("a version that learned from them still stands: tandem versions " + o.run);
    return 0;
  }
  if (!o.person.empty()) {
    fmt::print("{}", store.records_of(o.person));
    return 0;
  }
  fmt::print("{} decisions kept, {} wait for a person\n", store.decisions(), store.waiting(1'000'000).size());
  const auto all = store.corrections();
  if (all.empty()) return 0;
  fmt::print("  {:>10}  {:>8}  {:<24}  {:<16}  {:<12}  {:>7}  {}\n", "correction", "decision", "time", "person",
             "label", "trust", "learned");
  for (const people::Correction& c : all)
    fmt::print("  {:>10}  {:>8}  {:<24}  {:<16}  {:<12}  {:>7}  {}\n", c.id, c.decision, c.time, c.person, c.label,
               c.trust < 0 ? "-" : fmt::format("{:.1f} %", 100 * c.trust),
               c.version > 0                  ? fmt::format("version {}", c.version)
               : c.trust < 0 || c.trust > 0.5 ? "not yet"
                                              : "set aside");
  return 0;
}

}  // namespace

void add_records(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb =
      app.add_subcommand("records", "What is kept of decisions and corrections; export or delete a person's");
  verb->add_option("run", o->run, "A run folder")->required();
  CLI::Option* person = verb->add_option("--person", o->person, "Print all that is kept of this person, as JSON");
  verb->add_option("--forget", o->forget, "Delete all that is kept of this person")->excludes(person);
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
