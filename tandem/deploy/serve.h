// Puts models in service until the process is told to end.
#pragma once
#include <tandem/deploy/service.h>

namespace tandem::deploy {

struct ServeOptions {
  std::vector<ModelSource> models;    // of classifiers and language models: the files say which
  std::vector<ModelSource> adapters;  // of language models: NAME:ADAPTER=FOLDER
  HttpOptions http;
  BatchOptions batch;
  Access access;
  Keep keep = Keep::corrected;
  int64_t most_examples = 1024;  // in a request
  StudioOptions studio = {};
  WritingOptions writing = {};
  std::function<void(const std::string&)> say;            // for the one who runs it; any thread
  std::function<void(const std::string& url)> listening;  // once requests are taken
};

/// Loads the models, listens and serves. SIGINT and SIGTERM end it: no new connection is taken, what came is answered.
/// SIGHUP reads the model files again. Throws as loading and listening do, and a usage error when an address that other
/// machines reach has no tokens.
void serve(const ServeOptions& options);

}  // namespace tandem::deploy
