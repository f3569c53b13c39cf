#include <tandem/base/text.h>
#include <tandem/cli/plot.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/train/mlflow.h>
#include <tandem/train/runs.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

namespace tandem::cli {
namespace {

using nlohmann::ordered_json;
using train::RunSummary;

struct Options {
  std::vector<std::string> names;
  std::string runs = "runs", plot, mlflow, experiment = "tandem";
  bool json = false;
};

const std::map<std::string, double evaluate::EpochPoint::*>& figures() {
  static const std::map<std::string, double evaluate::EpochPoint::*> all{
      {"train_loss", &evaluate::EpochPoint::train_loss},
      {"validation_loss", &evaluate::EpochPoint::validation_loss},
      {"train_accuracy", &evaluate::EpochPoint::train_accuracy},
      {"validation_accuracy", &evaluate::EpochPoint::validation_accuracy},
      {"learning_rate", &evaluate::EpochPoint::learning_rate},
      {"seconds", &evaluate::EpochPoint::seconds}};
  return all;
}

ordered_json number(double v) { return std::isfinite(v) ? ordered_json(v) : ordered_json(nullptr); }
std::string share(double v) { return std::isfinite(v) ? fmt::format("{:.2f} %", 100 * v) : "-"; }

double seconds_of(const RunSummary& run) {
  double out = 0;
  for (const auto& e : train::epochs_of(run.folder)) out += std::isfinite(e.seconds) ? e.seconds : 0;
  return out;
}

// A run by its folder, or by its name in the folder of runs.
std::vector<RunSummary> chosen(const Options& o) {
  if (o.names.empty()) return train::list_runs({o.runs});
  std::vector<RunSummary> out;
  for (const std::string& name : o.names) {
    const fs::path in_runs = fs::path(o.runs) / name;
    out.push_back(train::summary(
        train::RunFolder::open(fs::is_regular_file(in_runs / "recipe.yaml") ? in_runs : fs::path(name))));
  }
  return out;
}

// The keys whose values are not the same in all recipes; "" where a recipe has no such key.
std::vector<std::pair<std::string, std::vector<std::string>>> differences(const std::vector<RunSummary>& runs) {
  std::vector<std::string> keys;
  std::vector<std::map<std::string, std::string>> recipes;
  for (const RunSummary& run : runs) {
    recipes.emplace_back();
    for (const auto& [key, value] : train::flat(Config::load(run.folder.recipe()))) {
      recipes.back()[key] = value;
      if (std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
    }
  }
  std::vector<std::pair<std::string, std::vector<std::string>>> out;
  for (const std::string& key : keys) {
    std::vector<std::string> values;
    for (const auto& recipe : recipes) values.push_back(recipe.contains(key) ? recipe.at(key) : "");
    if (std::ranges::any_of(values, [&](const auto& v) { return v != values.front(); })) out.emplace_back(key, values);
  }
  return out;
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows.front().size());
  for (const auto& row : rows)
    for (size_t c = 0; c < row.size(); ++c)
      widths[c] = std::max(widths[c], static_cast<size_t>(evaluate::display_width(row[c])));
  for (const auto& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string room(widths[c] - static_cast<size_t>(evaluate::display_width(row[c])), ' ');
      line += "  " + (c == 0 ? row[c] + room : room + row[c]);
    }
    fmt::print("{}\n", line);
  }
}

void list(const std::vector<RunSummary>& runs) {
  std::vector<std::vector<std::string>> rows{
      {"run", "state", "epochs", "validation", "test", "parameters", "time", "when"}};
  for (const RunSummary& r : runs)
    rows.push_back({r.name, r.state, fmt::format("{}/{}", r.epochs, r.planned), share(r.validation), share(r.accuracy),
                    r.parameters > 0 ? grouped(r.parameters) : "-", clock(seconds_of(r)),
                    train::utc(r.changed).substr(0, 16).replace(10, 1, " ")});
  print_table(rows);
}

void compare(const std::vector<RunSummary>& runs) {
  list(runs);
  if (runs.size() < 2) return;
  std::vector<std::vector<std::string>> rows{{"what differs"}};
  for (const RunSummary& r : runs) rows.front().push_back(r.name);
  for (const auto& [key, values] : differences(runs)) {
    if (key == "name") continue;
    rows.push_back({key});
    for (const std::string& v : values) rows.back().push_back(v.empty() ? "-" : v);
  }
  fmt::print("\n");
  if (rows.size() > 1)
    print_table(rows);
  else
    fmt::print("  their recipes are the same\n");
}

void draw(const std::vector<RunSummary>& runs, const std::string& figure) {
  const auto found = figures().find(figure);
  if (found == figures().end()) {
    std::vector<std::string> names;
    for (const auto& [name, unused] : figures()) names.push_back(name);
    const std::string near = nearest_name(figure, names);
    fail("--plot", "'{}' is not known{}; there are {}", figure,
         near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), join(names));
  }
  std::vector<PlotLine> lines;
  for (const RunSummary& r : runs) {
    PlotLine line{r.name, {}, {}};
    for (const auto& e : train::epochs_of(r.folder))
      line.x.push_back(static_cast<double>(e.epoch)), line.y.push_back(e.*(found->second));
    lines.push_back(std::move(line));
  }
  const size_t columns = columns_of(STDOUT_FILENO);
  fmt::print("\n{} by epoch\n{}", figure,
             plot(lines, std::min<size_t>((columns > 0 ? columns : 80) - 14, 120), 14, columns > 0 && has_colour()));
}

int run(const Options& o) {
  const std::vector<RunSummary> runs = chosen(o);
  if (runs.empty() && !o.json) {
    fmt::print("no runs in {}: `tandem train RECIPE` makes one\n", o.runs);
    return 0;
  }
  if (!o.mlflow.empty()) {
    for (const RunSummary& r : runs) fmt::print("{}\n", train::write_mlflow(r.folder, o.mlflow, o.experiment).string());
    return 0;
  }
  if (o.json) {
    ordered_json rows = ordered_json::array();
    for (const RunSummary& r : runs) {
      ordered_json epochs = ordered_json::array();
      for (const auto& e : train::epochs_of(r.folder)) {
        epochs.push_back({{"epoch", e.epoch}});
        for (const auto& [name, figure] : figures()) epochs.back()[name] = number(e.*figure);
      }
      rows.push_back({{"name", r.name},
                      {"folder", r.folder.path.string()},
                      {"state", r.state},
                      {"time", train::utc(r.changed)},
                      {"epochs", r.epochs},
                      {"planned", r.planned},
                      {"validation", number(r.validation)},
                      {"accuracy", number(r.accuracy)},
                      {"parameters", r.parameters},
                      {"history", epochs}});
    }
    fmt::print("{}\n", rows.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return 0;
  }
  if (o.names.empty())
    list(runs);
  else
    compare(runs);
  if (!o.plot.empty()) draw(runs, o.plot);
  return 0;
}

}  // namespace

void add_runs(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("runs", "List runs; compare and plot some of them");
  verb->add_option("names", o->names, "Runs to compare, by name or folder; without any, all are listed");
  verb->add_option("--runs", o->runs, "Folder of the runs")->capture_default_str();
  verb->add_option("--plot", o->plot,
                   "Draw a figure over the epochs: validation_accuracy, train_loss, learning_rate, …");
  verb->add_option("--mlflow", o->mlflow, "Write them in MLflow's file layout below this folder (mlruns)");
  verb->add_option("--experiment", o->experiment, "--mlflow: the experiment's name")->capture_default_str();
  verb->add_flag("--json", o->json, "As JSON, with every epoch");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
