#include <fmt/format.h>
#include <tandem/deploy/completions.h>
#include <tandem/deploy/plain.h>
#include <tandem/deploy/service.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

namespace tandem::deploy {
namespace {

using json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

// Whether a body is read in passing; a larger one would hold up other connections. Numbers of pictures are read faster
// than texts are cut into tokens.
bool is_quick(const ServedModel& model, const Request& request) {
  const bool pictures = std::holds_alternative<tasks::ImageInput>(model.model().input);
  return !request.header("content-type").starts_with("image/") &&
         request.body.size() <= (pictures ? size_t{1} << 18 : size_t{1} << 14);
}

// In the form that clients of the path read.
Response error(const Request& request, int status, const std::string& message) {
  const bool completions = request.path.starts_with("/v1/");
  Response out{status, completions ? completion_error(status, message) : error_body(message)};
  if (status == 401) out.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (status == 429 || status == 503) out.headers.emplace_back("Retry-After", "1");
  return out;
}

InferRequest read(const ServedModel& model, const Request& request, int64_t most) {
  if (const std::string& type = request.header("content-type"); is_plain(type))
    return whole_answer(model, read_plain(model, type, request.body, form_of(request.parameter("form")), most));
  return read_infer(model, request.body, read_json_bytes(request.header("inference-header-content-length")), most);
}

}  // namespace

Service::Service(Models& models, Languages& languages, Decisions& decisions, Metrics& metrics, ServiceOptions options)
    : models_(models),
      languages_(languages),
      decisions_(decisions),
      metrics_(metrics),
      options_(std::move(options)),
      studio_(models, languages, decisions, options_.studio),
      writers_(options_.writing, metrics) {}

void Service::handle(Request request, const Respond& respond) {
  const auto call = std::make_shared<Call>();
  call->request = std::move(request);
  call->match = match(call->request.method, call->request.path);
  const std::string route = call->match.route ? call->match.route->name : "none";
  call->respond = [this, respond, route, begin = Clock::now()](Response response) {
    metrics_.request(route, response.status, std::chrono::duration<double>(Clock::now() - begin).count());
    respond(std::move(response));
  };
  guarded(call, [&] {
    admit(*call);
    dispatch(call);
  });
}

// Runs `task`; what it throws becomes the answer. So a task must not throw once it has answered.
void Service::guarded(const Shared& call, const std::function<void()>& task) {
  try {
    task();
  } catch (const Refused& e) {
    call->respond(error(call->request, e.status(), e.what()));
  } catch (const std::exception& e) {  // the cause is for the one who runs the server
    options_.say(fmt::format("{} failed: {}", call->match.route ? call->match.route->name : "a request", e.what()));
    call->respond(error(call->request, 500, "internal error"));
  }
}

void Service::admit(const Call& call) const {
  if (foreign(call.request, options_.local && options_.access.open()))
    throw Refused(403, "requests that pages of other sites make are not taken");
  const std::optional<Role> needed = call.match.route ? call.match.route->role : Role::predict;
  if (!needed || options_.access.open()) return;
  const std::optional<Role> role = options_.access.role_of(call.request);
  if (!role) throw Refused(401, "send 'Authorization: Bearer TOKEN' with a token that this server knows");
  if (*role < *needed) throw Refused(403, "the token's role may not do this");
}

void Service::dispatch(const Shared& call) {
  if (!call->match.route) {
    if (call->match.allowed.empty()) throw Refused(404, "there is no such path: see /openapi.json");
    Response out = error(call->request, 405, fmt::format("this path takes {}", call->match.allowed));
    out.headers.emplace_back("Allow", call->match.allowed);
    return call->respond(std::move(out));
  }
  switch (call->match.route->action) {
    case Action::infer: return infer(call);
    case Action::explain: return explain(call);
    case Action::complete:
    case Action::chat: return write(call);
    case Action::languages: return call->respond({200, language_list(languages_.all())});
    case Action::feedback:
    case Action::waiting:
    case Action::decision: return store(call);
    case Action::reload: return load(call);
    case Action::page:
      return call->respond({200,
                            std::string(studio_page()),
                            "text/html; charset=utf-8",
                            {{"Cache-Control", "no-cache"}, {"X-Frame-Options", "DENY"}}});
    case Action::server: return call->respond({200, server_metadata()});
    case Action::live: return call->respond({200, R"({"live":true})"});
    case Action::ready:
      if (draining_) throw Refused(503, "the server is about to end");
      return call->respond({200, R"({"ready":true})"});
    case Action::model: return call->respond({200, metadata(model_of(*call))});
    case Action::model_ready:
      return call->respond({200, fmt::format(R"({{"name":"{}","ready":true}})", model_of(*call).model->name())});
    case Action::index: return call->respond({200, index()});
    case Action::metrics:
      return call->respond({200, metrics_.text(options_.connections(), models_.waiting(), writers_.texts()),
                            "text/plain; version=0.0.4; charset=utf-8"});
    case Action::openapi: return call->respond({200, openapi()});
    default: return ask_studio(call);
  }
}

// The page's endpoints: what is quick does not wait for what explains, nor that for what learns.
void Service::ask_studio(const Shared& call) {
  const Action action = call->match.route->action;
  const Studio::Pace pace = Studio::pace_of(action);
  later(pace == Studio::Pace::quick      ? quick_
        : pace == Studio::Pace::thinking ? worker_
                                         : learner_,
        call, [this, call, action] { call->respond(studio_.answer(action, call->request, call->match)); });
}

Models::Live Service::model_of(const Call& call) const {
  const auto value = [&](const char* name) {
    const auto found = call.match.values.find(name);
    return found == call.match.values.end() ? std::string() : found->second;
  };
  Models::Live out = models_.find(value("model"), value("version"));
  if (!out && languages_.has(value("model")))
    throw Refused(404, "this is a language model: it answers at /v1/completions and /v1/chat/completions");
  if (!out) throw Refused(404, "there is no such model or version: POST /v2/repository/index lists them");
  return out;
}

void Service::infer(const Shared& call) {
  const Models::Live live = model_of(*call);
  if (is_quick(*live.model, call->request))
    return submit(call, live, read(*live.model, call->request, options_.most_examples));
  later(worker_, call,
        [this, call, live] { submit(call, live, read(*live.model, call->request, options_.most_examples)); });
}

void Service::submit(const Shared& call, const Models::Live& live, InferRequest request) {
  call->request.body = {};  // the examples are all that is needed from here on
  Batcher::Job job;
  job.model = live.model;
  if (decisions_.keeping())
    job.examples = request.examples;
  else
    job.examples = std::move(request.examples);  // what is left says how many there are
  job.done = [this, call, model = live.model, asked = std::move(request)](Batcher::Outcome outcome,
                                                                          const Answer& answer) {
    guarded(call, [&] {
      if (outcome == Batcher::Outcome::late) throw Refused(503, "the request waited too long");
      if (outcome == Batcher::Outcome::failed) throw Error(ErrorKind::internal, "the network gave no answer");
      call->respond(write_infer(*model, asked, answer, decisions_.keep(*model, asked, answer)));
    });
  };
  if (!live.batcher->submit(job)) throw Refused(429, "too many requests wait already");
}

void Service::explain(const Shared& call) {
  const Models::Live live = model_of(*call);
  later(worker_, call, [this, call, live] {
    const Examples examples = read(*live.model, call->request, options_.most_examples).examples;
    call->respond(studio_.explain(live, examples, call->request));
  });
}

void Service::write(const Shared& call) {
  later(quick_, call, [this, call] {
    const WritingOptions& most = writers_.options();
    const CompletionRequest asked = read_completion(call->request.body, call->match.route->action == Action::chat,
                                                    most.most_tokens, most.most_prompt);
    const auto model = languages_.find(asked.model);
    if (!model) throw Refused(404, "there is no such language model: GET /v1/models lists them");
    const auto writer = std::make_shared<CompletionWriter>(asked, *model);
    const auto reason = [](Writers::Ending ending) { return ending == Writers::Ending::stop ? "stop" : "length"; };
    const auto check = [](Writers::Ending ending) {
      if (ending == Writers::Ending::gone)
        throw Refused(499, "the client has ended the connection, or the server ends");
      if (ending == Writers::Ending::failed) throw Error(ErrorKind::internal, "the network gave no token");
    };
    Writers::Job job;
    job.model = model;
    job.text = std::make_unique<tasks::Generation>(model->model(), model->ready(), asked.prompt, asked.options);
    job.gone = call->request.gone;
    if (!asked.stream) {
      job.done = [this, call, writer, reason, check](Writers::Ending ending, const tasks::Generated& text) {
        guarded(call, [&] {
          check(ending);
          call->respond({200, writer->whole(text, reason(ending))});
        });
      };
      if (!writers_.submit(job)) throw Refused(429, "as many texts as may be are being written");
      return;
    }
    const auto feed = std::make_shared<Feed>();
    job.piece = [feed, writer](const std::string& piece) { feed->push(writer->event(piece)); };
    job.done = [this, feed, writer, reason](Writers::Ending ending, const tasks::Generated& text) {
      if (ending == Writers::Ending::failed) {
        options_.say("completions failed: the network gave no token");
        feed->push("data: " + completion_error(500, "internal error") + "\n\n");
      } else if (ending != Writers::Ending::gone) {
        feed->push(writer->last_events(text, reason(ending)));
      }
      feed->end();
    };
    if (!writers_.submit(job)) throw Refused(429, "as many texts as may be are being written");
    Response out{200, "", "text/event-stream", {{"Cache-Control", "no-store"}}};
    out.feed = feed;
    call->respond(std::move(out));
  });
}

// The store writes to the disk: not on the server's thread.
void Service::store(const Shared& call) {
  const auto model = model_of(*call).model;
  later(quick_, call, [this, call, model] {
    switch (call->match.route->action) {
      case Action::feedback: return call->respond({200, decisions_.feedback(*model, call->request.body)});
      case Action::waiting: return call->respond({200, decisions_.waiting(*model)});
      default: return call->respond({200, decisions_.decision(*model, call->match.values.at("decision"))});
    }
  });
}

void Service::load(const Shared& call) {
  const std::string given = call->match.values.at("model");
  const bool language = languages_.has(given);
  const std::string name = language ? given : model_of(*call).model->name();
  later(worker_, call, [this, call, name, language] {
    try {
      const int64_t live = language ? languages_.reload(name) : models_.reload(name);
      options_.say(fmt::format("{}: {} read again, {} went live", name, live == 1 ? "file" : "files", live));
      call->respond({200, fmt::format(R"({{"reloaded":{}}})", live)});
    } catch (const Error& e) {
      options_.say(e.what());
      throw Refused(409, "the model file was refused, the model before stays in service; the server's log says why");
    }
  });
}

// On the worker; full of work, it refuses.
void Service::later(Worker& worker, const Shared& call, std::function<void()> task) {
  const bool taken = worker.post([this, call, task = std::move(task)] { guarded(call, task); });
  if (!taken) throw Refused(429, "too many requests wait already");
}

void Service::reload() {
  const bool taken = worker_.post([this] {
    try {
      const int64_t live = models_.reload("") + languages_.reload("");
      options_.say(fmt::format("model files read again, {} went live", live));
    } catch (const std::exception& e) {
      options_.say(fmt::format("{}; the model before stays in service", e.what()));
    }
  });
  if (!taken) options_.say("too busy to read the model files again: try later");
}

void Service::stop() {
  for (Worker* worker : {&quick_, &worker_, &learner_}) worker->stop();  // they give work to the models
  writers_.stop();
  models_.stop();
}

std::string Service::metadata(const Models::Live& live) const {
  std::vector<std::string> versions;
  for (const Models::Live& other : models_.all())
    if (other.model->name() == live.model->name()) versions.push_back(other.model->version());
  return model_metadata(*live.model, versions);
}

std::string Service::index() const {
  json out = json::array();
  for (const Models::Live& live : models_.all())
    out.push_back(
        {{"name", live.model->name()}, {"version", live.model->version()}, {"state", "READY"}, {"reason", ""}});
  for (const auto& model : languages_.all())
    out.push_back({{"name", model->id()}, {"version", "1"}, {"state", "READY"}, {"reason", ""}});
  return out.dump();
}

}  // namespace tandem::deploy
