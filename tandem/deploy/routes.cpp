#include <fmt/format.h>
#include <tandem/base/version.h>
#include <tandem/deploy/routes.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <vector>

namespace tandem::deploy {
namespace {

using json = nlohmann::ordered_json;

constexpr std::array table{
    Route{Action::infer, "infer", "POST", "/v2/models/{model}/infer", Role::predict, "Answers of the model"},
    Route{Action::infer, "infer_version", "POST", "/v2/models/{model}/versions/{version}/infer", Role::predict,
          "Answers of one version"},
    Route{Action::explain, "explain", "POST", "/v2/models/{model}/explain", Role::predict,
          "How much each pixel, word or column speaks for the answer"},
    Route{Action::explain, "explain_version", "POST", "/v2/models/{model}/versions/{version}/explain", Role::predict,
          "The same for one version"},
    Route{Action::feedback, "feedback", "POST", "/v2/models/{model}/feedback", Role::correct,
          "What a decision should have been"},
    Route{Action::waiting, "waiting", "GET", "/v2/models/{model}/waiting", Role::correct,
          "Decisions left to people and not answered yet, oldest first"},
    Route{Action::decision, "decision", "GET", "/v2/models/{model}/decisions/{decision}", Role::correct,
          "A decision that was kept, with its input"},
    Route{Action::model, "model", "GET", "/v2/models/{model}", Role::predict, "What the model takes and gives"},
    Route{Action::model, "model_version", "GET", "/v2/models/{model}/versions/{version}", Role::predict,
          "What one version takes and gives"},
    Route{Action::model_ready, "model_ready", "GET", "/v2/models/{model}/ready", Role::predict,
          "Whether the model answers"},
    Route{Action::model_ready, "model_version_ready", "GET", "/v2/models/{model}/versions/{version}/ready",
          Role::predict, "Whether one version answers"},
    Route{Action::server, "server", "GET", "/v2", Role::predict, "Name, version and extensions of the server"},
    Route{Action::live, "live", "GET", "/v2/health/live", std::nullopt, "Whether the server runs"},
    Route{Action::ready, "ready", "GET", "/v2/health/ready", std::nullopt, "Whether all models answer"},
    Route{Action::index, "index", "POST", "/v2/repository/index", Role::predict, "The models and versions there are"},
    Route{Action::reload, "load", "POST", "/v2/repository/models/{model}/load", Role::administer,
          "Reads the model's files again and puts them in service"},
    Route{Action::metrics, "metrics", "GET", "/metrics", Role::predict, "Counts and times in Prometheus' text form"},
    Route{Action::languages, "languages", "GET", "/v1/models", Role::predict, "The language models and their adapters"},
    Route{Action::complete, "completions", "POST", "/v1/completions", Role::predict,
          "A language model goes on with a text"},
    Route{Action::chat, "chat_completions", "POST", "/v1/chat/completions", Role::predict,
          "A language model answers messages"},
    Route{Action::openapi, "openapi", "GET", "/openapi.json", Role::predict, "This document"},
    Route{Action::models, "models", "GET", "/v2/models", Role::predict, "The models as people see them"},
    Route{Action::look, "look", "POST", "/v2/models/{model}/look", Role::predict,
          "The answer to an example, whether a person should give it, and what the network sees"},
    Route{Action::similar, "similar", "POST", "/v2/models/{model}/similar", Role::predict,
          "Training examples that an example resembles"},
    Route{Action::network, "network", "GET", "/v2/models/{model}/network", Role::predict, "The layers"},
    Route{Action::activations, "activations", "POST", "/v2/models/{model}/activations", Role::predict,
          "What each layer makes of an example"},
    Route{Action::decide, "decide", "POST", "/v2/models/{model}/decide", Role::correct,
          "Answers an example and keeps the decision, for the queue when it is deferred"},
    Route{Action::learning, "learning", "GET", "/v2/models/{model}/learning", Role::correct,
          "Versions, updates and corrections"},
    Route{Action::learn, "learn", "POST", "/v2/models/{model}/learn", Role::administer,
          "Learns from the corrections; what is better goes live"},
    Route{Action::restore, "restore", "POST", "/v2/models/{model}/restore", Role::administer, "Makes a version live"},
    Route{Action::compare, "compare", "POST", "/v2/models/{model}/compare", Role::correct,
          "Two versions on the examples held back"},
    Route{Action::runs, "runs", "GET", "/v2/runs", Role::predict, "The runs, and how each goes"},
    Route{Action::run_events, "run_events", "GET", "/v2/runs/{run}/events", Role::predict,
          "The epochs of a run as server-sent events, while it trains"},
    Route{Action::run_report, "run_report", "GET", "/v2/runs/{run}/report", Role::predict, "The report of a run"},
    Route{Action::page, "page", "GET", "/", std::nullopt, "The page for people"},
};

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> out;
  while (!path.empty()) {  // "/a/b" is "", "a", "b" with the first left out
    path.remove_prefix(1);
    const size_t end = std::min(path.find('/'), path.size());
    out.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return out;
}

// %41 is A; nothing when a percent sign is not followed by two hex digits.
std::optional<std::string> decoded(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char low = static_cast<char>(c | 0x20);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
  };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size() || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) return std::nullopt;
    out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
    i += 2;
  }
  return out;
}

bool fits(const std::vector<std::string_view>& path, std::string_view pattern, Match& into) {
  const auto parts = parts_of(pattern);
  if (parts.size() != path.size()) return false;
  for (size_t i = 0; i < parts.size(); ++i)
    if (!parts[i].starts_with('{') && parts[i] != path[i]) return false;
  into.values.clear();
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].starts_with('{')) continue;
    const auto value = decoded(path[i]);
    if (!value || value->empty()) return false;
    into.values.emplace(parts[i].substr(1, parts[i].size() - 2), *value);
  }
  return true;
}

json schema(const char* type) { return {{"schema", {{"type", type}}}}; }

json query_of(const char* name) {
  return {{"name", name}, {"in", "query"}, {"required", false}, {"schema", {{"type", "string"}}}};
}

// Beside infer and explain, which take tensors too.
bool takes_example(Action action) {
  return action == Action::look || action == Action::similar || action == Action::activations ||
         action == Action::decide;
}

bool writes(Action action) { return action == Action::complete || action == Action::chat; }

bool takes_object(Action action) {
  return action == Action::feedback || action == Action::restore || action == Action::compare || writes(action);
}

json request_of(Action action) {
  if (takes_object(action)) return {{"required", true}, {"content", {{"application/json", schema("object")}}}};
  const bool tensors = action == Action::infer || action == Action::explain;
  if (!tensors && !takes_example(action)) return nullptr;
  json content{{"application/json", schema("object")}};
  if (tensors) content["application/octet-stream"] = schema("string");
  for (const char* file : {"image/png", "image/jpeg", "text/plain", "text/csv"}) content[file] = schema("string");
  return {{"required", true}, {"content", content}};
}

json responses_of(const Route& route) {
  const auto type = [&] {
    switch (route.action) {
      case Action::metrics: return "text/plain";
      case Action::page:
      case Action::run_report: return "text/html";
      case Action::run_events: return "text/event-stream";
      default: return "application/json";
    }
  }();
  json answer{{"description", "OK"}};
  answer["content"][type] = schema(std::string_view(type) == "application/json" ? "object" : "string");
  json out = json::object();
  const auto add = [&](const char* status, const char* words) { out[status] = {{"description", words}}; };
  const bool asks = route.action == Action::infer || route.action == Action::explain || takes_example(route.action);
  if (asks || takes_object(route.action)) add("400", "The body does not fit the protocol or the model");
  if (route.role) add("401", "The token is missing or unknown"), add("403", "The token's role may not do this");
  if (std::string_view(route.path).find('{') != std::string_view::npos)
    add("404", "There is no such model, version or decision");
  if (route.action == Action::reload) add("409", "The file was refused; the model before stays in service");
  if (writes(route.action)) answer["content"]["text/event-stream"] = schema("string");
  if (writes(route.action)) add("404", "There is no such language model");
  if (asks || writes(route.action))
    add("413", "The body is too large"), add("429", "The queue is full: see Retry-After");
  if (asks || route.action == Action::ready) add("503", "Not now: see Retry-After");
  out["200"] = answer;
  return out;
}

}  // namespace

std::span<const Route> routes() { return table; }

Match match(std::string_view method, std::string_view path) {
  Match out;
  if (!path.starts_with('/')) return out;
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const auto parts = parts_of(path);
  if (method == "HEAD") method = "GET";
  for (const Route& route : table) {
    if (!fits(parts, route.path, out)) continue;
    if (method == route.method) {
      out.route = &route;
      return out;
    }
    out.allowed = route.method;
  }
  return out;
}

std::string openapi() {
  json paths;
  for (const Route& route : table) {
    json operation{{"operationId", route.name}, {"summary", route.summary}};
    std::string method = route.method;
    std::ranges::transform(method, method.begin(), [](char c) { return static_cast<char>(c | 0x20); });
    json parameters = json::array();
    for (const char* name : {"model", "version", "decision", "run"})
      if (std::string_view(route.path).find(fmt::format("{{{}}}", name)) != std::string_view::npos)
        parameters.push_back({{"name", name}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
    if (route.action == Action::explain)
      for (const char* name : {"method", "class"}) parameters.push_back(query_of(name));
    if (route.action == Action::infer || route.action == Action::explain || takes_example(route.action))
      parameters.push_back(query_of("form"));
    if (!parameters.empty()) operation["parameters"] = parameters;
    if (const json body = request_of(route.action); !body.is_null()) operation["requestBody"] = body;
    operation["responses"] = responses_of(route);
    operation["security"] = json::array();
    if (route.role) operation["security"].push_back({{"token", json::array()}});
    paths[route.path][method] = operation;
  }
  return json{{"openapi", "3.0.3"},
              {"info", {{"title", "Tandem"}, {"version", version()}}},
              {"paths", paths},
              {"components", {{"securitySchemes", {{"token", {{"type", "http"}, {"scheme", "bearer"}}}}}}}}
      .dump(2);
}

}  // namespace tandem::deploy
