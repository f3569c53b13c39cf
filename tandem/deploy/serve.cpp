#include <fmt/format.h>
#include <tandem/deploy/serve.h>
#include <tandem/train/job.h>

#include <algorithm>
#include <csignal>

namespace tandem::deploy {
namespace {

// The folders that the runs in service lie in: what lies beside them is shown too.
std::vector<fs::path> folders_of(const std::vector<ModelSource>& sources) {
  std::vector<fs::path> out;
  for (const ModelSource& source : sources) {
    if (!fs::is_directory(source.run)) continue;
    const fs::path folder = fs::absolute(source.run / "").lexically_normal().parent_path().parent_path();
    if (std::ranges::find(out, folder) == out.end()) out.push_back(folder);
  }
  return out;
}

}  // namespace

void serve(const ServeOptions& options) {
  const bool local = is_loopback(options.http.address);
  if (!local && options.access.open())
    fail("serve", "other machines reach {}: give tokens with --tokens FILE, or listen on 127.0.0.1",
         options.http.address);
  std::vector<ModelSource> classifiers, languages;
  for (const ModelSource& source : options.models)
    (train::task_in(train::model_path(source.run)) == "language_model" ? languages : classifiers).push_back(source);
  Metrics metrics;
  Models models(classifiers, options.batch, metrics);
  Languages writing(languages, options.adapters, metrics);
  Decisions decisions(options.keep, classifiers);
  StudioOptions studio = options.studio;
  if (studio.runs.empty()) studio.runs = folders_of(options.models);
  const HttpServer* listening = nullptr;
  Service service(models, writing, decisions, metrics,
                  {options.access, local, options.most_examples, options.say,
                   [&listening] { return listening ? listening->connections() : 0; }, studio, options.writing});
  HttpServer server(options.http,
                    [&](Request request, const Respond& respond) { service.handle(std::move(request), respond); });
  listening = &server;
  for (const int number : {SIGINT, SIGTERM})
    server.on_signal(number, [&] {
      options.say("ending: what came is answered");
      service.drain();
      server.stop();
    });
  server.on_signal(SIGHUP, [&] { service.reload(); });
  options.listening(fmt::format("http://{}:{}",
                                options.http.address.find(':') == std::string::npos
                                    ? options.http.address
                                    : fmt::format("[{}]", options.http.address),
                                server.port()));
  server.run();
  service.stop();
}

}  // namespace tandem::deploy
