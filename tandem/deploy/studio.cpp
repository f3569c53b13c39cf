#include <tandem/deploy/reasons.h>
#include <tandem/deploy/studio.h>
#include <tandem/people/versions.h>

#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>

namespace tandem::deploy {
namespace {

using json = nlohmann::ordered_json;

// The batcher's answer; waits for it.
Answer ask(const Models::Live& live, const Examples& examples) {
  std::promise<std::pair<Batcher::Outcome, Answer>> promise;
  auto future = promise.get_future();
  Batcher::Job job;
  job.model = live.model;
  job.examples = examples;
  job.done = [&promise](Batcher::Outcome outcome, Answer answer) { promise.set_value({outcome, std::move(answer)}); };
  if (!live.batcher->submit(job)) throw Refused(429, "too many requests wait already");
  auto [outcome, answer] = future.get();
  if (outcome == Batcher::Outcome::late) throw Refused(503, "the request waited too long");
  if (outcome == Batcher::Outcome::failed) throw Error(ErrorKind::internal, "the network gave no answer");
  return answer;
}

const char* word_for(const tasks::Input& input) {
  if (std::holds_alternative<tasks::TextInput>(input)) return "text";
  return std::holds_alternative<tasks::TableInput>(input) ? "table" : "image";
}

// What a form needs to know of each column.
json columns_of(const tasks::TableInput& input) {
  json out = json::array();
  for (const tasks::NumberInput& c : input.number_columns) {
    const auto text = [&](double v) { return c.date ? data::date_text(v) : fmt::format("{}", v); };
    const double usual = c.date ? c.fill : std::stod(fmt::format("{:.6g}", c.fill));  // a mean has many digits
    out.push_back({{"name", c.name},
                   {"kind", data::name_of(c.date ? data::ColumnType::date : data::ColumnType::number)},
                   {"values", json::array()},
                   {"low", text(c.low)},
                   {"high", text(c.high)},
                   {"usual", text(usual)},
                   {"missing", c.marked}});
  }
  for (const tasks::CategoryInput& c : input.category_columns) {
    json values = json::array();
    for (const std::string& value : c.values)
      if (!value.empty()) values.push_back(value);
    const json usual = values.empty() ? json(nullptr) : values[0];
    out.push_back({{"name", c.name},
                   {"kind", data::name_of(data::ColumnType::category)},
                   {"values", values},
                   {"low", nullptr},
                   {"high", nullptr},
                   {"usual", usual},
                   {"missing", std::ssize(values) < std::ssize(c.values)}});
  }
  return out;
}

}  // namespace

Studio::Studio(Models& models, const Languages& languages, Decisions& decisions, StudioOptions options)
    : models_(models),
      languages_(languages),
      decisions_(decisions),
      options_(std::move(options)),
      runs_(options_.runs) {}

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
  if (const auto language = languages_.find(match.values.find("model")->second)) {
    if (action == Action::network) return {200, network(language->ready())};
    throw Refused(409, "this is a language model: it is written with, at /v1/completions");
  }
  const Models::Live live = model_of(match);
  const auto sent = [&] { return read_sent(*live.model, request); };
  switch (action) {
    case Action::look: {
      const Sent s = sent();
      return {200, look(*live.model, s, ask(live, s.examples))};
    }
    case Action::decide: {
      const Sent s = sent();
      const int64_t id = decisions_.add(*live.model, whole_answer(*live.model, s.examples), ask(live, s.examples));
      return {200, fmt::format(R"({{"decision":{}}})", id)};
    }
    case Action::similar: return {200, similar(live, sent().examples)};
    case Action::network: return {200, network(live.model->model().net)};
    case Action::activations: return {200, activations(*live.model, sent().examples)};
    case Action::learning: return {200, learning_of(live).state()};
    case Action::compare: return {200, learning_of(live).compare(request.body, memory_of(live)->held_back)};
    case Action::learn: return {200, gone_live(live, learning_of(live).learn())};
    case Action::restore: return {200, gone_live(live, learning_of(live).restore(request.body))};
    default: throw Error(ErrorKind::internal, "studio: an action of somebody else");
  }
}

Response Studio::explain(const Models::Live& live, const Examples& examples, const Request& request) {
  std::shared_ptr<const people::Memory> memory;
  if (std::holds_alternative<data::Table>(examples.values) && !live.run.empty()) memory = memory_of(live);
  return {200, explanation(*live.model, examples, request, memory ? &memory->replay : nullptr)};
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
                   {"kind", word_for(model.input)},
                   {"version", people::version_of(model).number},
                   {"classes", model.classes},
                   {"methods", methods_of(*live.model)},
                   {"goal", model.confidence ? model.confidence->options().goal.text() : ""},
                   {"learns", learns},
                   {"waiting", waiting}});
    if (const auto* pictures = std::get_if<tasks::ImageInput>(&model.input))
      out.back().update({{"height", pictures->height}, {"width", pictures->width}, {"channels", pictures->channels}});
    if (const auto* rows = std::get_if<tasks::TableInput>(&model.input)) {
      out.back()["columns"] = columns_of(*rows);
      if (live.run.empty()) out.back()["methods"] = json::array();  // rows are explained beside those of the training
    }
  }
  for (const auto& language : languages_.all())
    out.push_back({{"name", language->id()},
                   {"kind", "language"},
                   {"version", 0},
                   {"classes", json::array()},
                   {"methods", json::array()},
                   {"goal", ""},
                   {"learns", false},
                   {"waiting", 0},
                   {"context", language->model().reading.context}});
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string Studio::similar(const Models::Live& live, const Examples& examples) {
  if (live.run.empty()) return "[]";  // nothing of its training is known
  Known& known = known_[live.model->name()];
  if (known.digest != live.model->digest()) {
    known.resemblance = std::make_unique<Resemblance>(*live.model, memory_of(live));
    known.digest = live.model->digest();
  }
  return known.resemblance->similar(*live.model, examples);
}

// What learning wrote becomes what is served.
std::string Studio::gone_live(const Models::Live& live, std::string answer) {
  (void)models_.reload(live.model->name());
  return answer;
}

}  // namespace tandem::deploy
