#include <tandem/deploy/studio.h>
#include <tandem/people/versions.h>

#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>

namespace tandem::deploy {
namespace {

using json = nlohmann::ordered_json;

// The batcher's answer; waits for it.
Answer ask(const Models::Live& live, const Picture& picture) {
  std::promise<std::pair<Batcher::Outcome, Answer>> promise;
  auto future = promise.get_future();
  Batcher::Job job;
  job.model = live.model;
  job.examples = {1, floats_of(picture.pixels)};
  job.done = [&promise](Batcher::Outcome outcome, Answer answer) { promise.set_value({outcome, std::move(answer)}); };
  if (!live.batcher->submit(job)) throw Refused(429, "too many requests wait already");
  auto [outcome, answer] = future.get();
  if (outcome == Batcher::Outcome::late) throw Refused(503, "the request waited too long");
  if (outcome == Batcher::Outcome::failed) throw Error(ErrorKind::internal, "the network gave no answer");
  return answer;
}

std::vector<fs::path> folders_of(const Models& models, std::vector<fs::path> given) {
  if (given.empty())  // the runs beside those in service
    for (const Models::Live& live : models.all())
      if (!live.run.empty()) given.push_back(fs::absolute(live.run).lexically_normal().parent_path());
  std::vector<fs::path> out;
  for (const fs::path& folder : given)
    if (std::ranges::find(out, folder) == out.end()) out.push_back(folder);
  return out;
}

}  // namespace

Studio::Studio(Models& models, Decisions& decisions, StudioOptions options)
    : models_(models), decisions_(decisions), options_(std::move(options)), runs_(folders_of(models, options_.runs)) {}

Studio::Pace Studio::pace_of(Action action) {
  switch (action) {
    case Action::learn:
    case Action::restore:
    case Action::compare:
    case Action::learning: return Pace::learning;
    case Action::similar:
    case Action::network:
    case Action::activations:
    case Action::runs:
    case Action::run_report: return Pace::thinking;
    default: return Pace::quick;
  }
}

Response Studio::answer(Action action, const Request& request, const Match& match) {
  const auto run = [&] { return match.values.find("run")->second; };
  switch (action) {
    case Action::models: return {200, models()};
    case Action::runs: return {200, runs_.list()};
    case Action::run_report: return {200, runs_.report(run()), "text/html; charset=utf-8"};
    case Action::run_events: {
      Response out{200, "", "text/event-stream", {{"Cache-Control", "no-store"}}};
      out.follow = runs_.follow(run());
      return out;
    }
    default: break;
  }
  const Models::Live live = model_of(match);
  const auto picture = [&] { return read_picture_file(*live.model, request.body, form_of(request.parameter("form"))); };
  switch (action) {
    case Action::look: {
      const Picture p = picture();
      return {200, look(*live.model, p, ask(live, p))};
    }
    case Action::decide: {
      const Picture p = picture();
      const int64_t id = decisions_.add(*live.model, whole_answer(*live.model, {1, floats_of(p.pixels)}), ask(live, p));
      return {200, fmt::format(R"({{"decision":{}}})", id)};
    }
    case Action::similar: return {200, similar(live, picture())};
    case Action::network: return {200, network(*live.model)};
    case Action::activations: return {200, activations(*live.model, picture())};
    case Action::learning: return {200, learning_of(live).state()};
    case Action::compare: return {200, learning_of(live).compare(request.body, memory_of(live)->held_back)};
    case Action::learn: return {200, gone_live(live, learning_of(live).learn())};
    case Action::restore: return {200, gone_live(live, learning_of(live).restore(request.body))};
    default: throw Error(ErrorKind::internal, "studio: an action of somebody else");
  }
}

Models::Live Studio::model_of(const Match& match) const {
  Models::Live out = models_.find(match.values.find("model")->second, "");
  if (!out) throw Refused(404, "there is no such model: GET /v2/models lists them");
  return out;
}

Learning& Studio::learning_of(const Models::Live& live) {
  if (live.run.empty())
    throw Refused(409,
                  "this model is served as a file: serve its run folder to collect corrections and learn from them");
  const std::scoped_lock lock(mutex_);
  auto& out = learning_[live.model->name()];
  if (!out)
    out = std::make_unique<Learning>(train::RunFolder::open(live.run), decisions_.store_of(*live.model),
                                     options_.data_folder);
  return *out;
}

// What the run remembers of its data; made from the data the first time.
std::shared_ptr<const people::Memory> Studio::memory_of(const Models::Live& live) {
  const std::scoped_lock lock(mutex_);
  auto& out = memory_[live.model->name()];
  if (!out)
    out = std::make_shared<const people::Memory>(
        people::memory_of(train::RunFolder::open(live.run), options_.data_folder));
  return out;
}

std::string Studio::models() {
  json out = json::array();
  std::vector<std::string> names;
  for (const Models::Live& live : models_.all()) {
    if (std::ranges::find(names, live.model->name()) != names.end()) continue;
    names.push_back(live.model->name());
    const tasks::Classifier& model = live.model->model();
    int64_t waiting = 0;
    bool learns = !live.run.empty();
    try {
      if (learns) waiting = std::ssize(decisions_.store_of(*live.model).waiting());
    } catch (const Refused&) {  // nothing is to be kept
      learns = false;
    }
    out.push_back({{"name", live.model->name()},
                   {"version", people::version_of(model).number},
                   {"task", tasks::task_of(model.input)},
                   {"classes", model.classes},
                   {"goal", model.confidence ? model.confidence->options().goal.text() : ""},
                   {"learns", learns},
                   {"waiting", waiting}});
    if (const auto* pictures = std::get_if<tasks::ImageInput>(&model.input))
      out.back().update({{"height", pictures->height}, {"width", pictures->width}, {"channels", pictures->channels}});
  }
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string Studio::similar(const Models::Live& live, const Picture& picture) {
  if (live.run.empty()) return "[]";  // nothing of its training is known
  Known& known = known_[live.model->name()];
  if (known.digest != live.model->digest()) {
    known.resemblance = std::make_unique<Resemblance>(*live.model, memory_of(live));
    known.digest = live.model->digest();
  }
  return known.resemblance->similar(picture);
}

// What learning wrote becomes what is served.
std::string Studio::gone_live(const Models::Live& live, std::string answer) {
  (void)models_.reload(live.model->name());
  return answer;
}

}  // namespace tandem::deploy
