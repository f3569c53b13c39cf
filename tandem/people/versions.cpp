#include <tandem/base/text.h>
#include <tandem/people/store.h>
#include <tandem/people/versions.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace tandem::people {
namespace {

using json = nlohmann::ordered_json;

constexpr const char* note = "learning";  // in the model file: what makes it a version

std::string file_name(int64_t number) { return fmt::format("{:04}.safetensors", number); }

std::vector<bool> right(tasks::Classifier& model, const data::Dataset& set) {
  evaluate::Predictions said{model.classes, set.labels, model.predict(set)};
  std::vector<bool> out;
  for (int64_t i = 0; i < set.size(); ++i) out.push_back(said.predicted(i) == set.labels[static_cast<size_t>(i)]);
  return out;
}

}  // namespace

Version version_of(const tasks::Classifier& model) {
  const auto found = model.notes.find(note);
  if (found == model.notes.end()) return {};
  try {
    const json j = json::parse(found->second);
    return {j.at("number"), j.at("parent"), j.at("time"), j.at("corrections"), j.at("accuracy"), false};
  } catch (const json::exception& e) {
    fail(ErrorKind::data, "model", "its note '{}' is damaged: {}", note, e.what());
  }
}

Versions::Versions(train::RunFolder run) : run_(std::move(run)) {
  if (!fs::exists(run_.model()))
    fail(ErrorKind::file, run_.path.string(), "has no model yet: finish its training with `tandem train --resume {}`",
         run_.path.string());
  tasks::Classifier model = tasks::Classifier::load(run_.model());
  if (version_of(model).number == 0) make_live(add(std::move(model), {}));
}

fs::path Versions::path(int64_t number) const { return run_.path / "versions" / file_name(number); }

std::vector<Version> Versions::list() const {
  std::vector<Version> out;
  const int64_t now = live().number;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run_.path / "versions", error)) {
    const std::string name = entry.path().filename().string();
    int64_t number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    if (number < 1 || name != file_name(number)) continue;  // beside ours: what a crash left half written
    out.push_back(version_of(tasks::Classifier::load(entry.path())));
    out.back().live = out.back().number == now;
  }
  if (error) fail(ErrorKind::file, (run_.path / "versions").string(), "cannot be read: {}", error.message());
  std::ranges::sort(out, {}, &Version::number);
  return out;
}

Version Versions::live() const {
  Version out = version_of(tasks::Classifier::load(run_.model()));
  out.live = true;
  return out;
}

tasks::Classifier Versions::load(int64_t number) const {
  if (!fs::exists(path(number))) {
    std::vector<std::string> there;
    for (const Version& v : list()) there.push_back(std::to_string(v.number));
    fail("version", "{} has no version {}; it has {}", run_.path.string(), number, join(there));
  }
  return tasks::Classifier::load(path(number));
}

int64_t Versions::add(tasks::Classifier model, Version facts) {
  make_folder(run_.path / "versions");
  int64_t number = 1;
  while (fs::exists(path(number))) ++number;
  if (facts.time.empty()) facts.time = utc_now();
  model.notes[note] = json{
      {"number", number},
      {"parent", facts.parent},
      {"time", facts.time},
      {"corrections", facts.corrections},
      {"accuracy",
       facts.accuracy}}.dump();
  model.save(path(number));
  return number;
}

void Versions::make_live(int64_t number) {
  (void)load(number);  // a damaged file does not go live
  write_file(run_.model(), read_file(path(number)));
}

Comparison compare(tasks::Classifier& first, tasks::Classifier& second, const data::Dataset& set) {
  if (first.classes != set.classes || second.classes != set.classes)
    fail(ErrorKind::data, "compare", "the examples have classes {}, the versions know {} and {}", join(set.classes),
         join(first.classes), join(second.classes));
  const std::vector<bool> a = right(first, set), b = right(second, set);
  Comparison out;
  for (size_t i = 0; i < a.size(); ++i)
    ++(a[i] ? b[i] ? out.both : out.only_first : b[i] ? out.only_second : out.neither);
  return out;
}

}  // namespace tandem::people
