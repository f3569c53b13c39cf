#include <tandem/autograd/tape.h>
#include <tandem/improve/search.h>
#include <tandem/nn/inference.h>
#include <tandem/nn/weights.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <new>
#include <nlohmann/json.hpp>
#include <thread>

namespace tandem::improve {
namespace {

using json = nlohmann::ordered_json;

constexpr double between_saves = 5;  // seconds: what a killed search does again
constexpr double between_beats = 5;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Milliseconds for one picture, as it is served: the median of many.
double latency(const tasks::Classifier& model) {
  nn::Sequential net = nn::for_inference(model.net);
  const Shape s = tasks::shape_of(tasks::Input(model.image()));
  const Tensor x = Tensor::zeros({1, s[0], s[1], s[2]});
  std::vector<double> times;
  for (int i = 0; i < 40; ++i) {
    const NoGrad off;
    nn::Pass pass;
    const double started = now();
    (void)net.forward(x, pass);
    if (i >= 8) times.push_back(1e3 * (now() - started));
  }
  std::ranges::nth_element(times, times.begin() + std::ssize(times) / 2);
  return times[times.size() / 2];
}

// What a trial trains. Data of classes is read once for all trials; other tasks read theirs themselves.
struct Subject {
  std::optional<tasks::Classifier> model;
  std::unique_ptr<tasks::Task> classes;
  std::unique_ptr<train::Job> job;

  [[nodiscard]] tasks::Task& task() const { return classes ? *classes : job->task(); }

  [[nodiscard]] double measure(const std::string& objective, const evaluate::EpochPoint& kept) const {
    double value = std::nan("");
    if (objective == "accuracy") value = kept.validation_accuracy;
    if (objective == "loss") value = kept.validation_loss;
    if (objective == "parameters") value = static_cast<double>(nn::count(task().network()).trained);
    if (model && objective == "latency") value = latency(*model);
    if (model && objective == "multiply_adds")
      value = static_cast<double>(model->net.multiply_adds(tasks::shape_of(model->input)));
    if (!std::isfinite(value)) fail("search.objectives", "this task has no {}: take loss", objective);
    return value;
  }
};

bool has_classes(const train::Recipe& recipe) { return recipe.task.ends_with("classification"); }

}  // namespace

// ---- The folder

SearchFolder SearchFolder::create(const fs::path& searches, const std::string& name) {
  return {train::RunFolder::create(searches, name).path};  // names count up in the same way
}

SearchFolder SearchFolder::open(const fs::path& path) {
  const SearchFolder folder{path};
  if (!fs::is_regular_file(folder.recipe()))
    fail(ErrorKind::file, path.string(), "is no search (it has no search.yaml): `tandem tune RECIPE` makes one");
  return folder;
}

fs::path SearchFolder::checkpoint(int64_t trial) const {
  return path / "checkpoints" / fmt::format("{}.safetensors", trial);
}

fs::path SearchFolder::front(int64_t trial) const { return path / "front" / fmt::format("trial-{}.yaml", trial); }

// ---- The search

Search::Search(SearchFolder folder, const Config& config, fs::path data_folder)
    : folder_(std::move(folder)),
      config_(config),
      data_folder_(std::move(data_folder)),
      options_(SearchOptions::read(config)),
      objectives_(options_.wanted()),
      sampler_(make_sampler(options_.sampler, options_.space)),
      study_(folder_.trials(), options_.space) {
  const Config name = config.get("name");
  name_ = name.is_scalar() ? name.text() : "run";
}

Trial Search::fresh(const std::vector<Trial>& trials) const {
  const std::vector<double> score = scores(trials, options_.halving, objectives_);
  std::vector<Scored> history;
  for (size_t i = 0; i < trials.size(); ++i) history.push_back({trials[i].point, score[i]});
  Trial out;
  out.point =
      sampler_->next(options_.space, history, Rng(options_.seed, "search").split(static_cast<uint64_t>(trials.size())));
  try {
    out.limit = train::Recipe::read(options_.space.recipe(config_, out.point)).train.epochs;
  } catch (const Error&) {
    out.limit = 1;  // it fails when it is trained, with its reason
  }
  out.target = options_.halving.rungs(out.limit).front();
  return out;
}

SearchOutcome Search::run(const SearchHooks& hooks) {
  for (;;) {
    if (hooks.stop && hooks.stop()) return SearchOutcome::interrupted;
    const Decision decision = study_.next(options_.halving, objectives_, options_.trials,
                                          [&](const std::vector<Trial>& trials) { return fresh(trials); });
    if (decision.kind == Decision::Kind::wait) {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      continue;
    }
    if (decision.kind == Decision::Kind::train) {
      if (hooks.changed) hooks.changed(study_.trials());
      train(decision.trial, hooks);
    }
    const std::vector<Trial> all = study_.trials();
    write_best(all);
    if (hooks.changed) hooks.changed(all);
    if (decision.kind == Decision::Kind::done) return SearchOutcome::done;
  }
}

const data::Splits& Search::data_of(const train::Recipe& recipe) {
  train::DataOptions options = recipe.data;
  options.augment = {};
  const std::string key = fmt::format("{} {}", recipe.seed, Fields::write(options).str());
  if (key != data_key_) {
    data_key_.clear();
    data_ = {};  // before the next is loaded: both might not fit
    data_ = train::prepare(recipe, data_folder_);
    data_key_ = key;
  }
  return data_;
}

void Search::train(const Trial& trial, const SearchHooks& hooks) {
  const fs::path file = folder_.checkpoint(trial.id);
  double seconds = trial.seconds;
  const auto over = [&](State state, const std::string& message = "") {
    study_.end(trial.id, state, seconds, message);
    std::error_code ignored;
    if (state == State::failed || state == State::finished) fs::remove(file, ignored);
  };
  // What is wrong with one trial is its own matter, what is wrong with the data is everybody's.
  const bool changes_data = std::ranges::any_of(options_.space.parameters(), [](const Parameter& p) {
    return p.name.starts_with("data.") && !p.name.starts_with("data.augment");
  });
  bool of_all = false;
  try {
    const train::Recipe recipe = train::Recipe::read(options_.space.recipe(config_, trial.point));
    Subject subject;
    if (has_classes(recipe)) {
      of_all = !changes_data;
      const data::Splits& data = data_of(recipe);
      of_all = false;
      subject.model = train::make_model(recipe, data.train);
      subject.classes =
          std::make_unique<tasks::Classification>(*subject.model, data.train, data.validation,
                                                  train::classification_options(recipe, *subject.model, data.train));
    } else {  // data that cannot be found is a file error, which is thrown too
      subject.job = train::make_job(recipe, data_folder_);
    }
    of_all = !changes_data;
    if (!subject.task().validates())
      fail(ErrorKind::data, "search", "there is no validation part to compare trials on: set data.validation");
    of_all = false;
    train::Trainer trainer(recipe, subject.task());
    if (fs::exists(file)) trainer.restore(read_safetensors(file), file.string());

    const auto save = [&] { write_safetensors(file, trainer.checkpoint()); };
    const auto trained = [&] { return std::ssize(trainer.history()); };
    double saved = now(), beaten = now();
    train::Hooks own;
    own.strict = true;  // a trial that went on with another rate would not be the one that was asked for
    own.step = [&](const train::Progress& p) {
      if (now() - beaten > between_beats) study_.beat(trial.id), beaten = now();
      if (hooks.step) hooks.step(trial, p);
    };
    own.epoch = [&](const evaluate::EpochPoint& point, bool) {
      // What this trial would give if it ended now: the epoch whose weights would be kept.
      const bool last = recipe.train.keep == "last" || trainer.best_epoch() == 0;
      const auto& kept = last ? point : trainer.history()[static_cast<size_t>(trainer.best_epoch() - 1)];
      Result result{point.epoch, {}};
      for (const Objective& o : objectives_) result.values.push_back(subject.measure(o.name, kept));
      study_.add(trial.id, result);
      if (now() - saved > between_saves && point.epoch < trial.target) save(), saved = now();
    };
    own.stop = [&] { return trained() >= trial.target || (hooks.stop && hooks.stop()); };
    const train::Outcome outcome =
        trained() >= trial.target && trial.target < trial.limit ? train::Outcome::interrupted : trainer.run(own);
    seconds = trainer.seconds();
    if (outcome != train::Outcome::interrupted) return over(State::finished);
    save();
    over(trained() >= trial.target ? State::paused : State::waiting);
  } catch (const Error& e) {
    if (of_all || e.kind() == ErrorKind::file) {
      over(State::waiting);
      throw;
    }
    over(State::failed, e.what());
  } catch (const std::bad_alloc&) {
    over(State::failed, "out of memory");
  }
}

// ---- What it found

std::string Search::recipe_of(const Trial& trial) const {
  train::Recipe recipe = train::Recipe::read(options_.space.recipe(config_, trial.point));
  const Result* result = trial.last();
  std::string out = fmt::format("# Trial {} of {}: ", trial.id, folder_.path.filename().string());
  for (size_t i = 0; result && i < objectives_.size(); ++i)
    out += fmt::format("{}{} {:.6g}", i ? ", " : "", objectives_[i].name, result->values[i]);
  out += fmt::format(" on the validation part, {} of {} epochs.\n#", result ? result->epochs : 0, trial.limit);
  for (const auto& [name, text] : options_.space.texts(trial.point)) out += fmt::format(" {}={}", name, text);
  return out + "\n" + recipe.write().str();
}

void Search::write_best(const std::vector<Trial>& trials) const {
  const auto order = leaders(trials, objectives_);
  if (order.empty() || !trials[order.front()].last() || trials[order.front()].state == State::failed) return;
  write_text(folder_.best(), recipe_of(trials[order.front()]));
  if (objectives_.size() < 2) return;
  const fs::path front = folder_.path / "front";
  make_folder(front);
  std::vector<fs::path> kept;
  for (const size_t i : pareto_front(trials, objectives_)) {
    kept.push_back(folder_.front(trials[i].id));
    if (!fs::exists(kept.back()) || trials[i].state == State::paused) write_text(kept.back(), recipe_of(trials[i]));
  }
  for (const auto& entry : fs::directory_iterator(front))
    if (std::ranges::find(kept, entry.path()) == kept.end()) fs::remove(entry.path());
}

std::string search_json(const Search& search, const std::vector<Trial>& trials) {
  const SearchOptions& o = search.options();
  json rows = json::array();
  int64_t epochs = 0;
  for (const Trial& t : trials) {
    json values = json::object(), parameters = json::object();
    for (size_t i = 0; t.last() && i < search.objectives().size(); ++i)
      values[search.objectives()[i].name] = t.last()->values[i];
    for (const auto& [name, text] : o.space.texts(t.point)) parameters[name] = text;
    const int64_t trained = t.last() ? t.last()->epochs : 0;
    epochs += trained;
    rows.push_back({{"trial", t.id},
                    {"state", name_of(t.state)},
                    {"epochs", trained},
                    {"limit", t.limit},
                    {"values", values},
                    {"parameters", parameters},
                    {"seconds", t.seconds}});
    if (!t.message.empty()) rows.back()["message"] = t.message;
  }
  const auto order = leaders(trials, search.objectives());
  const bool any = !order.empty() && trials[order.front()].last() && trials[order.front()].state != State::failed;
  json front = json::array();
  for (const size_t i : pareto_front(trials, search.objectives())) front.push_back(trials[i].id);
  return json{{"search", search.folder().path.string()},
              {"objectives", o.objectives},
              {"sampler", o.sampler},
              {"seed", o.seed},
              {"epochs", epochs},
              {"best", any ? json(trials[order.front()].id) : json(nullptr)},
              {"front", front},
              {"trials", rows}}
             .dump(2, ' ', false, json::error_handler_t::replace) +
         "\n";
}

}  // namespace tandem::improve
