#include <tandem/adapt/peft.h>
#include <tandem/base/text.h>
#include <tandem/base/version.h>
#include <tandem/nn/weights.h>
#include <tandem/tasks/language_modeling.h>
#include <tandem/train/classification.h>
#include <tandem/train/language_model.h>

#include <chrono>

namespace tandem::train {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

using Figure = double (*)(const evaluate::LanguageFigures&);
const std::map<std::string, Figure>& figures() {
  using F = evaluate::LanguageFigures;
  static const std::map<std::string, Figure> all{{"loss", [](const F& f) { return f.loss; }},
                                                 {"perplexity", [](const F& f) { return f.perplexity(); }},
                                                 {"accuracy", [](const F& f) { return f.accuracy; }}};
  return all;
}

tasks::LanguageModel make_language_model(const Recipe& recipe, const std::optional<adapt::Base>& base,
                                         const data::TextPart& train) {
  tasks::LanguageModel model;
  model.net = recipe.network;
  model.reading = recipe.language.reading;
  if (base) {
    if (base->task != "language_model")
      fail(ErrorKind::data, "start_from", "{} holds a model for '{}', expected language_model", base->where,
           base->task);
    model.tokenizer = std::get<tasks::TextInput>(base->input()).tokenizer;
    if (model.net.empty()) model.net = adapt::adapted(*base, recipe.adapt);
  } else {
    model.tokenizer = fit_tokenizer(recipe.data.text.tokenizer, train);
  }
  model.build(Rng(recipe.seed, "weights"));
  if (base) adapt::transfer(*base, recipe.adapt, model.net);
  return model;
}

class LanguageJob : public Job {
 public:
  LanguageJob(const Recipe& recipe, const fs::path& data_folder)
      : recipe_(recipe),
        base_(load_base(recipe)),
        text_(find_text(recipe, data_folder)),
        model_(make_language_model(recipe, base_, text_.train)),
        train_(*tokens_of(text_.train, model_.tokenizer)),
        validation_(tokens_of(text_.validation, model_.tokenizer)),
        task_(model_, train_, validation_, recipe.train.batch, recipe.loss.label_smoothing,
              recipe.language.candidates) {}

  tasks::Task& task() override { return task_; }

  Findings finish(const Trainer& trainer, const RunFolder& folder, const std::string& command) override {
    model_.notes = run_notes(recipe_, trainer);
    model_.notes["data"] = recipe_.data.source;
    model_.save(folder.model());
    if (recipe_.adapt.lora || recipe_.adapt.bottleneck)
      adapt::save_adapter(folder.path / "adapter", *base_, recipe_.adapt, model_.net);

    const std::optional<data::TokenStream> test = tokens_of(text_.test, model_.tokenizer);
    LanguageEvaluation found = evaluate_language(model_,
                                                 test          ? *test
                                                 : validation_ ? *validation_
                                                               : train_,
                                                 recipe_.data.source,
                                                 test          ? "test"
                                                 : validation_ ? "validation"
                                                               : "train");
    const evaluate::RunFacts measured = found.facts;
    found.facts = run_facts(recipe_, trainer, folder, command);
    found.facts.data = measured.data, found.facts.split = measured.split;
    found.facts.seconds = measured.seconds, found.facts.parameters = measured.parameters;
    std::vector<evaluate::Sample> samples;
    for (const std::string& prompt : recipe_.language.prompts)
      samples.push_back({prompt, tasks::generate(model_, prompt, recipe_.language.generate).text});

    Findings out;
    out.json = evaluate::report_json(found.facts, found.figures, samples);
    out.text = evaluate::text_table(found.figures);
    for (const evaluate::Sample& s : samples) out.text += "\n" + s.prompt + s.text + "\n";
    out.figures = figures_of(found.figures);
    write_text(folder.report_json(), out.json);
    write_text(folder.report_page(), evaluate::report_page({.facts = found.facts,
                                                            .figures = found.figures,
                                                            .samples = samples,
                                                            .history = trainer.history(),
                                                            .kept_epoch = trainer.kept_epoch(),
                                                            .recipe = model_.notes.at("recipe"),
                                                            .network = layer_rows(model_.net)}));
    return out;
  }

 private:
  const Recipe& recipe_;
  std::optional<adapt::Base> base_;
  data::Corpus text_;
  tasks::LanguageModel model_;
  data::TokenStream train_;
  std::optional<data::TokenStream> validation_;
  tasks::LanguageModeling task_;
};

}  // namespace

data::Corpus find_text(const Recipe& recipe, const fs::path& data_folder) {
  return data::find_corpus(
      recipe.data.source,
      {.data_folder = data_folder, .validation = recipe.data.validation, .test_share = recipe.data.test_share});
}

data::Tokenizer fit_tokenizer(const data::TokenizerOptions& options, const data::TextPart& part) {
  data::LineReader lines = part.lines();
  return data::Tokenizer::fit(options, [&](std::string& line) {
    if (!lines.next(line)) return false;
    if (options.type == "character" && lines.ended()) line += '\n';  // a character like any other
    return true;
  });
}

std::optional<data::TokenStream> tokens_of(const data::TextPart& part, const data::Tokenizer& tokenizer) {
  if (part.file.empty()) return std::nullopt;
  data::LineReader lines = part.lines();
  return data::TokenStream::encode(lines, tokenizer);
}

LanguageEvaluation evaluate_language(tasks::LanguageModel& model, const data::TokenStream& text,
                                     const std::string& source, const std::string& split) {
  const double started = now();
  const tasks::TextMeasure m = measure(model, text);
  LanguageEvaluation out;
  out.figures = {.tokens = m.tokens,
                 .loss = m.loss,
                 .accuracy = m.accuracy,
                 .unknown = static_cast<double>(text.unknown()) / static_cast<double>(text.size()),
                 .vocabulary = model.vocabulary(),
                 .context = model.reading.context,
                 .carry = model.reading.carry};
  out.facts.task = "language_model";
  out.facts.data = source;
  out.facts.split = split;
  out.facts.seconds = now() - started;
  out.facts.parameters = nn::count(model.net).trained;
  out.facts.version = version();
  out.facts.date = date();
  out.facts.machine = machine();
  return out;
}

std::map<std::string, double> figures_of(const evaluate::LanguageFigures& found) {
  std::map<std::string, double> out;
  for (const auto& [name, figure] : figures()) out[name] = figure(found);
  return out;
}

std::vector<std::string> language_figures() {
  std::vector<std::string> out;
  for (const auto& [name, figure] : figures()) out.push_back(name);
  return out;
}

std::unique_ptr<Job> language_job(const Recipe& recipe, const fs::path& data_folder) {
  return std::make_unique<LanguageJob>(recipe, data_folder);
}

}  // namespace tandem::train
