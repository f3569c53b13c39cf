#include <tandem/base/random.h>
#include <tandem/train/mlflow.h>

#include <array>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

namespace tandem::train {
namespace {

using nlohmann::json;

int64_t milliseconds(fs::file_time_type time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::file_clock::to_sys(time).time_since_epoch())
      .count();
}

uint64_t hash(std::string_view text, uint64_t seed) {  // FNV-1a, mixed
  uint64_t h = 0xcbf29ce484222325ULL ^ seed;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return random_bits(h, seed);
}

// A name that stands for one file: what others would refuse becomes '_'.
std::string key_of(const std::string& name) {
  std::string out = name;
  for (char& c : out)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-' && c != '_') c = '_';
  return out;
}

std::string quoted(const std::string& text) { return "'" + text + "'"; }

}  // namespace

fs::path write_mlflow(const RunFolder& run, const fs::path& store, const std::string& experiment) {
  const RunSummary about = summary(run);
  const Config recipe = Config::load(run.recipe());
  const std::string experiment_id = std::to_string(hash(experiment, 1) % 900'000'000'000'000'000ULL + 100'000'000'000'000'000ULL);
  const fs::path place = fs::absolute(store) / experiment_id;
  const int64_t end = milliseconds(about.changed);
  if (!fs::exists(place / "meta.yaml")) {
    make_folder(place);
    write_text(place / "meta.yaml",
               fmt::format("artifact_location: file://{}\ncreation_time: {}\nexperiment_id: {}\nlast_update_time: {}\n"
                           "lifecycle_stage: active\nname: {}\n",
                           place.string(), end, quoted(experiment_id), end, experiment));
  }
  const std::string path = fs::absolute(run.path).lexically_normal().string();
  const std::string id = fmt::format("{:016x}{:016x}", hash(path, 2), hash(path, 3));
  const fs::path to = place / id;
  fs::remove_all(to);
  for (const char* part : {"metrics", "params", "tags", "artifacts"}) make_folder(to / part);

  const auto epochs = epochs_of(run);
  double seconds = 0;
  for (const auto& e : epochs) seconds += std::isfinite(e.seconds) ? e.seconds : 0;
  const int64_t start = end - static_cast<int64_t>(1000 * seconds);
  write_text(to / "meta.yaml",
             fmt::format("artifact_uri: file://{}\nend_time: {}\nentry_point_name: ''\nexperiment_id: {}\n"
                         "lifecycle_stage: active\nrun_id: {}\nrun_name: {}\nrun_uuid: {}\nsource_name: ''\n"
                         "source_type: 4\nsource_version: ''\nstart_time: {}\nstatus: {}\ntags: []\nuser_id: ''\n",
                         (to / "artifacts").string(), about.state == "training" ? "null" : std::to_string(end),
                         quoted(experiment_id), id, about.name, id, start,
                         about.state == "training" ? 1 : about.state == "finished" ? 3 : 5));
  write_text(to / "tags" / "mlflow.runName", about.name);
  write_text(to / "tags" / "mlflow.source.name", "tandem train");
  for (const auto& [key, value] : flat(recipe))
    if (!value.empty()) write_text(to / "params" / key_of(key), value);

  const std::array<std::pair<const char*, double evaluate::EpochPoint::*>, 5> figures{
      {{"train_loss", &evaluate::EpochPoint::train_loss},
       {"validation_loss", &evaluate::EpochPoint::validation_loss},
       {"train_accuracy", &evaluate::EpochPoint::train_accuracy},
       {"validation_accuracy", &evaluate::EpochPoint::validation_accuracy},
       {"learning_rate", &evaluate::EpochPoint::learning_rate}}};
  for (const auto& [name, figure] : figures) {
    std::string lines;
    double at = static_cast<double>(start);
    for (const auto& e : epochs) {
      at += std::isfinite(e.seconds) ? 1000 * e.seconds : 0;
      if (std::isfinite(e.*figure)) lines += fmt::format("{} {} {}\n", static_cast<int64_t>(at), e.*figure, e.epoch);
    }
    if (!lines.empty()) write_text(to / "metrics" / name, lines);
  }
  if (fs::exists(run.report_json())) {
    const json report = json::parse(read_text(run.report_json()), nullptr, false);
    for (const char* name : {"loss", "accuracy"})
      if (report.is_object() && report.contains(name) && report[name].is_number())
        write_text(to / "metrics" / (std::string("test_") + name),
                   fmt::format("{} {} {}\n", end, report[name].get<double>(), std::ssize(epochs)));
  }
  for (const fs::path& file : {run.recipe(), run.model(), run.report_page(), run.report_json()}) {
    if (!fs::exists(file)) continue;
    std::error_code other_disk;
    fs::create_hard_link(file, to / "artifacts" / file.filename(), other_disk);
    if (other_disk) fs::copy_file(file, to / "artifacts" / file.filename());
  }
  return to;
}

}  // namespace tandem::train
