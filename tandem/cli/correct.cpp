#include <tandem/base/text.h>
#include <tandem/cli/keys.h>
#include <tandem/cli/rows.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/texts.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/catalog.h>
#include <tandem/data/folder.h>
#include <tandem/people/learn.h>
#include <tandem/people/rehearsal.h>

#include <algorithm>
#include <charconv>
#include <memory>

namespace tandem::cli {
namespace {

struct Options {
  std::string run, example, label, person, subject, note, rehearse, data;
  people::Rehearsal rehearsal;
};

train::Recipe recipe_of(const train::RunFolder& folder) { return train::Recipe::read(Config::load(folder.recipe())); }

/// Labelled examples that the network has not learned from: another source, or the test part of its own.
data::Dataset shown_examples(const Options& o, const train::RunFolder& folder, const tasks::Classifier& model) {
  if (std::holds_alternative<tasks::ImageInput>(model.input)) {
    data::LoadOptions options;
    options.data_folder = data::data_folder(o.data);
    options.image = {model.image().height, model.image().width, model.image().channels};
    options.classes = model.classes;
    options.seed = o.rehearsal.seed + 1000;  // of built-in digits: others than those that training drew
    return data::load(o.rehearse, options).train;
  }
  train::Recipe recipe = recipe_of(folder);
  const bool own = recipe.data.source == o.rehearse;
  if (!own) recipe.data.source = o.rehearse, recipe.data.validation = recipe.data.test_share = 0;
  data::Splits data = train::prepare(recipe, data::data_folder(o.data));
  if (own && data.test.size() == 0)
    fail("--rehearse", "the network learned from all of {}: name data that it does not know", o.rehearse);
  return own ? std::move(data.test) : std::move(data.train);
}

int rehearse(const Options& o, const train::RunFolder& folder, people::Store& store, tasks::Classifier& model) {
  const data::Dataset shown = shown_examples(o, folder, model);
  const auto done = people::rehearse(store, model, shown, folder.path.filename().string(), o.rehearsal);
  fmt::print("{} {} of {} shown; {} right corrections and {} wrong ones kept in {}\n", grouped(done.shown),
             data::kind_of(shown.inputs), o.rehearse, done.right, done.wrong, people::store_path(folder).string());
  return 0;
}

/// "patients.csv:17", as predict names a row, or a file with one row.
data::Dataset row_of(const tasks::Classifier& model, const std::string& name) {
  std::error_code error;
  std::string file = name;
  int64_t line = 0;
  if (const size_t colon = name.rfind(':'); colon != std::string::npos && !fs::exists(name, error)) {
    const char* const end = name.data() + name.size();
    if (std::from_chars(name.data() + colon + 1, end, line).ptr == end) file = name.substr(0, colon);
  }
  const data::Dataset all = read_rows(model, {file}).set;
  if (line == 0 && all.size() == 1) return all;
  if (line == 0)
    fail("correct", "{} has {} rows: say which by its line, as in {}:{}", file, all.size(), file,
         all.size() > 0 ? all.table().lines[0] : 2);
  const auto& lines = all.table().lines;
  const auto found = std::ranges::find(lines, line);
  if (found == lines.end())
    fail("correct", "no row of {} begins in line {}: rows begin in lines {} to {}", file, line,
         lines.empty() ? 0 : lines.front(), lines.empty() ? 0 : lines.back());
  return data::subset(all, std::vector<int64_t>{found - lines.begin()});
}

/// The one example that is named.
data::Dataset example_of(const Options& o, const tasks::Classifier& model) {
  if (std::holds_alternative<tasks::TableInput>(model.input)) return row_of(model, o.example);
  if (std::holds_alternative<tasks::TextInput>(model.input)) {
    data::Dataset texts = read_texts(model, {o.example});
    if (texts.size() != 1) fail("correct", "{} has {} texts: give one", o.example, texts.size());
    return texts;
  }
  return data::load_pictures(".", {o.example}, model.classes,
                             {model.image().height, model.image().width, model.image().channels});
}

int run(const Options& o) {
  const train::RunFolder folder = train::RunFolder::open(o.run);
  tasks::Classifier model = tasks::Classifier::load(folder.model());
  if (o.rehearse.empty() == (o.example.empty() || o.label.empty()))
    fail("correct", "give a picture, a text or a row and its right label, or --rehearse DATA");
  if (o.rehearse.empty() && std::ranges::find(model.classes, o.label) == model.classes.end()) {
    const std::string near = nearest_name(o.label, model.classes);
    fail("correct", "'{}' is no class of this network{}; there are {}", o.label,
         near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), join(model.classes));
  }
  if (!o.rehearse.empty()) {
    people::Store store(people::store_path(folder));
    return rehearse(o, folder, store, model);
  }
  people::Decision decision = people::decide(model, example_of(o, model), folder.path.filename().string()).front();
  decision.subject = o.subject;
  people::Store store(people::store_path(folder));
  const int64_t id = store.add(decision);
  const std::string person = person_or_user(o.person);
  store.correct({.decision = id, .person = person, .label = o.label, .note = o.note});
  fmt::print("decision {}: read as {} ({:.1f} %), {} says {}\n", id, decision.label, 100 * decision.probability, person,
             o.label);
  say("next     tandem learn " + o.run);
  return 0;
}

}  // namespace

void add_correct(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand(
      "correct", "Tell a network what a picture shows, or of which class a text or a row is; `learn` takes it in");
  verb->add_option("run", o->run, "A run folder")->required();
  verb->add_option("example", o->example,
                   "A picture (PNG, JPEG), a text or a file with one, or a row of a CSV file by its line: new.csv:17");
  verb->add_option("label", o->label, "What it is: a class of the network");
  verb->add_option("--person", o->person, "Who says so (default: the user's name)");
  verb->add_option("--subject", o->subject, "Whose it is, for `records`");
  verb->add_option("--note", o->note, "Why, for people");
  verb->add_option("--rehearse", o->rehearse, "Play people who correct the network's mistakes on this labelled data");
  verb->add_option("--count", o->rehearsal.corrections, "--rehearse: how many corrections")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  verb->add_option("--bad", o->rehearsal.bad, "--rehearse: this share of them is wrong, all by the first person")
      ->check(CLI::Range(0.0, 1.0));
  verb->add_option("--people", o->rehearsal.people, "--rehearse: how many people share the right ones")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  verb->add_option("--seed", o->rehearsal.seed, "--rehearse: which examples")->capture_default_str();
  verb->add_option("--data", o->data, "--rehearse: folder of the data sets");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
