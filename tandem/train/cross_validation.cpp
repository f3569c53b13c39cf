#include <tandem/base/text.h>
#include <tandem/base/threads.h>
#include <tandem/data/folds.h>
#include <tandem/data/formats/csv_field.h>
#include <tandem/train/cross_validation.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace tandem::train {
namespace {

// Which group each example belongs to, when data.group names a column.
std::vector<int64_t> groups_of(const Recipe& recipe, const data::Dataset& all) {
  std::vector<int64_t> out;
  if (recipe.data.group.empty()) return out;
  const data::Table& table = all.table();
  const data::Column& column = table.columns[static_cast<size_t>(table.column(recipe.data.group))];
  std::map<std::string, int64_t> known;
  for (int64_t r = 0; r < table.rows(); ++r) {
    const std::string name = column.is_missing(r) ? fmt::format("row {}", r) : column.text(r);
    out.push_back(known.emplace(name, std::ssize(known)).first->second);
  }
  return out;
}

// What a network from nothing says of the examples that were left out.
struct Fold {
  std::vector<int64_t> left_out;
  std::vector<float> probabilities;
  double threshold = 0.5;
  std::vector<std::vector<double>> own_thresholds = {};
};

void learn(const Recipe& recipe, const data::Dataset& all, const std::vector<int32_t>& fold_of, int32_t fold,
           Fold& out) {
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < all.size(); ++i) (fold_of[static_cast<size_t>(i)] == fold ? out.left_out : kept).push_back(i);
  data::Splits parts{.train = data::subset(all, kept), .validation = {}, .test = data::subset(all, out.left_out)};
  if (recipe.data.validation > 0)
    std::tie(parts.train, parts.validation) = data::split(parts.train, recipe.data.validation, recipe.seed);
  tasks::Classifier model = make_model(recipe, parts.train);
  Trainer(recipe, model, parts.train, parts.validation).run();
  fit_decisions(recipe, model, parts);
  out.probabilities = model.predict(parts.test);
  if (!model.threshold) return;
  out.threshold = model.threshold->value;
  out.own_thresholds = own_thresholds(*model.threshold, parts.test, recipe.groups);
}

}  // namespace

CrossValidation cross_validate(const Recipe& recipe, const data::Dataset& all) {
  const int64_t count = recipe.data.folds, repeats = recipe.data.repeats;
  const std::vector<int64_t> groups = groups_of(recipe, all);
  std::vector<std::vector<int32_t>> fold_of;
  for (int64_t r = 0; r < repeats; ++r)
    fold_of.push_back(
        data::folds(all.labels, count, Rng(recipe.seed, "repeats").split(static_cast<uint64_t>(r)).key, groups));
  std::vector<Fold> folds(static_cast<size_t>(repeats * count));
  parallel_tasks(repeats * count, [&](int64_t task) {
    Recipe own = recipe;
    own.seed = Rng(recipe.seed, "folds").split(static_cast<uint64_t>(task)).key;
    learn(own, all, fold_of[static_cast<size_t>(task / count)], static_cast<int32_t>(task % count),
          folds[static_cast<size_t>(task)]);
  });

  CrossValidation out;
  const size_t classes = all.classes.size(), n = static_cast<size_t>(all.size());
  const size_t rows = n * static_cast<size_t>(repeats);
  out.predictions.classes = all.classes;
  out.predictions.probabilities.resize(rows * classes);
  out.thresholds.resize(rows);
  out.own_thresholds.assign(folds[0].own_thresholds.size(), std::vector<double>(rows));
  for (int64_t r = 0; r < repeats; ++r) {
    out.predictions.labels.insert(out.predictions.labels.end(), all.labels.begin(), all.labels.end());
    const auto& of = fold_of[static_cast<size_t>(r)];
    out.fold.insert(out.fold.end(), of.begin(), of.end());
    out.repeat.insert(out.repeat.end(), n, static_cast<int32_t>(r));
    for (int64_t i = 0; i < all.size(); ++i) out.example.push_back(i);
    for (int64_t f = 0; f < count; ++f) {
      const Fold& from = folds[static_cast<size_t>(r * count + f)];
      for (size_t k = 0; k < from.left_out.size(); ++k) {
        const size_t row = static_cast<size_t>(r) * n + static_cast<size_t>(from.left_out[k]);
        std::copy_n(&from.probabilities[k * classes], classes, &out.predictions.probabilities[row * classes]);
        out.thresholds[row] = from.threshold;
        for (size_t g = 0; g < from.own_thresholds.size(); ++g) out.own_thresholds[g][row] = from.own_thresholds[g][k];
      }
    }
  }
  return out;
}

std::string predictions_csv(const CrossValidation& result, const data::Dataset& all) {
  std::string out = "row,line,repeat,fold,label";
  for (const std::string& name : all.classes) out += "," + data::csv_field("p:" + name);
  out += "\n";
  for (size_t i = 0; i < result.example.size(); ++i) {
    const int64_t row = result.example[i];
    out += fmt::format("{},{},{},{},{}", row, all.has_table() ? all.table().lines[static_cast<size_t>(row)] : row + 1,
                       result.repeat[i], result.fold[i],
                       data::csv_field(all.classes[static_cast<size_t>(result.predictions.labels[i])]));
    for (const float p : result.predictions.row(static_cast<int64_t>(i))) out += fmt::format(",{:.7f}", p);
    out += "\n";
  }
  return out;
}

RepeatScores repeat_scores(const CrossValidation& result) {
  RepeatScores out;
  std::vector<double> accuracy, auc;
  const size_t repeats = static_cast<size_t>(result.repeat.back()) + 1, n = result.repeat.size() / repeats;
  const size_t classes = result.predictions.classes.size();
  for (size_t r = 0; r < repeats; ++r) {
    evaluate::Predictions one{.classes = result.predictions.classes};
    const auto labels = result.predictions.labels.begin() + static_cast<ptrdiff_t>(r * n);
    const auto p = result.predictions.probabilities.begin() + static_cast<ptrdiff_t>(r * n * classes);
    one.labels.assign(labels, labels + static_cast<ptrdiff_t>(n));
    one.probabilities.assign(p, p + static_cast<ptrdiff_t>(n * classes));
    const evaluate::Classification c = evaluate::classification(one);
    accuracy.push_back(c.accuracy), auc.push_back(c.macro_auc);
    out.ece += c.ece / static_cast<double>(repeats);
  }
  const auto moments = [](const std::vector<double>& values, double& mean, double& deviation) {
    double squares = 0;
    for (const double v : values) mean += v / static_cast<double>(values.size());
    for (const double v : values) squares += (v - mean) * (v - mean);
    deviation = values.size() > 1 ? std::sqrt(squares / static_cast<double>(values.size() - 1)) : 0;
  };
  moments(accuracy, out.accuracy, out.accuracy_deviation);
  moments(auc, out.auc, out.auc_deviation);
  return out;
}

}  // namespace tandem::train
