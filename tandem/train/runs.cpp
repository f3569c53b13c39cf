#include <tandem/train/runs.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>

namespace tandem::train {
namespace {

using nlohmann::json;
using Seconds = std::chrono::duration<double>;

constexpr double patience = 60;  // seconds without a sign of life; an epoch may last longer: three of its lengths

// A run that trains now writes at any moment, and files of others may be damaged: what cannot be read is not there.
template <class Read>
auto readable(Read read) -> decltype(read()) {
  try {
    return read();
  } catch (const std::exception&) {
    return {};
  }
}

fs::file_time_type last_change(const RunFolder& run) {
  fs::file_time_type out = fs::file_time_type::min();
  for (const fs::path& file : {run.recipe(), run.metrics(), run.report_json()}) {
    std::error_code missing;
    if (const auto time = fs::last_write_time(file, missing); !missing) out = std::max(out, time);
  }
  return out;
}

void flatten(const Config& node, const std::string& at, std::vector<std::pair<std::string, std::string>>& out) {
  const auto below = [&](const std::string& key) { return at.empty() ? key : at + "." + key; };
  if (node.is_scalar()) out.emplace_back(at, node.text());
  for (const auto& [key, value] : node.entries()) flatten(value, below(key), out);
  const auto items = node.items();
  if (std::ranges::all_of(items, &Config::is_scalar) && node.is_list()) {
    std::string text = node.str();
    text.pop_back();
    out.emplace_back(at, text);
    return;
  }
  for (size_t i = 0; i < items.size(); ++i) flatten(items[i], below(std::to_string(i)), out);
}

}  // namespace

std::vector<evaluate::EpochPoint> epochs_of(const RunFolder& run) {
  if (!fs::exists(run.metrics())) return {};
  return readable([&] { return read_metrics(run.metrics()); });
}

RunSummary summary(const RunFolder& run) {
  const auto epochs = epochs_of(run);
  const json report =
      readable([&] { return fs::exists(run.report_json()) ? json::parse(read_text(run.report_json())) : json(); });
  const auto reported = [&](const char* key) {
    return report.is_object() && report.contains(key) && report[key].is_number() ? report[key].get<double>()
                                                                                 : std::nan("");
  };
  RunSummary out;
  out.folder = run;
  out.name = run.path.filename().string();
  out.changed = last_change(run);
  out.epochs = std::ssize(epochs);
  out.planned = readable(
      [&] { return static_cast<int64_t>(std::stoll(Config::load(run.recipe()).get("train").get("epochs").text())); });
  out.accuracy = reported("accuracy");
  for (const auto& e : epochs) out.validation = std::fmax(out.validation, e.validation_accuracy);
  if (const double parameters = reported("parameters"); std::isfinite(parameters))
    out.parameters = static_cast<int64_t>(parameters);
  out.report = fs::exists(run.report_page());
  if (fs::exists(run.report_json())) {
    out.state = "finished";
  } else {
    const double still = Seconds(fs::file_time_type::clock::now() - out.changed).count();
    const double epoch = epochs.empty() || !std::isfinite(epochs.back().seconds) ? 0 : epochs.back().seconds;
    out.state = still < std::max(patience, 3 * epoch) ? "training" : "stopped";
  }
  return out;
}

std::vector<RunSummary> list_runs(const std::vector<fs::path>& folders) {
  std::map<std::string, RunFolder> runs;
  for (const fs::path& folder : folders) {
    std::error_code error;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
      if (fs::is_regular_file(at->path() / "recipe.yaml"))
        runs.try_emplace(at->path().filename().string(), RunFolder{at->path()});
  }
  std::vector<RunSummary> out;
  for (const auto& [name, run] : runs) out.push_back(summary(run));
  std::ranges::stable_sort(out, std::ranges::greater(), [](const RunSummary& r) { return utc(r.changed); });
  return out;
}

std::string utc(std::filesystem::file_time_type time) {
  const std::time_t t = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(std::chrono::file_clock::to_sys(time)));
  std::tm parts{};
  gmtime_r(&t, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::vector<std::pair<std::string, std::string>> flat(const Config& recipe) {
  std::vector<std::pair<std::string, std::string>> out;
  flatten(recipe, "", out);
  return out;
}

}  // namespace tandem::train
