// The paths of the service. One table: what is asked by which path and method, and who may ask. Routing, the answer 405
// and the OpenAPI document all come from it.
#pragma once
#include <tandem/deploy/access.h>

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tandem::deploy {

enum class Action {
  page,
  server,
  live,
  ready,
  model,
  model_ready,
  infer,
  explain,
  feedback,
  waiting,
  decision,
  index,
  reload,
  metrics,
  openapi,
  languages,
  complete,
  chat,
  // behind the page: see studio.h
  models,
  look,
  similar,
  network,
  activations,
  decide,
  learning,
  learn,
  restore,
  compare,
  runs,
  run_events,
  run_report,
};

struct Route {
  Action action;
  const char* name;  // in metrics and as OpenAPI's operationId
  const char* method;
  const char* path;          // "/v2/models/{model}/infer"
  std::optional<Role> role;  // none: everybody
  const char* summary;
};

[[nodiscard]] std::span<const Route> routes();

/// The route of a request, and the values of the braces, percent-decoded.
struct Match {
  const Route* route = nullptr;
  std::map<std::string, std::string, std::less<>> values;
  std::string allowed = {};  // no route: the methods that the path has, "" when there is no such path
};
/// HEAD goes where GET goes.
[[nodiscard]] Match match(std::string_view method, std::string_view path);

/// OpenAPI 3.0 as JSON.
[[nodiscard]] std::string openapi();

}  // namespace tandem::deploy
