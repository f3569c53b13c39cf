#include <tandem/base/text.h>
#include <tandem/train/run_folder.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace tandem::train {
namespace {

using json = nlohmann::ordered_json;

json number(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

}  // namespace

RunFolder RunFolder::create(const fs::path& runs, const std::string& name) {
  make_folder(runs);
  for (int n = 1; n < 100000; ++n) {
    const fs::path path = runs / (n == 1 ? name : fmt::format("{}-{}", name, n));
    std::error_code error;
    if (fs::create_directory(path, error)) {
      make_folder(path / "checkpoints");
      return {path};
    }
    if (error) fail(ErrorKind::file, path.string(), "cannot be made: {}", error.message());
  }
  fail(ErrorKind::file, runs.string(), "has too many runs named {}", name);
}

RunFolder RunFolder::open(const fs::path& path) {
  const RunFolder folder{path};
  if (fs::is_regular_file(folder.recipe())) return folder;
  std::vector<std::string> names;
  std::error_code error;
  if (fs::is_directory("runs", error))
    for (const auto& entry : fs::directory_iterator("runs", error))
      if (fs::is_regular_file(entry.path() / "recipe.yaml")) names.push_back(entry.path().string());
  std::ranges::sort(names);
  fail(ErrorKind::file, path.string(), "is no run folder (it has no recipe.yaml); runs here: {}",
       names.empty() ? "none" : join(names));
}

fs::path model_path(const fs::path& run_or_model) {
  return fs::is_directory(run_or_model) ? RunFolder::open(run_or_model).model() : run_or_model;
}

std::string metrics_lines(const std::vector<evaluate::EpochPoint>& history) {
  std::string out;
  for (const auto& p : history)
    out += json{{"epoch", p.epoch},
                {"train_loss", number(p.train_loss)},
                {"train_accuracy", number(p.train_accuracy)},
                {"validation_loss", number(p.validation_loss)},
                {"validation_accuracy", number(p.validation_accuracy)},
                {"learning_rate", number(p.learning_rate)},
                {"seconds", number(p.seconds)}}
               .dump() +
           "\n";
  return out;
}

std::vector<evaluate::EpochPoint> read_metrics(const fs::path& path) {
  std::vector<evaluate::EpochPoint> out;
  std::string text = read_text(path);
  size_t line = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    ++line;
    try {
      const json j = json::parse(text.substr(at, end - at));
      const auto get = [&](const char* key) { return j.at(key).is_null() ? std::nan("") : j.at(key).get<double>(); };
      out.push_back({j.at("epoch"), get("train_loss"), get("validation_loss"), get("validation_accuracy"),
                     get("learning_rate"), get("seconds"), get("train_accuracy")});
    } catch (const json::exception& e) {
      fail(ErrorKind::data, path.string(), "line {}: {}", line, e.what());
    }
    at = end + 1;
  }
  return out;
}

}  // namespace tandem::train
