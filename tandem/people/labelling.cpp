#include <tandem/base/text.h>
#include <tandem/data/catalog.h>
#include <tandem/people/labelling.h>

#include <algorithm>
#include <cmath>

namespace tandem::people {

tasks::Classifier fit_few(train::Recipe recipe, const data::Dataset& labelled, int64_t steps) {
  const int64_t batch = std::min(recipe.train.batch, labelled.size());
  const int64_t an_epoch = std::max<int64_t>(1, labelled.size() / batch);
  recipe.train.batch = batch;
  recipe.train.epochs = std::max(recipe.train.epochs, (steps + an_epoch - 1) / an_epoch);
  recipe.train.early_stopping.patience = 0;
  if (recipe.schedule.type == "plateau") recipe.schedule.type = "constant";  // there is nothing to watch
  tasks::Classifier model = train::make_model(recipe, labelled);
  const data::Dataset none;
  train::Trainer(recipe, model, labelled, none).run();
  return model;
}

namespace {

std::unique_ptr<Pile> rows_for(const fs::path& file, const train::Recipe& recipe, data::TableOptions reading) {
  const data::TableSource source =
      data::table_source(recipe.data.source, recipe.data.table ? recipe.data.table->source : data::TableSource{});
  if (reading.types.empty())
    for (const auto& [column, type] : source.types) reading.types[column] = data::column_type(type, file.string());
  return rows_in(file, source, reading);
}

std::unique_ptr<Pile> pile_for(const fs::path& source, const tasks::Classifier& model) {
  if (const auto* pictures = std::get_if<tasks::ImageInput>(&model.input))
    return pictures_in(source, {pictures->height, pictures->width, pictures->channels});
  train::Recipe recipe;
  if (const auto its = model.notes.find("recipe"); its != model.notes.end())
    recipe = train::Recipe::read(Config::parse(its->second, "the model's recipe"));
  if (const auto* rows = std::get_if<tasks::TableInput>(&model.input)) return rows_for(source, recipe, rows->reading());
  return texts_in(source, recipe.data.text.source);
}

std::unique_ptr<Pile> pile_for(const fs::path& source, const train::Recipe& recipe) {
  if (recipe.task == "text_classification") return texts_in(source, recipe.data.text.source);
  if (recipe.task == "table_classification") return rows_for(source, recipe, {});
  const bool sized = !recipe.data.size.empty();
  return pictures_in(source, {sized ? recipe.data.size[0] : 0, sized ? recipe.data.size[1] : 0, recipe.data.channels});
}

std::vector<std::string> classes_of(const train::Recipe& recipe, std::vector<std::string> given) {
  if (given.empty() && recipe.data.table)
    for (const auto& [name, values] : recipe.data.table->source.classes) given.push_back(name);
  return given;
}

}  // namespace

Labelling::Labelling(const fs::path& source, std::string person, const tasks::Classifier& model,
                     const LabellingOptions& options)
    : person_(std::move(person)),
      classes_(model.classes),
      options_(options),
      model_(model),
      pile_(pile_for(source, model)) {
  start();
}

Labelling::Labelling(const fs::path& source, std::string person, const train::Recipe& recipe,
                     std::vector<std::string> classes, const LabellingOptions& options)
    : person_(std::move(person)),
      classes_(classes_of(recipe, std::move(classes))),
      options_(options),
      recipe_(recipe),
      pile_(pile_for(source, recipe)) {
  for (const auto& said : pile_->answers())
    if (said && !said->empty() && std::ranges::find(classes_, *said) == classes_.end()) classes_.push_back(*said);
  if (classes_.size() < 2)
    fail("label", "it is not known which classes there are: name two or more, as in --classes cat,dog");
  start();
}

void Labelling::start() {
  examples_ = pile_->examples();
  examples_.classes = classes_;
  const auto answers = pile_->answers();
  for (size_t i = 0; i < answers.size(); ++i) {
    const auto known = std::ranges::find(classes_, answers[i].value_or(""));
    if (answers[i] && !answers[i]->empty() && known == classes_.end())
      fail(ErrorKind::data, pile_->kept_in().string(), "'{}' is labelled '{}', which is none of {}",
           pile_->name(static_cast<int64_t>(i)), *answers[i], join(classes_));
    state_.push_back(!answers[i] ? -1 : answers[i]->empty() ? -2 : static_cast<int32_t>(known - classes_.begin()));
  }
}

int64_t Labelling::left() const { return std::ranges::count(state_, -1); }

void Labelling::choose() {
  std::vector<int64_t> open, labelled;
  std::set<int32_t> seen;
  for (size_t i = 0; i < state_.size(); ++i) {
    if (state_[i] == -1) open.push_back(static_cast<int64_t>(i));
    if (state_[i] >= 0) {
      labelled.push_back(static_cast<int64_t>(i));
      examples_.labels[i] = state_[i];
      seen.insert(state_[i]);
    }
  }
  if (recipe_ && seen.size() > 1) model_ = fit_few(*recipe_, data::subset(examples_, labelled), options_.steps);
  if (model_) {
    for (const int64_t i : most_useful(*model_, data::subset(examples_, open), options_.round, options_.seed))
      queue_.push_back(open[static_cast<size_t>(i)]);
  } else {
    std::vector<int64_t> looked_at;
    for (size_t i = 0; i < state_.size(); ++i)
      if (state_[i] != -1) looked_at.push_back(static_cast<int64_t>(i));
    queue_ = most_diverse(examples_, looked_at, options_.round, options_.seed);
  }
  std::ranges::reverse(queue_);
}

std::optional<Question> Labelling::next() {
  if (left() == 0) return std::nullopt;
  if (queue_.empty()) choose();
  asking_ = queue_.back();
  const auto i = *asking_;
  Question out{pile_->name(i), data::subset(examples_, std::span(&i, 1))};
  if (model_) {
    const std::vector<float> p = model_->predict(out.example);
    const auto best = static_cast<size_t>(model_->answer(p));
    out.guess = classes_[best];
    out.probability = static_cast<double>(p[best]);
  }
  return out;
}

void Labelling::answer(const std::string& label) {
  if (!asking_) fail("label", "nothing was asked");
  const auto known = std::ranges::find(classes_, label);
  if (!label.empty() && known == classes_.end()) {
    const std::string near = nearest_name(label, classes_);
    fail("label", "'{}' is no class{}; there are {}", label,
         near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), join(classes_));
  }
  const auto i = static_cast<size_t>(*asking_);
  pile_->answer(*asking_, label, person_);
  state_[i] = label.empty() ? -2 : static_cast<int32_t>(known - classes_.begin());
  asked_.push_back(*asking_);
  queue_.pop_back();
  asking_.reset();
}

bool Labelling::undo() {
  if (asked_.empty()) return false;
  pile_->take_back(asked_.back());
  state_[static_cast<size_t>(asked_.back())] = -1;
  queue_.push_back(asked_.back());
  asked_.pop_back();
  asking_.reset();
  return true;
}

std::vector<CurvePoint> label_curve(const train::Recipe& recipe, const data::Dataset& pool, const data::Dataset& test,
                                    std::span<const int64_t> sizes, bool useful, int64_t steps, double enough,
                                    const std::function<void(const CurvePoint&)>& heard) {
  std::vector<int64_t> labelled, open = Rng(recipe.seed, "labels").permutation(pool.size());
  std::vector<CurvePoint> out;
  std::optional<tasks::Classifier> model;
  for (const int64_t size : sizes) {
    const int64_t more = size - std::ssize(labelled);
    if (more < 1 || size > pool.size())
      fail("label_curve", "a step to {} labels does not follow one of {} in a pool of {}: sizes must rise", size,
           labelled.size(), pool.size());
    std::set<int64_t> taken;  // places in `open`
    if (useful && model) {
      const auto chosen = most_useful(*model, data::subset(pool, open), more, recipe.seed + out.size());
      taken.insert(chosen.begin(), chosen.end());
    }
    for (int64_t i = 0; std::ssize(taken) < more; ++i) taken.insert(i);  // in the random order they lie in
    std::vector<int64_t> rest;
    for (int64_t i = 0; i < std::ssize(open); ++i)
      (taken.contains(i) ? labelled : rest).push_back(open[static_cast<size_t>(i)]);
    open = std::move(rest);
    model = fit_few(recipe, data::subset(pool, labelled), steps);
    out.push_back({size, train::evaluate_model(*model, test, "test").result.accuracy});
    if (heard) heard(out.back());
    if (out.back().accuracy >= enough) break;
  }
  return out;
}

std::optional<double> labels_for(std::span<const CurvePoint> curve, double accuracy) {
  for (size_t i = 0; i < curve.size(); ++i) {
    if (curve[i].accuracy < accuracy) continue;
    const auto at = static_cast<double>(curve[i].labels);
    if (i == 0) return at;
    const double before = static_cast<double>(curve[i - 1].labels);
    return before + (at - before) * (accuracy - curve[i - 1].accuracy) / (curve[i].accuracy - curve[i - 1].accuracy);
  }
  return std::nullopt;
}

}  // namespace tandem::people
