#include <tandem/deploy/http.h>
#include <tandem/deploy/run_list.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>

namespace tandem::deploy {
namespace {

using json = nlohmann::ordered_json;
using Seconds = std::chrono::duration<double>;

constexpr double patience = 60;  // seconds without a sign of life; an epoch may last longer: three of its lengths

std::string text_of(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }

json number(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

// A run that trains now writes at any moment, and files of others may be damaged: what cannot be read is not there.
template <class Read>
auto readable(Read read) -> decltype(read()) {
  try {
    return read();
  } catch (const std::exception&) {
    return {};
  }
}

std::vector<evaluate::EpochPoint> epochs_of(const train::RunFolder& run) {
  if (!fs::exists(run.metrics())) return {};
  return readable([&] { return train::read_metrics(run.metrics()); });
}

fs::file_time_type last_change(const train::RunFolder& run) {
  fs::file_time_type out = fs::file_time_type::min();
  for (const fs::path& file : {run.recipe(), run.metrics(), run.report_json()}) {
    std::error_code missing;
    if (const auto time = fs::last_write_time(file, missing); !missing) out = std::max(out, time);
  }
  return out;
}

const char* state_of(const train::RunFolder& run, const std::vector<evaluate::EpochPoint>& epochs) {
  if (fs::exists(run.report_json())) return "finished";
  const double still = Seconds(fs::file_time_type::clock::now() - last_change(run)).count();
  const double epoch = epochs.empty() || !std::isfinite(epochs.back().seconds) ? 0 : epochs.back().seconds;
  return still < std::max(patience, 3 * epoch) ? "training" : "stopped";
}

std::string utc(fs::file_time_type time) {
  const std::time_t t = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(std::chrono::file_clock::to_sys(time)));
  std::tm parts{};
  gmtime_r(&t, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

json facts_of(const train::RunFolder& run) {
  const auto epochs = epochs_of(run);
  const json report =
      readable([&] { return fs::exists(run.report_json()) ? json::parse(read_text(run.report_json())) : json(); });
  const auto reported = [&](const char* key) {
    return report.is_object() && report.contains(key) && report[key].is_number() ? report[key] : json(nullptr);
  };
  double best = std::nan("");
  for (const auto& e : epochs) best = std::fmax(best, e.validation_accuracy);
  const int64_t planned = readable(
      [&] { return static_cast<int64_t>(std::stoll(Config::load(run.recipe()).get("train").get("epochs").text())); });
  return {{"name", run.path.filename().string()},
          {"state", state_of(run, epochs)},
          {"time", utc(last_change(run))},
          {"epochs", std::ssize(epochs)},
          {"planned", planned},
          {"accuracy", reported("accuracy")},
          {"validation", number(best)},
          {"parameters", reported("parameters")},
          {"report", fs::exists(run.report_page())}};
}

}  // namespace

std::string RunList::list() const {
  std::map<std::string, train::RunFolder> runs;
  for (const fs::path& folder : folders_) {
    std::error_code error;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
      if (fs::is_regular_file(at->path() / "recipe.yaml"))
        runs.try_emplace(at->path().filename().string(), train::RunFolder{at->path()});
  }
  std::vector<json> rows;
  for (const auto& [name, run] : runs) rows.push_back(facts_of(run));
  std::ranges::stable_sort(rows, std::ranges::greater(),
                           [](const json& row) { return row["time"].get<std::string>(); });
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
    ended = std::string_view(state_of(run, epochs_of(run))) != "training";
    std::string out;
    for (const auto& e : epochs_of(run)) {
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
