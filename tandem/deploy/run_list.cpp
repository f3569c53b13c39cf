#include <tandem/deploy/http.h>
#include <tandem/deploy/run_list.h>
#include <tandem/train/runs.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace tandem::deploy {
namespace {

using json = nlohmann::ordered_json;

std::string text_of(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }

json number(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

}  // namespace

std::string RunList::list() const {
  json rows = json::array();
  for (const train::RunSummary& run : train::list_runs(folders_))
    rows.push_back({{"name", run.name},
                    {"state", run.state},
                    {"time", train::utc(run.changed)},
                    {"epochs", run.epochs},
                    {"planned", run.planned},
                    {"accuracy", number(run.accuracy)},
                    {"validation", number(run.validation)},
                    {"parameters", run.parameters > 0 ? json(run.parameters) : json(nullptr)},
                    {"report", run.report}});
  return text_of(rows);
}

train::RunFolder RunList::find(const std::string& name) const {
  // A name is one part of a path: nothing leads out of the folders.
  if (!name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
      name.find('\0') == std::string::npos)
    for (const fs::path& folder : folders_)
      if (fs::is_regular_file(folder / name / "recipe.yaml")) return {folder / name};
  throw Refused(404, "there is no such run: GET /v2/runs lists them");
}

std::string RunList::report(const std::string& name) const {
  const train::RunFolder run = find(name);
  if (!fs::exists(run.report_page())) throw Refused(404, "this run has no report yet");
  return read_text(run.report_page());
}

std::function<std::optional<std::string>()> RunList::follow(const std::string& name) const {
  return [run = find(name), sent = int64_t{0}, ended = false]() mutable -> std::optional<std::string> {
    if (ended) return std::nullopt;
    // Before the epochs are read: what was written by then is sent before the end.
    ended = train::summary(run).state != "training";
    std::string out;
    for (const auto& e : train::epochs_of(run)) {
      if (e.epoch <= sent) continue;
      sent = e.epoch;
      out += fmt::format("event: epoch\ndata: {}\n\n", text_of({{"epoch", e.epoch},
                                                                {"train_loss", number(e.train_loss)},
                                                                {"train_accuracy", number(e.train_accuracy)},
                                                                {"validation_loss", number(e.validation_loss)},
                                                                {"validation_accuracy", number(e.validation_accuracy)},
                                                                {"learning_rate", number(e.learning_rate)},
                                                                {"seconds", number(e.seconds)}}));
    }
    return ended ? out + "event: end\ndata: {}\n\n" : out;
  };
}

}  // namespace tandem::deploy
