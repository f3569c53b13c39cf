#include <tandem/adapt/checkpoint.h>
#include <tandem/adapt/encoder.h>
#include <tandem/tasks/model_file.h>

namespace tandem::adapt {

tasks::TextEncoder load_encoder(const fs::path& model) {
  if (!Checkpoint::is_at(model)) {
    const std::string task = tasks::model_text(read_safetensors(model), model, "task");
    return task == "language_model" ? tasks::TextEncoder::of(tasks::LanguageModel::load(model))
                                    : tasks::TextEncoder::of(tasks::Classifier::load(model));
  }
  const Checkpoint read = Checkpoint::load(model);
  if (read.task == "language_model") return tasks::TextEncoder::of(read.language_model());
  if (read.task == "text_classification") return tasks::TextEncoder::of(read.classifier());
  tasks::TextEncoder out;
  out.net = read.net;
  out.input = {{.most = read.context, .longer = "cut"}, read.tokenizer.options(), read.tokenizer};
  out.width = read.net.shapes().back().numel();
  out.vector = fmt::format("what layer {} ({}) gives", read.net.layers().size() - 1, read.net.layers().back()->kind());
  out.notes["start_from"] = read.where;
  return out;
}

}  // namespace tandem::adapt
