#include <tandem/base/text.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/texts.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/catalog.h>
#include <tandem/data/duplicates.h>
#include <tandem/data/formats/csv_field.h>
#include <tandem/data/formats/image.h>
#include <tandem/data/sheet.h>
#include <tandem/people/suspects.h>
#include <tandem/train/run.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

namespace tandem::cli {
namespace {

struct Options {
  std::string source, recipe, data, out;
  std::vector<std::string> overrides;
  std::vector<int64_t> size;
  int64_t folds = 3, rows = 20;
  double flip = 0;
  uint64_t seed = 1;
  bool json = false;
};

/// The recipe that judges what lies at a source, when none is named: by what it is.
std::string usual_recipe(const std::string& source) {
  static const std::set<std::string> named_texts{"mr_polarity", "chnsenticorp", "banking77", "clinc150"};
  if (named_texts.contains(source)) return "check-texts";
  std::error_code error;
  const auto texts_in = [&](const fs::path& folder) {
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
      if (at->path().extension() == ".txt") return true;
    return false;
  };
  if (data::is_table(source)) return "check-rows";
  return data::is_text_file(source) || texts_in(source) ? "check-texts" : "check";
}

struct Found {
  int64_t flipped = 0, among = 0;  // labels that were changed, and how many of them are suspects
};

/// An example for people: a text's beginning, a row's line; of a picture its number says all.
std::string shown(const data::Dataset& set, int64_t index) {
  if (set.has_texts()) return shortened(set.texts()[static_cast<size_t>(index)], 60);
  return set.has_table() ? fmt::format("line {}", set.table().lines[static_cast<size_t>(index)]) : "";
}

/// The suspects for who mends them: pictures as a sheet, the most doubtful first, a row each likely class; texts and
/// rows as a table.
void write_suspects(const data::Dataset& set, const std::vector<people::Suspect>& all, const fs::path& path) {
  if (!set.has_pictures()) {
    std::string csv = set.has_texts() ? "example,label,probably,p_label,p,text\n" : "line,label,probably,p_label,p\n";
    for (const auto& s : all) {
      const auto i = static_cast<size_t>(s.index);
      csv += fmt::format("{},{},{},{:.4f},{:.4f}", set.has_table() ? set.table().lines[i] : s.index,
                         data::csv_field(set.classes[static_cast<size_t>(s.given)]),
                         data::csv_field(set.classes[static_cast<size_t>(s.likely)]), s.given_probability,
                         s.likely_probability);
      csv += set.has_texts() ? "," + data::csv_field(set.texts()[i]) + "\n" : "\n";
    }
    return write_text(path, csv);
  }
  std::vector<int64_t> which;
  for (const auto& s : all) which.push_back(s.index);
  data::Dataset shown = data::subset(set, which);
  for (size_t i = 0; i < all.size(); ++i) shown.labels[i] = all[i].likely;
  write_file(path, data::encode_png(data::contact_sheet(shown, {.columns = 16, .shuffle = false})));
}

int run(const Options& o) {
  Config config = train::find_recipe(o.recipe.empty() ? usual_recipe(o.source) : o.recipe);
  train::apply_overrides(config, o.overrides);
  train::Recipe recipe = train::Recipe::read(config);
  recipe.data.source = o.source;
  recipe.data.folds = 0;
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
  const bool pictures = data.train.has_pictures();
  const fs::path sheet =
      o.out.empty() ? fs::path(fs::path(o.source).stem().string() + (pictures ? "-suspects.png" : "-suspects.csv"))
                    : fs::path(o.out);
  if (!all.empty()) write_suspects(data.train, all, sheet);

  if (o.json) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const auto& s : all)
      rows.push_back({{"index", s.index},
                      {"given", classes[static_cast<size_t>(s.given)]},
                      {"likely", classes[static_cast<size_t>(s.likely)]},
                      {"given_probability", s.given_probability},
                      {"likely_probability", s.likely_probability},
                      {"shown", shown(data.train, s.index)}});
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
    fmt::print("  {:>8}  {:<16} {:<16} {:>7.2f} %  {:>7.2f} %  {}\n", all[i].index,
               classes[static_cast<size_t>(all[i].given)], classes[static_cast<size_t>(all[i].likely)],
               100 * all[i].given_probability, 100 * all[i].likely_probability, shown(data.train, all[i].index));
  if (std::ssize(all) > o.rows) fmt::print("  … {} more (--rows, --json)\n", std::ssize(all) - o.rows);
  fmt::print("{} {} are in the training part twice, {} of them with two labels; {} are in the test part too\n",
             grouped(std::ssize(twice)), data::kind_of(data.train.inputs), grouped(contradicting),
             grouped(std::ssize(leaked)));
  if (o.flip > 0)
    fmt::print("of {} labels that were changed {} are found ({:.1f} %); {:.1f} % of the suspects were changed\n",
               grouped(found.flipped), grouped(found.among), 100 * recall, 100 * precision);
  if (!all.empty())
    fmt::print("{}: {}\n", pictures ? "contact sheet, a row for each class they probably are" : "all of them",
               sheet.string());
  return 0;
}

}  // namespace

void add_data_check(CLI::App& data, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = data.add_subcommand("check", "Find labels that are probably wrong, and examples that occur twice");
  verb->add_option("name", o->source, "A name of the list, or a path")->required();
  verb->add_option("overrides", o->overrides, "Changes to the recipe: data.table.target=ill");
  verb->add_option("--recipe", o->recipe,
                   "Whose network and training judge the labels (default: check, check-texts or check-rows; a .csv is "
                   "taken for a table)");
  verb->add_option("--folds", o->folds, "Networks that share the judging")
      ->capture_default_str()
      ->check(CLI::Range(2, 20));
  verb->add_option("--size", o->size, "Height and width to bring pictures to")->expected(1, 2);
  verb->add_option("--rows", o->rows, "Suspects to print")->capture_default_str();
  verb->add_option("--out", o->out,
                   "Where to write the suspects: a contact sheet (PNG), or of texts and rows a table (CSV)");
  verb->add_option("--flip", o->flip, "Change this share of the labels first, and say how many of them are found")
      ->check(CLI::Range(0.0, 1.0));
  verb->add_option("--seed", o->seed, "Of the folds, the training and --flip")->capture_default_str();
  verb->add_option("--data", o->data, "Folder of the data sets");
  verb->add_flag("--json", o->json, "As JSON, with every suspect");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
