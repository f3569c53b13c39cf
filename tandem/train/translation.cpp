#include <tandem/base/text.h>
#include <tandem/base/version.h>
#include <tandem/nn/weights.h>
#include <tandem/tasks/translation.h>
#include <tandem/train/classification.h>
#include <tandem/train/translation.h>

#include <chrono>

namespace tandem::train {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

using Figure = double (*)(const evaluate::TranslationFigures&);
const std::map<std::string, Figure>& figures() {
  using F = evaluate::TranslationFigures;
  static const std::map<std::string, Figure> all{{"loss", [](const F& f) { return f.loss; }},
                                                 {"accuracy", [](const F& f) { return f.accuracy; }},
                                                 {"bleu", [](const F& f) { return f.bleu.score; }},
                                                 {"bleu.lower", [](const F& f) { return f.bleu_lower.score; }}};
  return all;
}

class TranslationJob : public Job {
 public:
  TranslationJob(const Recipe& recipe, const fs::path& data_folder)
      : recipe_(recipe),
        pairs_(train::find_pairs(recipe, data_folder)),
        model_(make_translation_model(recipe, pairs_.train)),
        tokens_(encode(model_, pairs_.train)),
        task_(model_, tokens_, encode(model_, pairs_.validation), recipe.loss.label_smoothing) {}

  tasks::Task& task() override { return task_; }

  [[nodiscard]] std::vector<std::string> remarks() const override {
    if (tokens_.left_out == 0) return {};
    return {fmt::format("{} of {} pairs have more than data.text.length.most {} tokens and are left out",
                        grouped(tokens_.left_out), grouped(pairs_.train.size()), recipe_.data.text.length.most)};
  }

  Findings finish(const Trainer& trainer, const RunFolder& folder, const std::string& command) override {
    model_.notes = run_notes(recipe_, trainer);
    model_.notes["data"] = recipe_.data.source;
    model_.save(folder.model());

    const bool test = pairs_.test.size() > 0, held = pairs_.validation.size() > 0;
    const tasks::Translator translator(model_);
    const auto measured = [&](const data::Pairs& pairs) {
      return evaluate_translation(translator, pairs, recipe_.translation.search);
    };
    TranslationEvaluation found = measured(test ? pairs_.test : held ? pairs_.validation : pairs_.train);
    evaluate::TranslationReport report{.facts = run_facts(recipe_, trainer, folder, command),
                                       .figures = found.figures,
                                       .samples = std::move(found.samples)};
    if (test && held) report.validation = measured(pairs_.validation).figures;
    report.facts.data = recipe_.data.source;
    report.facts.split = test ? "test" : held ? "validation" : "train";
    report.facts.seconds = found.seconds;
    report.facts.parameters = nn::count(model_.net).trained;

    Findings out;
    out.json = evaluate::report_json(report);
    out.text = evaluate::text_table(report);
    for (const evaluate::TranslationSample& s : report.samples.others)
      out.text += fmt::format("\n{}\n  {}\n", s.source, s.translation);
    out.figures = figures_of(report.figures);
    write_text(folder.report_json(), out.json);
    write_text(folder.report_page(), evaluate::report_page({.report = std::move(report),
                                                            .history = trainer.history(),
                                                            .kept_epoch = trainer.kept_epoch(),
                                                            .recipe = model_.notes.at("recipe"),
                                                            .network = layer_rows(model_.net)}));
    return out;
  }

 private:
  const Recipe& recipe_;
  data::PairParts pairs_;
  tasks::TranslationModel model_;
  tasks::TokenPairs tokens_;
  tasks::Translation task_;
};

}  // namespace

data::PairParts find_pairs(const Recipe& recipe, const fs::path& data_folder) {
  const DataOptions& d = recipe.data;
  data::PairParts out = data::find_pairs(d.source, {.data_folder = data_folder,
                                                    .from = d.from,
                                                    .to = d.to,
                                                    .validation = d.validation,
                                                    .test_share = d.test_share,
                                                    .seed = recipe.split_seed()});
  out.train = data::at_most(std::move(out.train), d.train, recipe.split_seed());
  out.test = data::at_most(std::move(out.test), d.test, recipe.split_seed());
  return out;
}

tasks::TranslationModel make_translation_model(const Recipe& recipe, const data::Pairs& train) {
  tasks::TranslationModel model;
  model.net = recipe.encoder_decoder;
  model.reading = {recipe.data.from, recipe.data.to, recipe.translation.shared, recipe.data.text.length};
  model.fit(recipe.data.text.tokenizer, train);
  model.build(Rng(recipe.seed, "weights"));
  return model;
}

TranslationEvaluation evaluate_translation(const tasks::Translator& translator, const data::Pairs& pairs,
                                           const tasks::BeamOptions& options) {
  const double started = now();
  const tasks::TranslationModel& model = translator.model();
  const tasks::PairMeasure m = measure(model, encode(model, pairs));
  const std::vector<tasks::Translated> said = translator.translate(pairs.source, options);
  std::vector<std::string> translations;
  std::vector<std::vector<std::string>> references;
  std::vector<evaluate::TranslationSample> samples;
  int64_t unknown = 0, tokens = 0;
  for (size_t i = 0; i < said.size(); ++i) {
    translations.push_back(said[i].text);
    references.push_back({pairs.target[i]});
    unknown += said[i].unknown, tokens += said[i].source_tokens;
    samples.push_back({pairs.source[i], pairs.target[i], said[i].text,
                       evaluate::bleu({translations.back()}, {references.back()}, {.lower = true}).score});
  }
  return {{.pairs = pairs.size(),
           .tokens = m.tokens,
           .loss = m.loss,
           .accuracy = m.accuracy,
           .bleu = evaluate::bleu(translations, references),
           .bleu_lower = evaluate::bleu(translations, references, {.lower = true}),
           .unknown = static_cast<double>(unknown) / static_cast<double>(tokens),
           .source_vocabulary = model.source.tokens(),
           .target_vocabulary = model.target.tokens(),
           .beam = options.beam,
           .length_penalty = options.length_penalty},
          evaluate::choose_samples(std::move(samples)),
          now() - started};
}

evaluate::RunFacts translation_facts(tasks::TranslationModel& model, const std::string& source,
                                     const std::string& split) {
  evaluate::RunFacts out;
  out.task = "translation";
  out.data = source;
  out.split = split;
  out.parameters = nn::count(model.net).trained;
  out.version = version();
  out.date = date();
  out.machine = machine();
  return out;
}

std::map<std::string, double> figures_of(const evaluate::TranslationFigures& found) {
  std::map<std::string, double> out;
  for (const auto& [name, figure] : figures()) out[name] = figure(found);
  return out;
}

std::vector<std::string> translation_figures() {
  std::vector<std::string> out;
  for (const auto& [name, figure] : figures()) out.push_back(name);
  return out;
}

std::vector<evaluate::LayerRow> layer_rows(nn::EncoderDecoder& net) {
  std::vector<evaluate::LayerRow> out;
  for (const auto& [name, part] : {std::pair{"encoder.", &net.encoder}, std::pair{"decoder.", &net.decoder}})
    for (evaluate::LayerRow& row : layer_rows(*part)) {
      row.name = name + row.name;
      out.push_back(std::move(row));
    }
  return out;
}

std::unique_ptr<Job> translation_job(const Recipe& recipe, const fs::path& data_folder) {
  return std::make_unique<TranslationJob>(recipe, data_folder);
}

}  // namespace tandem::train
