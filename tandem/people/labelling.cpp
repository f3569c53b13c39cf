#include <tandem/base/text.h>
#include <tandem/data/labels.h>
#include <tandem/people/labelling.h>
#include <tandem/people/store.h>

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
  train::Trainer(recipe, model, labelled, {}).run();
  return model;
}

Labelling::Labelling(fs::path folder, std::string person, const tasks::Classifier& model,
                     const LabellingOptions& options)
    : folder_(std::move(folder)),
      person_(std::move(person)),
      classes_(model.classes),
      options_(options),
      model_(model) {
  start({model.image().height, model.image().width, model.image().channels});
}

Labelling::Labelling(fs::path folder, std::string person, const train::Recipe& recipe, std::vector<std::string> classes,
                     const LabellingOptions& options)
    : folder_(std::move(folder)),
      person_(std::move(person)),
      classes_(std::move(classes)),
      options_(options),
      recipe_(recipe) {
  for (const data::Label& label : data::read_labels(folder_))
    if (!label.label.empty() && std::ranges::find(classes_, label.label) == classes_.end())
      classes_.push_back(label.label);
  if (classes_.size() < 2)
    fail("label", "it is not known which classes there are: name two or more, as in --classes cat,dog");
  const bool sized = !recipe.data.size.empty();
  start({sized ? recipe.data.size[0] : 0, sized ? recipe.data.size[1] : 0, recipe.data.channels});
}

void Labelling::start(const data::ImageOptions& size) {
  files_ = data::picture_files(folder_);
  pictures_ = data::load_pictures(folder_, files_, classes_, size);
  state_.assign(files_.size(), -1);
  for (const data::Label& label : data::read_labels(folder_)) {
    const auto file = std::ranges::lower_bound(files_, label.file);
    if (file == files_.end() || *file != label.file) continue;  // the picture is gone
    const auto known = std::ranges::find(classes_, label.label);
    if (!label.label.empty() && known == classes_.end())
      fail(ErrorKind::data, (folder_ / data::labels_file).string(), "'{}' is labelled '{}', which is none of {}",
           label.file, label.label, join(classes_));
    state_[static_cast<size_t>(file - files_.begin())] =
        label.label.empty() ? -2 : static_cast<int32_t>(known - classes_.begin());
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
      pictures_.labels[i] = state_[i];
      seen.insert(state_[i]);
    }
  }
  if (recipe_ && seen.size() > 1) model_ = fit_few(*recipe_, data::subset(pictures_, labelled), options_.steps);
  if (model_) {
    for (const int64_t i : most_useful(*model_, data::subset(pictures_, open), options_.round, options_.seed))
      queue_.push_back(open[static_cast<size_t>(i)]);
  } else {
    std::vector<int64_t> looked_at;
    for (size_t i = 0; i < state_.size(); ++i)
      if (state_[i] != -1) looked_at.push_back(static_cast<int64_t>(i));
    queue_ = most_diverse(pictures_, looked_at, options_.round, options_.seed);
  }
  std::ranges::reverse(queue_);
}

std::optional<Question> Labelling::next() {
  if (left() == 0) return std::nullopt;
  if (queue_.empty()) choose();
  asking_ = queue_.back();
  const auto i = *asking_;
  const Shape& s = pictures_.pixels().shape();
  Question out{files_[static_cast<size_t>(i)], pictures_.pixels().rows(i, i + 1).view({s[1], s[2], s[3]})};
  if (model_) {
    const std::vector<float> p = model_->predict(data::subset(pictures_, std::span(&i, 1)));
    const auto best = std::ranges::max_element(p);
    out.guess = classes_[static_cast<size_t>(best - p.begin())];
    out.probability = static_cast<double>(*best);
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
  data::append_label(folder_, {files_[i], label, person_, utc_now()});
  state_[i] = label.empty() ? -2 : static_cast<int32_t>(known - classes_.begin());
  asked_.push_back(*asking_);
  queue_.pop_back();
  asking_.reset();
}

bool Labelling::undo() {
  if (asked_.empty()) return false;
  state_[static_cast<size_t>(asked_.back())] = -1;  // the file keeps the old line until the new answer follows it
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
