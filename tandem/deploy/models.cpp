#include <tandem/deploy/models.h>
#include <tandem/train/run.h>

#include <algorithm>

namespace tandem::deploy {
namespace {

void check_word(const std::string& word, const std::string& what, const std::string& text) {
  const bool good = !word.empty() && word.size() <= 100 && std::ranges::all_of(word, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
  if (!good)
    fail("serve",
         "'{}' in '{}' is no {}: up to 100 letters, digits and . _ -; name it with NAME=RUN or NAME:VERSION=RUN", word,
         text, what);
}

// "runs/digits" and "runs/digits/model.safetensors" are digits, "best.safetensors" is best.
std::string name_of(const fs::path& run) {
  fs::path path = fs::absolute(run).lexically_normal();
  if (path.filename().empty()) path = path.parent_path();
  if (path.filename() == "model.safetensors") return path.parent_path().filename().string();
  return fs::is_directory(path) ? path.filename().string() : path.stem().string();
}

// A run's folder, also when its model file was named.
fs::path run_of(const fs::path& run) {
  const fs::path folder = run.filename() == "model.safetensors" ? run.parent_path() : run;
  return fs::is_regular_file(folder / "recipe.yaml") ? folder : fs::path();
}

std::shared_ptr<const ServedModel> load(const ModelSource& source) {
  return ServedModel::load(train::model_path(source.run), source.name, source.version);
}

}  // namespace

ModelSource ModelSource::parse(const std::string& text) {
  ModelSource out;
  const size_t equals = text.find('=');
  out.run = equals == std::string::npos ? text : text.substr(equals + 1);
  if (out.run.empty()) fail("serve", "'{}' names no run: expected RUN, NAME=RUN or NAME:VERSION=RUN", text);
  out.name = equals == std::string::npos ? name_of(out.run) : text.substr(0, equals);
  if (const size_t colon = out.name.find(':'); equals != std::string::npos && colon != std::string::npos) {
    out.version = out.name.substr(colon + 1);
    out.name.resize(colon);
    check_word(out.version, "version", text);
  }
  check_word(out.name, "name", text);
  return out;
}

Models::Models(const std::vector<ModelSource>& sources, BatchOptions options, Metrics& metrics) : metrics_(metrics) {
  for (const ModelSource& source : sources) {
    Slot slot{source, run_of(source.run), load(source), nullptr};
    if (find(slot.model->name(), slot.model->version()))
      fail("serve", "two models are {} version {}: tell them apart with NAME:VERSION=RUN", slot.model->name(),
           slot.model->version());
    slot.batcher = std::make_unique<Batcher>(options, metrics);
    slots_.push_back(std::move(slot));
  }
}

Models::Live Models::find(std::string_view name, std::string_view version) const {
  const std::scoped_lock lock(mutex_);
  for (const Slot& s : slots_)
    if (s.model->name() == name && (version.empty() || s.model->version() == version))
      return {s.model, s.batcher.get(), s.run};
  return {};
}

std::vector<Models::Live> Models::all() const {
  const std::scoped_lock lock(mutex_);
  std::vector<Live> out;
  for (const Slot& s : slots_) out.push_back({s.model, s.batcher.get(), s.run});
  return out;
}

int64_t Models::waiting() const {
  int64_t out = 0;
  for (const Slot& s : slots_) out += s.batcher->waiting();
  return out;
}

int64_t Models::reload(const std::string& name) {
  const std::scoped_lock one_at_a_time(reloading_);
  int64_t live = 0;
  for (Slot& s : slots_) {
    if (!name.empty() && s.source.name != name) continue;
    try {
      const auto fresh = load(s.source);
      if (fresh->digest() == s.model->digest()) continue;
      const tasks::Classifier &now = fresh->model(), &before = s.model->model();
      if (!takes_the_same(now.input, before.input) || now.classes != before.classes)
        fail(ErrorKind::data, s.source.run.string(),
             "takes other {} than the model in service, or tells other classes apart: serve it under another name",
             kind_of(before.input));
      if (const Live other = find(fresh->name(), fresh->version()); other && other.batcher != s.batcher.get())
        fail(ErrorKind::data, s.source.run.string(), "has become version {}, which is in service already",
             fresh->version());
      ++metrics_.model(fresh->name(), fresh->version()).reloads;
      ++live;
      const std::scoped_lock lock(mutex_);
      s.model = fresh;
    } catch (const std::exception&) {
      ++metrics_.model(s.model->name(), s.model->version()).failed_reloads;
      throw;
    }
  }
  return live;
}

void Models::stop() {
  for (Slot& s : slots_) s.batcher->stop();
}

}  // namespace tandem::deploy
