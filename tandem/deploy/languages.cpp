#include <tandem/adapt/peft.h>
#include <tandem/deploy/languages.h>
#include <tandem/nn/inference.h>
#include <tandem/train/run.h>

#include <algorithm>

namespace tandem::deploy {
namespace {

std::string digest_of_both(const fs::path& file, const fs::path& adapter) {
  return digest_of(file) + (adapter.empty() ? "" : "+" + digest_of(adapter / adapt::adapter_file));
}

}  // namespace

std::shared_ptr<const ServedLanguage> ServedLanguage::load(const fs::path& file, const fs::path& adapter,
                                                           const std::string& id) {
  const std::shared_ptr<ServedLanguage> out(new ServedLanguage);
  out->id_ = id;
  out->digest_ = digest_of_both(file, adapter);
  out->model_ = adapter.empty() ? tasks::LanguageModel::load(file) : adapt::load_adapted(file, adapter);
  if (digest_of_both(file, adapter) != out->digest_)
    fail(ErrorKind::file, file.string(), "changed while it was read: write model files aside and rename them");
  out->ready_ = nn::for_inference(out->model_.net);
  out->model_.net = {};
  try {
    (void)tasks::Generation(out->model_, out->ready_, "", {.tokens = 1}).step();
  } catch (const Error& e) {
    fail(ErrorKind::data, file.string(), "does not write a token: {}", e.what());
  }
  return out;
}

Languages::Languages(const std::vector<ModelSource>& sources, const std::vector<ModelSource>& adapters,
                     Metrics& metrics)
    : metrics_(metrics) {
  const auto add = [&](const ModelSource& source, Slot slot) {
    if (std::ranges::find(slots_, slot.id, &Slot::id) != slots_.end())
      fail("serve", "two language models are {}: tell them apart with NAME:VERSION={}", slot.id, source.run.string());
    slot.model = ServedLanguage::load(train::model_path(slot.run), slot.adapter, slot.id);
    slots_.push_back(std::move(slot));
  };
  for (const ModelSource& source : sources)
    add(source, {source.name,
                 source.version.empty() ? source.name : source.name + ":" + source.version,
                 source.run,
                 {},
                 nullptr});
  const auto models = static_cast<std::ptrdiff_t>(slots_.size());
  for (const ModelSource& adapter : adapters) {
    const auto base = std::find_if(slots_.begin(), slots_.begin() + models,
                                   [&](const Slot& slot) { return slot.name == adapter.name; });
    if (base == slots_.begin() + models || adapter.version.empty())
      fail("--adapter",
           "'{}' is for no language model that is served: give --adapter NAME:ADAPTER=FOLDER with the NAME of one; the "
           "run of a classifier holds its adapter itself",
           adapter.run.string());
    add(adapter, {adapter.name, adapter.name + ":" + adapter.version, fs::path(base->run), adapter.run, nullptr});
  }
}

std::shared_ptr<const ServedLanguage> Languages::find(std::string_view id) const {
  const std::scoped_lock lock(mutex_);
  auto found = std::ranges::find(slots_, id, &Slot::id);
  if (found == slots_.end()) found = std::ranges::find(slots_, id, &Slot::name);
  return found == slots_.end() ? nullptr : found->model;
}

std::vector<std::shared_ptr<const ServedLanguage>> Languages::all() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::shared_ptr<const ServedLanguage>> out;
  for (const Slot& slot : slots_) out.push_back(slot.model);
  return out;
}

bool Languages::has(std::string_view name) const {
  return std::ranges::find(slots_, name, &Slot::name) != slots_.end();
}

int64_t Languages::reload(const std::string& name) {
  const std::scoped_lock one_at_a_time(reloading_);
  std::vector<std::pair<Slot*, std::shared_ptr<const ServedLanguage>>> fresh;
  for (Slot& slot : slots_) {
    if (!name.empty() && slot.name != name) continue;
    try {
      const fs::path file = train::model_path(slot.run);
      if (digest_of_both(file, slot.adapter) == slot.model->digest()) continue;
      fresh.emplace_back(&slot, ServedLanguage::load(file, slot.adapter, slot.id));
    } catch (const std::exception&) {
      ++metrics_.model(slot.id, "").failed_reloads;
      throw;
    }
  }
  const std::scoped_lock lock(mutex_);
  for (auto& [slot, model] : fresh) {
    slot->model = std::move(model);
    ++metrics_.model(slot->id, "").reloads;
  }
  return std::ssize(fresh);
}

}  // namespace tandem::deploy
