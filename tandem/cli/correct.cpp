#include <tandem/base/text.h>
#include <tandem/cli/keys.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/catalog.h>
#include <tandem/data/folder.h>
#include <tandem/people/learn.h>
#include <tandem/people/rehearsal.h>

#include <algorithm>
#include <memory>

namespace tandem::cli {
namespace {

struct Options {
  std::string run, picture, label, person, subject, note, rehearse, data;
  people::Rehearsal rehearsal;
};

int rehearse(const Options& o, const train::RunFolder& folder, people::Store& store, tasks::Classifier& model) {
  data::LoadOptions options;
  options.data_folder = data::data_folder(o.data);
  options.image = {model.image().height, model.image().width, model.image().channels};
  options.classes = model.classes;
  options.seed = o.rehearsal.seed + 1000;  // of built-in digits: others than those that training drew
  const data::Dataset shown = data::load(o.rehearse, options).train;
  const auto done = people::rehearse(store, model, shown, folder.path.filename().string(), o.rehearsal);
  fmt::print("{} pictures of {} shown; {} right corrections and {} wrong ones kept in {}\n", grouped(done.shown),
             o.rehearse, done.right, done.wrong, people::store_path(folder).string());
  return 0;
}

int run(const Options& o) {
  const train::RunFolder folder = train::RunFolder::open(o.run);
  tasks::Classifier model = tasks::Classifier::load(folder.model());
  if (o.rehearse.empty() == (o.picture.empty() || o.label.empty()))
    fail("correct", "give a picture and its right label, or --rehearse DATA");
  if (o.rehearse.empty() && std::ranges::find(model.classes, o.label) == model.classes.end()) {
    const std::string near = nearest_name(o.label, model.classes);
    fail("correct", "'{}' is no class of this network{}; there are {}", o.label,
         near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), join(model.classes));
  }
  if (!o.rehearse.empty()) {
    people::Store store(people::store_path(folder));
    return rehearse(o, folder, store, model);
  }
  const data::Dataset one = data::load_pictures(".", {o.picture}, model.classes,
                                                {model.image().height, model.image().width, model.image().channels});
  people::Decision decision = people::decide(model, one, folder.path.filename().string()).front();
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
  CLI::App* verb = app.add_subcommand("correct", "Tell a network what a picture shows; `learn` takes it in");
  verb->add_option("run", o->run, "A run folder")->required();
  verb->add_option("picture", o->picture, "A picture (PNG, JPEG)");
  verb->add_option("label", o->label, "What it shows: a class of the network");
  verb->add_option("--person", o->person, "Who says so (default: the user's name)");
  verb->add_option("--subject", o->subject, "Whose picture it is, for `records`");
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
  verb->add_option("--seed", o->rehearsal.seed, "--rehearse: which pictures")->capture_default_str();
  verb->add_option("--data", o->data, "--rehearse: folder of the data sets");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
