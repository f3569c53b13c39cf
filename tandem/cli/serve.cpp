#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/catalog.h>
#include <tandem/deploy/serve.h>

#include <cstdlib>
#include <memory>

namespace tandem::cli {
namespace {

constexpr const char* tokens_variable = "TANDEM_TOKENS";

struct Options {
  std::vector<std::string> models, adapters;
  std::string tokens, keep = "corrected", data;
  double delay_ms = 0, patience = 10, writing = 300, idle = 30, transfer = 30, grace = 10, body_mb = 8;
  deploy::ServeOptions serve;
};

template <class Duration>
Duration duration(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

int run(Options& o) {
  using std::chrono::milliseconds;
  deploy::ServeOptions& s = o.serve;
  for (const std::string& text : o.models) s.models.push_back(deploy::ModelSource::parse(text));
  for (const std::string& text : o.adapters) s.adapters.push_back(deploy::ModelSource::parse(text));
  if (!o.tokens.empty())
    s.access = deploy::Access::parse(read_text(o.tokens), o.tokens);
  else if (const char* text = std::getenv(tokens_variable))
    s.access = deploy::Access::parse(text, tokens_variable);
  s.http.most_body = static_cast<int64_t>(o.body_mb * 1e6);
  s.http.idle = duration<milliseconds>(o.idle);
  s.http.transfer = duration<milliseconds>(o.transfer);
  s.http.grace = duration<milliseconds>(o.grace);
  s.batch.delay = duration<std::chrono::microseconds>(o.delay_ms / 1000);
  s.writing.time = duration<milliseconds>(o.writing);
  s.batch.patience = duration<milliseconds>(o.patience);
  s.studio.data_folder = data::data_folder(o.data);
  s.keep = o.keep == "all"        ? deploy::Keep::all
           : o.keep == "deferred" ? deploy::Keep::deferred
           : o.keep == "none"     ? deploy::Keep::none
                                  : deploy::Keep::corrected;
  s.say = say;
  s.listening = [&](const std::string& url) {
    say(fmt::format("serving {} model{}; Ctrl-C ends it", s.models.size(), s.models.size() == 1 ? "" : "s"));
    fmt::print("{}\n", url);
    std::fflush(stdout);
  };
  deploy::serve(s);
  return 0;
}

}  // namespace

void add_serve(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand(
      "serve", "Answer requests over HTTP (Open Inference Protocol, OpenAI's completions), and people on a page");
  const auto option = [&](const char* name, auto& value, const char* variable, const char* help) {
    return verb->add_option(name, value, help)->envname(variable)->capture_default_str();
  };
  verb->add_option(
          "runs", o->models,
          "Run folders or model files: RUN, NAME=RUN or NAME:VERSION=RUN; the first of a name answers requests "
          "without a version")
      ->required()
      ->envname("TANDEM_SERVE_RUNS");
  verb->add_option("--adapter", o->adapters,
                   "An adapter of a language model that is served: NAME:ADAPTER=FOLDER; a request for the model "
                   "NAME:ADAPTER is answered with it (may be given several times)")
      ->allow_extra_args(false)
      ->envname("TANDEM_SERVE_ADAPTERS");
  option("--address", o->serve.http.address, "TANDEM_SERVE_ADDRESS",
         "Where to listen; another than this machine's own demands tokens");
  option("--port", o->serve.http.port, "TANDEM_SERVE_PORT", "0 takes a free one");
  verb->add_option(
          "--tokens", o->tokens,
          "A file with lines 'ROLE TOKEN', roles: predict, correct, administer; TANDEM_TOKENS may hold the lines "
          "themselves")
      ->envname("TANDEM_TOKENS_FILE");
  option(
      "--keep", o->keep, "TANDEM_SERVE_KEEP",
      "Which inputs and answers go to RUN/people.sqlite: none; those that people correct on the page; those that are "
      "deferred, too; all")
      ->check(CLI::IsMember({"none", "corrected", "deferred", "all"}));
  option("--max-batch", o->serve.batch.most, "TANDEM_SERVE_MAX_BATCH", "Examples that are computed at once")
      ->check(CLI::Range(1, 65536));
  option("--max-delay", o->delay_ms, "TANDEM_SERVE_MAX_DELAY",
         "Milliseconds that the first of a batch waits for others; 0: those that come while the last is computed")
      ->check(CLI::Range(0.0, 10'000.0));
  option("--queue", o->serve.batch.queue, "TANDEM_SERVE_QUEUE", "Examples that may wait; more are answered with 429")
      ->check(CLI::Range(1, 10'000'000));
  option("--max-examples", o->serve.most_examples, "TANDEM_SERVE_MAX_EXAMPLES", "Examples in one request")
      ->check(CLI::Range(1, 1'000'000));
  option("--max-body", o->body_mb, "TANDEM_SERVE_MAX_BODY", "Megabytes of a request's body")
      ->check(CLI::Range(0.001, 4000.0));
  option("--max-connections", o->serve.http.most_connections, "TANDEM_SERVE_MAX_CONNECTIONS", "Open connections")
      ->check(CLI::Range(1, 100'000));
  option("--patience", o->patience, "TANDEM_SERVE_PATIENCE",
         "Seconds after which a request that still waits is answered with 503")
      ->check(CLI::Range(0.001, 3600.0));
  option("--max-texts", o->serve.writing.texts, "TANDEM_SERVE_MAX_TEXTS",
         "Texts that language models write at once; more are answered with 429")
      ->check(CLI::Range(1, 100'000));
  option("--max-tokens", o->serve.writing.most_tokens, "TANDEM_SERVE_MAX_TOKENS", "Tokens of a text")
      ->check(CLI::Range(1, 10'000'000));
  option("--writing", o->writing, "TANDEM_SERVE_WRITING", "Seconds after which a text ends where it is")
      ->check(CLI::Range(0.001, 86'400.0));
  option("--idle", o->idle, "TANDEM_SERVE_IDLE", "Seconds until a connection without a request is closed")
      ->check(CLI::Range(0.001, 86'400.0));
  option("--transfer", o->transfer, "TANDEM_SERVE_TRANSFER", "Seconds that a body, or an answer, may take on its way")
      ->check(CLI::Range(0.001, 86'400.0));
  option("--grace", o->grace, "TANDEM_SERVE_GRACE", "Seconds that the end waits for what is under way")
      ->check(CLI::Range(0.0, 3600.0));
  verb->add_option("--data", o->data, "Folder of the data sets, for a run that has remembered nothing of its own yet")
      ->envname("TANDEM_DATA");
  verb->footer("SIGHUP reads the model files again and puts them in service. Endpoints: /openapi.json.");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
