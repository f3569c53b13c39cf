#include <tandem/adapt/checkpoint.h>
#include <tandem/base/threads.h>
#include <tandem/base/version.h>
#include <tandem/kernels/isa.h>
#include <tandem/tasks/model_file.h>
#include <tandem/train/classification.h>
#include <tandem/train/language_model.h>
#include <tandem/train/translation.h>

#include <ctime>

namespace tandem::train {

std::unique_ptr<Job> make_job(const Recipe& recipe, const fs::path& data_folder) {
  if (recipe.task == "language_model") return language_job(recipe, data_folder);
  if (recipe.task == "translation") return translation_job(recipe, data_folder);
  return classification_job(recipe, data_folder);
}

std::string task_in(const fs::path& model) { return tasks::model_text(read_safetensors(model), model, "task"); }

std::vector<std::string> figure_names(const std::string& task) {
  if (task == "language_model") return language_figures();
  return task == "translation" ? translation_figures() : classification_figures();
}

std::optional<adapt::Base> load_base(const Recipe& recipe) {
  if (recipe.start_from.empty()) return std::nullopt;
  const fs::path from = recipe.start_from;
  return adapt::Base::load(adapt::Checkpoint::is_at(from) ? from : model_path(from));
}

evaluate::RunFacts run_facts(const Recipe& recipe, const Trainer& trainer, const RunFolder& folder,
                             const std::string& command) {
  evaluate::RunFacts facts;
  facts.name = folder.path.filename().string();
  facts.folder = folder.path.string();
  facts.task = recipe.task;
  facts.seed = recipe.seed;
  facts.train_seconds = trainer.seconds();
  facts.command = command;
  facts.version = version();
  facts.date = date();
  facts.machine = machine();
  facts.remarks = trainer.remarks();
  return facts;
}

std::map<std::string, std::string> run_notes(const Recipe& recipe, const Trainer& trainer) {
  Recipe copy = recipe;
  std::map<std::string, std::string> notes{{"recipe", copy.write().str()},
                                           {"name", recipe.name},
                                           {"seed", std::to_string(recipe.seed)},
                                           {"version", version()}};
  if (recipe.privacy.on())
    notes["privacy"] = fmt::format("epsilon {:.3f} at delta {:g}: noise {:.3f}, clip {:g}{}", trainer.epsilon(),
                                   recipe.privacy.delta, trainer.noise(), recipe.privacy.clip,
                                   recipe.privacy.repeatable ? ", noise from the seed (for measuring only)" : "");
  return notes;
}

std::string date() {
  const std::time_t t = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&t, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &utc);
  return text;
}

std::string machine() { return fmt::format("{} threads, {}", threads(), kernels::isa_name()); }

}  // namespace tandem::train
