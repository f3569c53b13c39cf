#include <tandem/nn/weights.h>
#include <tandem/train/ensemble.h>

#include <chrono>

namespace tandem::train {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// All that decides which examples of a source are set aside.
bool same_choice(const Recipe& a, const Recipe& b) {
  const auto of = [](const Recipe& r) {
    return std::tuple(r.data.classes, r.data.train, r.data.test, r.data.validation, r.data.test_share, r.split_seed());
  };
  return of(a) == of(b);
}

}  // namespace

tasks::Ensemble load_ensemble(const std::vector<std::string>& runs) {
  tasks::Ensemble out;
  for (const std::string& run : runs) out.add(run, tasks::Classifier::load(model_path(run)));
  return out;
}

void check_unseen(const tasks::Ensemble& ensemble, const Recipe& recipe, const std::string& split,
                  const fs::path& data_folder) {
  if (split == "train") return;
  std::optional<bool> chosen;  // whether the part is set aside by a seed; known once it is looked for
  for (size_t i = 0; i < ensemble.members.size(); ++i) {
    const auto notes = ensemble.members[i].notes.find("recipe");
    if (notes == ensemble.members[i].notes.end()) continue;
    const Recipe own = Recipe::read(Config::parse(notes->second, ensemble.names[i] + " (recipe)"));
    if (own.data.source != recipe.data.source || same_choice(own, recipe)) continue;
    if (!chosen) {
      Recipe whole = recipe;
      whole.data.validation = whole.data.test_share = 0;
      const data::Splits parts = prepare(whole, data_folder);
      chosen = (split == "test" ? parts.test : parts.validation).size() == 0;
    }
    if (*chosen)
      fail("ensemble",
           "{} was trained with seed {} and may have learned from the {} part that seed {} sets aside: train all of "
           "them "
           "with one data.seed and the same data.validation and data.test_share",
           ensemble.names[i], own.split_seed(), split, recipe.split_seed());
  }
}

Evaluation evaluate_ensemble(tasks::Ensemble& ensemble, const data::Dataset& set, const std::string& split,
                             const std::vector<std::string>& groups) {
  const double started = now();
  check_examples(ensemble.classes(), set, split);
  const auto opinions = ensemble.opinions(set);
  Evaluation out = evaluate_answers(tasks::Ensemble::mean(opinions), set, split, groups);
  out.facts.task = tasks::task_of(ensemble.members[0].input);
  out.facts.seconds = now() - started;
  for (size_t i = 0; i < opinions.size(); ++i) {
    const evaluate::Classification alone = evaluate::classification({set.classes, set.labels, opinions[i]});
    out.facts.members.push_back({ensemble.names[i], alone.accuracy, alone.loss});
    out.facts.parameters += nn::count(ensemble.members[i].net).trained;
  }
  return out;
}

}  // namespace tandem::train
