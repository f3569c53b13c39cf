#include <tandem/base/text.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/catalog.h>
#include <tandem/data/duplicates.h>
#include <tandem/data/formats/image.h>
#include <tandem/data/sheet.h>
#include <tandem/people/suspects.h>
#include <tandem/train/run.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <set>

namespace tandem::cli {
namespace {

struct Options {
  std::string source, recipe = "check", data, out;
  std::vector<int64_t> size;
  int64_t folds = 3, rows = 20;
  double flip = 0;
  uint64_t seed = 1;
  bool json = false;
};

struct Found {
  int64_t flipped = 0, among = 0;  // labels that were changed, and how many of them are suspects
};

// The suspects as a sheet, the most doubtful first, a row each likely class.
void write_sheet(const data::Dataset& set, const std::vector<people::Suspect>& all, const fs::path& path) {
  std::vector<int64_t> which;
  for (const auto& s : all) which.push_back(s.index);
  data::Dataset shown = data::subset(set, which);
  for (size_t i = 0; i < all.size(); ++i) shown.labels[i] = all[i].likely;
  write_file(path, data::encode_png(data::contact_sheet(shown, {.columns = 16, .shuffle = false})));
}

int run(const Options& o) {
  train::Recipe recipe = train::Recipe::read(train::find_recipe(o.recipe));
  recipe.data.source = o.source;
  recipe.data.validation = recipe.data.test_share = 0;
  recipe.data.size = o.size;
  if (o.size.size() == 1) recipe.data.size.assign(2, o.size[0]);
  recipe.seed = o.seed;
  data::Splits data = train::prepare(recipe, data::data_folder(o.data));
  const auto twice = data::duplicates(data.train), leaked = data::duplicates(data.train, data.test);
  int64_t contradicting = 0;
  for (const auto& d : twice)
    contradicting +=
        data.train.labels[static_cast<size_t>(d.first)] != data.train.labels[static_cast<size_t>(d.second)];

  const std::vector<int64_t> flipped = people::flip_labels(data.train, o.flip, o.seed);
  say(fmt::format("{}: {} examples judged by {} networks that learned from the others", o.source,
                  grouped(data.train.size()), o.folds));
  TrainingDisplay display;
  catch_interrupts();
  train::Hooks hooks;
  hooks.step = [&](const train::Progress& p) { display.step(p); };
  hooks.epoch = [&](const evaluate::EpochPoint& p, bool best) { display.epoch(p, recipe.train.epochs, best); };
  hooks.stop = [] { return interrupted(); };
  const auto probabilities = people::cross_validated(recipe, data.train, o.folds, hooks);
  if (probabilities.empty()) return 130;
  const auto& classes = data.train.classes;
  const auto all = people::suspects(probabilities, std::ssize(classes), data.train.labels);

  Found found{std::ssize(flipped), 0};
  const std::set<int64_t> changed(flipped.begin(), flipped.end());
  for (const auto& s : all) found.among += changed.contains(s.index) ? 1 : 0;
  const double recall = found.flipped > 0 ? static_cast<double>(found.among) / static_cast<double>(found.flipped) : 0;
  const double precision = all.empty() ? 0 : static_cast<double>(found.among) / static_cast<double>(all.size());
  const fs::path sheet =
      o.out.empty() ? fs::path(fs::path(o.source).stem().string() + "-suspects.png") : fs::path(o.out);
  if (!all.empty()) write_sheet(data.train, all, sheet);

  if (o.json) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const auto& s : all)
      rows.push_back({{"index", s.index},
                      {"given", classes[static_cast<size_t>(s.given)]},
                      {"likely", classes[static_cast<size_t>(s.likely)]},
                      {"given_probability", s.given_probability},
                      {"likely_probability", s.likely_probability}});
    nlohmann::ordered_json report{{"data", o.source},
                                  {"examples", data.train.size()},
                                  {"suspects", all.size()},
                                  {"duplicates", twice.size()},
                                  {"contradicting_duplicates", contradicting},
                                  {"leaked_into_test", leaked.size()},
                                  {"sheet", all.empty() ? "" : sheet.string()}};
    if (o.flip > 0)
      report["flipped"] = {
          {"labels", found.flipped}, {"found", found.among}, {"recall", recall}, {"precision", precision}};
    report["labels"] = rows;
    fmt::print("{}\n", report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return 0;
  }
  fmt::print("{} labels are probably wrong ({:.2f} % of {})\n", grouped(std::ssize(all)),
             100 * static_cast<double>(all.size()) / static_cast<double>(data.train.size()),
             grouped(data.train.size()));
  if (!all.empty())
    fmt::print("  {:>8}  {:<16} {:<16} {:>9}  {:>9}\n", "example", "label", "probably", "p(label)", "p");
  for (size_t i = 0; i < std::min(all.size(), static_cast<size_t>(o.rows)); ++i)
    fmt::print("  {:>8}  {:<16} {:<16} {:>7.2f} %  {:>7.2f} %\n", all[i].index,
               classes[static_cast<size_t>(all[i].given)], classes[static_cast<size_t>(all[i].likely)],
               100 * all[i].given_probability, 100 * all[i].likely_probability);
  if (std::ssize(all) > o.rows) fmt::print("  … {} more (--rows, --json)\n", std::ssize(all) - o.rows);
  fmt::print("{} pictures are in the training part twice, {} of them with two labels; {} are in the test part too\n",
             grouped(std::ssize(twice)), grouped(contradicting), grouped(std::ssize(leaked)));
  if (o.flip > 0)
    fmt::print("of {} labels that were changed {} are found ({:.1f} %); {:.1f} % of the suspects were changed\n",
               grouped(found.flipped), grouped(found.among), 100 * recall, 100 * precision);
  if (!all.empty()) fmt::print("contact sheet, a row for each class they probably are: {}\n", sheet.string());
  return 0;
}

}  // namespace

void add_data_check(CLI::App& data, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = data.add_subcommand("check", "Find labels that are probably wrong, and pictures that occur twice");
  verb->add_option("name", o->source, "A name of the list, or a path")->required();
  verb->add_option("--recipe", o->recipe, "Whose network and training judge the labels")->capture_default_str();
  verb->add_option("--folds", o->folds, "Networks that share the judging")
      ->capture_default_str()
      ->check(CLI::Range(2, 20));
  verb->add_option("--size", o->size, "Height and width to bring pictures to")->expected(1, 2);
  verb->add_option("--rows", o->rows, "Suspects to print")->capture_default_str();
  verb->add_option("--out", o->out, "Where to write the contact sheet of the suspects (PNG)");
  verb->add_option("--flip", o->flip, "Change this share of the labels first, and say how many of them are found")
      ->check(CLI::Range(0.0, 1.0));
  verb->add_option("--seed", o->seed, "Of the folds, the training and --flip")->capture_default_str();
  verb->add_option("--data", o->data, "Folder of the data sets");
  verb->add_flag("--json", o->json, "As JSON, with every suspect");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
