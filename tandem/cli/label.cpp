#include <tandem/cli/keys.h>
#include <tandem/cli/pictures.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/texts.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/catalog.h>
#include <tandem/evaluate/report.h>
#include <tandem/people/labelling.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

namespace tandem::cli {
namespace {

struct Options {
  std::string guide, source, person, data;
  std::vector<std::string> classes;
  std::vector<int64_t> sizes{100, 200, 300, 400, 600, 800, 1000, 1400, 2000, 3000, 4000};
  std::vector<std::string> overrides;
  int64_t most = 0, pool = 0, steps = 300;
  uint64_t seed = 1;
  double reach = 0;
  bool curve = false, json = false;
};

bool is_model(const std::string& guide) {
  return fs::is_regular_file(fs::path(guide) / "recipe.yaml") || fs::path(guide).extension() == ".safetensors";
}

train::Recipe recipe_of(const Options& o) {
  Config config = train::find_recipe(o.guide);
  train::apply_overrides(config, o.overrides);
  return train::Recipe::read(config);
}

// What the order is worth, when the source's own labels answer.
int curve(const Options& o) {
  if (is_model(o.guide)) fail("label", "--curve trains networks of its own: name a recipe in place of {}", o.guide);
  train::Recipe recipe = recipe_of(o);
  recipe.data.source = o.source;
  recipe.data.train = o.pool;
  recipe.seed = o.seed;
  const data::Splits data = train::prepare(recipe, data::data_folder(o.data));
  const auto measure = [&](const char* how, bool useful) {
    say(fmt::format("asking {}", how));
    return people::label_curve(
        recipe, data.train, data.test, o.sizes, useful, o.steps, o.reach > 0 ? o.reach : 2,
        [](const people::CurvePoint& p) { say(fmt::format("  {:>7} labels  {:6.2f} %", p.labels, 100 * p.accuracy)); });
  };
  const auto useful = measure("what is most useful", true), random = measure("at random", false);
  if (!o.json) fmt::print("{:>8}  {:>9}  {:>9}\n", "labels", "useful", "random");
  nlohmann::ordered_json points = nlohmann::ordered_json::array();
  for (size_t i = 0; i < std::max(useful.size(), random.size()); ++i) {  // one that reached --reach has fewer points
    const auto accuracy = [&](const auto& points_of) {
      return i < points_of.size() ? std::optional(points_of[i].accuracy) : std::nullopt;
    };
    const auto a = accuracy(useful), b = accuracy(random);
    const auto number = [](std::optional<double> v) {
      return v ? nlohmann::ordered_json(*v) : nlohmann::ordered_json(nullptr);
    };
    const auto percent = [](std::optional<double> v) { return v ? fmt::format("{:.2f} %", 100 * *v) : "-"; };
    if (o.json)
      points.push_back({{"labels", o.sizes[i]}, {"useful", number(a)}, {"random", number(b)}});
    else
      fmt::print("{:>8}  {:>9}  {:>9}\n", o.sizes[i], percent(a), percent(b));
  }
  if (o.json) {
    fmt::print("{}\n", points.dump(2));
  } else if (o.reach > 0) {
    const auto in_words = [&](std::span<const people::CurvePoint> points_of) {
      const auto labels = people::labels_for(points_of, o.reach);
      return labels ? fmt::format("{:.0f} labels", *labels) : fmt::format("more than {} labels", o.sizes.back());
    };
    fmt::print("{:.2f} % take {} with useful questions, {} with random ones\n", 100 * o.reach, in_words(useful),
               in_words(random));
  }
  return 0;
}

people::Labelling open(const Options& o) {
  const std::string person = person_or_user(o.person);
  const people::LabellingOptions options{.steps = o.steps, .seed = o.seed};
  if (is_model(o.guide)) return {o.source, person, tasks::Classifier::load(train::model_path(o.guide)), options};
  const train::Recipe recipe = recipe_of(o);
  return {o.source, person, recipe, o.classes.empty() ? recipe.data.classes : o.classes, options};
}

/// The example for a person at a terminal.
std::string drawn(const data::Dataset& example) {
  if (example.has_texts()) return shortened(example.texts()[0], 1500) + "\n";
  if (!example.has_table()) {
    const Shape& s = example.pixels().shape();
    return blocks(example.pixels().view({s[1], s[2], s[3]}), has_colour());
  }
  int64_t wide = 0;
  for (const data::Column& c : example.table().columns) wide = std::max(wide, evaluate::display_width(c.name));
  std::string out;
  for (const data::Column& c : example.table().columns)
    out += fmt::format("  {}  {}\n", padded(c.name, wide), c.is_missing(0) ? "-" : c.text(0));
  return out;
}

void show(const people::Question& q, const people::Labelling& work, const std::vector<std::string>& keys) {
  std::string line;
  for (size_t c = 0; c < keys.size(); ++c)
    line += keys[c].empty()                ? ""
            : keys[c] == work.classes()[c] ? keys[c] + " "
                                           : keys[c] + " " + work.classes()[c] + "  ";
  say("");
  std::fputs(drawn(q.example).c_str(), stderr);
  say(fmt::format("{}  {}({} done, {} left)", q.name,
                  q.guess.empty() ? "" : fmt::format("{}? {:.0f} %  ", q.guess, 100 * q.probability), work.done(),
                  work.left()));
  say(fmt::format("{} | space or an empty line: leave open | backspace or <: back | Ctrl-D: enough", line));
}

int run(const Options& o) {
  if (o.curve) return curve(o);
  catch_interrupts();
  people::Labelling work = open(o);
  const std::vector<std::string> keys = keys_for(work.classes());
  int64_t answers = 0;
  while (o.most == 0 || answers < o.most) {
    const auto question = work.next();
    if (!question) break;
    show(*question, work, keys);
    std::optional<std::string> said = interrupted() ? std::nullopt : ask();
    if (!said) break;
    if (*said == "<") {
      if (work.undo()) --answers;
      continue;
    }
    const auto key = std::ranges::find(keys, *said);
    try {
      work.answer(key == keys.end() || said->empty() ? *said : work.classes()[static_cast<size_t>(key - keys.begin())]);
      ++answers;
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::usage) throw;
      say(e.what());  // a slip of the finger: it is asked again
    }
  }
  const std::string kept = work.pile().kept_in().string();
  fmt::print("{} answers now, {} {} done, {} left: {}\n", answers, work.done(),
             data::kind_of(work.pile().examples().inputs), work.left(), kept);
  say(fmt::format("train with them: tandem train {} data={}", is_model(o.guide) ? "RECIPE" : o.guide,
                  work.pile().examples().has_pictures() ? o.source : kept));
  return 0;
}

}  // namespace

void add_label(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("label", "Ask a person for labels, the most useful examples first");
  verb->add_option("guide", o->guide, "A run or model that is to be helped, or a recipe to start from nothing")
      ->required();
  verb->add_option(
          "source", o->source,
          "A folder of pictures, whose labels.csv takes the answers; a file of texts (a line each, CSV, JSONL) "
          "or a CSV file of rows: NAME.labels.csv beside it takes them")
      ->required();
  verb->add_option("overrides", o->overrides, "Changes to the recipe: optimizer.lr=1e-3");
  verb->add_option("--classes", o->classes, "The classes, when a recipe does not name them: cat,dog")->delimiter(',');
  verb->add_option("--person", o->person, "Who answers (default: the user's name)");
  verb->add_option("--most", o->most, "Stop after so many answers (0: when all are done)")->capture_default_str();
  verb->add_option("--steps", o->steps, "Steps of training behind each new order, from a recipe")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  verb->add_option("--seed", o->seed, "Of the order")->capture_default_str();
  verb->add_flag(
      "--curve", o->curve,
      "Ask nobody: a data set's own labels answer, and the accuracy on its test part after so many labels is "
      "printed for useful and for random questions");
  verb->add_option("--sizes", o->sizes, "--curve: numbers of labels to measure at")->delimiter(',');
  verb->add_option("--reach", o->reach, "--curve: say how many labels this accuracy takes, and measure no further")
      ->check(CLI::Range(0.0, 1.0));
  verb->add_option("--pool", o->pool, "--curve: choose among so many examples (0: all)")->capture_default_str();
  verb->add_option("--data", o->data, "--curve: folder of the data sets (else TANDEM_DATA, else the cache folder)");
  verb->add_flag("--json", o->json, "--curve: as JSON");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
