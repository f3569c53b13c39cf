#include <fmt/format.h>
#include <tandem/data/formats/image.h>
#include <tandem/deploy/service.h>
#include <tandem/evaluate/page_pictures.h>
#include <tandem/people/explain.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>

namespace tandem::deploy {
namespace {

using json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr size_t quick_body = size_t{1} << 18;  // bytes that are read in passing; more would hold up other connections

Response error(int status, const std::string& message) {
  Response out{status, error_body(message)};
  if (status == 401) out.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (status == 429 || status == 503) out.headers.emplace_back("Retry-After", "1");
  return out;
}

bool is_picture(const Request& request) {
  const std::string& type = request.header("content-type");
  return type.starts_with("image/png") || type.starts_with("image/jpeg");
}

InferRequest read(const ServedModel& model, const Request& request, int64_t most) {
  if (is_picture(request)) return read_picture(model, request.body, form_of(request.parameter("form")));
  return read_infer(model, request.body, read_json_bytes(request.header("inference-header-content-length")), most);
}

people::ExplainOptions explain_options(const ServedModel& model, const Request& request) {
  people::ExplainOptions out;
  if (const std::string method = request.parameter("method"); !method.empty()) {
    out.method = method;
    const auto& known = people::explain_methods();
    if (std::ranges::find(known, method) == known.end())
      throw Refused(400, fmt::format("there is no method '{}'; methods: {}", method, fmt::join(known, ", ")));
  }
  if (const std::string text = request.parameter("class"); !text.empty()) {
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out.target);
    if (failed != std::errc() || end != text.data() + text.size() || out.target < 0 || out.target >= model.classes())
      throw Refused(400, fmt::format("class must be a number from 0 to {}", model.classes() - 1));
  }
  return out;
}

Response explanation(const ServedModel& model, const InferRequest& request, const people::ExplainOptions& options) {
  if (request.examples != 1)
    throw Refused(400, fmt::format("{} examples were given, one is explained at a time", request.examples));
  Tensor picture = Tensor::empty(model.model().image().shape(), DType::u8);
  std::ranges::transform(request.pixels, picture.data<uint8_t>().begin(),
                         [](float v) { return static_cast<uint8_t>(v + 0.5F); });
  people::Explanation why;
  try {
    why = people::explain(model.model(), picture, options);
  } catch (const Error& e) {  // a method that this network has no use for
    if (e.kind() != ErrorKind::usage) throw;
    throw Refused(400, e.what());
  }
  const auto map = why.map.data<const float>();
  const std::vector<uint8_t> png = data::encode_png(people::overlay(picture, why.map));
  return {200,
          json{{"model_name", model.name()},
               {"model_version", model.version()},
               {"parameters", {{"digest", model.digest()}}},
               {"method", why.method},
               {"class", why.target},
               {"label", model.model().classes[static_cast<size_t>(why.target)]},
               {"output", why.output},
               {"black_output", why.black_output},
               {"map", {{"shape", {why.map.size(0), why.map.size(1)}}, {"data", std::vector(map.begin(), map.end())}}},
               {"overlay_png", evaluate::base64(png)}}
              .dump(-1, ' ', false, json::error_handler_t::replace)};
}

}  // namespace

Service::Service(Models& models, Decisions& decisions, Metrics& metrics, ServiceOptions options)
    : models_(models),
      decisions_(decisions),
      metrics_(metrics),
      options_(std::move(options)),
      studio_(models, decisions, options_.studio) {}

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
    call->respond(error(e.status(), e.what()));
  } catch (const std::exception& e) {  // the cause is for the one who runs the server
    options_.say(fmt::format("{} failed: {}", call->match.route ? call->match.route->name : "a request", e.what()));
    call->respond(error(500, "internal error"));
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
    Response out = error(405, fmt::format("this path takes {}", call->match.allowed));
    out.headers.emplace_back("Allow", call->match.allowed);
    return call->respond(std::move(out));
  }
  switch (call->match.route->action) {
    case Action::infer: return infer(call);
    case Action::explain: return explain(call);
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
      return call->respond(
          {200, metrics_.text(options_.connections(), models_.waiting()), "text/plain; version=0.0.4; charset=utf-8"});
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
  if (!out) throw Refused(404, "there is no such model or version: POST /v2/repository/index lists them");
  return out;
}

void Service::infer(const Shared& call) {
  const Models::Live live = model_of(*call);
  if (!is_picture(call->request) && call->request.body.size() <= quick_body)
    return submit(call, live, read(*live.model, call->request, options_.most_examples));
  later(worker_, call,
        [this, call, live] { submit(call, live, read(*live.model, call->request, options_.most_examples)); });
}

void Service::submit(const Shared& call, const Models::Live& live, InferRequest request) {
  call->request.body = {};  // the pixels are all that is needed from here on
  Batcher::Job job;
  job.model = live.model;
  job.pixels = decisions_.keeping() ? request.pixels : std::move(request.pixels);
  job.examples = request.examples;
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
    const people::ExplainOptions options = explain_options(*live.model, call->request);
    call->respond(explanation(*live.model, read(*live.model, call->request, options_.most_examples), options));
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
  const std::string name = model_of(*call).model->name();
  later(worker_, call, [this, call, name] {
    try {
      const int64_t live = models_.reload(name);
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
      options_.say(fmt::format("model files read again, {} went live", models_.reload("")));
    } catch (const std::exception& e) {
      options_.say(fmt::format("{}; the model before stays in service", e.what()));
    }
  });
  if (!taken) options_.say("too busy to read the model files again: try later");
}

void Service::stop() {
  for (Worker* worker : {&quick_, &worker_, &learner_}) worker->stop();  // they give work to the models
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
  return out.dump();
}

}  // namespace tandem::deploy
