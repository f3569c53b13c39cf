// A verb beside predict: predict answers about inputs, as tables and with confidence; this one writes, token by token.
#include <tandem/adapt/peft.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/tasks/generation.h>
#include <tandem/train/run_folder.h>

#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

namespace tandem::cli {
namespace {

struct Options {
  std::string model, prompt, adapter;
  tasks::GenerationOptions generation;
  int64_t samples = 1;
  bool json = false;
};

int run(const Options& o) {
  const fs::path path = train::model_path(o.model);
  const tasks::LanguageModel model =
      o.adapter.empty() ? tasks::LanguageModel::load(path) : adapt::load_adapted(path, o.adapter);
  const std::string prompt = o.prompt == "-" ? std::string(std::istreambuf_iterator<char>(std::cin), {}) : o.prompt;
  data::check_utf8(prompt, "--prompt");
  catch_interrupts();
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (int64_t i = 0; i < o.samples && !interrupted(); ++i) {
    tasks::GenerationOptions options = o.generation;
    options.seed += static_cast<uint64_t>(i);
    if (!o.json) fmt::print("{}{}", i > 0 ? "\n" : "", prompt);
    const tasks::Generated said = tasks::generate(model, prompt, options, [&](const std::string& piece) {
      if (!o.json) {
        fmt::print("{}", piece);
        std::fflush(stdout);
      }
      return !interrupted();
    });
    if (!o.json) fmt::print("\n");
    if (i == 0 && said.unknown > 0) say(fmt::format("{} tokens of the prompt are unknown to this model", said.unknown));
    list.push_back({{"prompt", prompt},
                    {"text", said.text},
                    {"tokens", said.tokens},
                    {"stopped", said.stopped},
                    {"seed", options.seed}});
  }
  if (o.json) fmt::print("{}\n", list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  return interrupted() ? 130 : 0;
}

}  // namespace

void add_generate(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  tasks::GenerationOptions& g = o->generation;
  CLI::App* verb = app.add_subcommand("generate", "Let a language model go on with a text");
  verb->add_option("run", o->model, "A run folder or a model file")->required();
  verb->add_option("--prompt", o->prompt, "The text to go on with; - reads standard input; none begins a new line");
  verb->add_option("--adapter", o->adapter, "An adapter's folder (runs/NAME/adapter) to put on the model first");
  verb->add_option("--tokens", g.tokens, "At most so many new tokens")->capture_default_str();
  verb->add_option("--temperature", g.temperature, "Below 1 bolder choices are rarer; 0 always takes the likeliest")
      ->capture_default_str();
  verb->add_option("--top-k", g.top_k, "Only the k likeliest tokens (0: all)")->capture_default_str();
  verb->add_option("--top-p", g.top_p, "Only the likeliest tokens that have this share together")
      ->capture_default_str();
  verb->add_option("--repetition-penalty", g.repetition_penalty, "Above 1 tokens come less often again")
      ->capture_default_str();
  verb->add_option("--stop", g.stop, "End before this text (may be given several times)")->allow_extra_args(false);
  verb->add_option("--seed", g.seed, "The same seed writes the same text")->capture_default_str();
  verb->add_option("--samples", o->samples, "So many texts, with seeds that count up")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  verb->add_flag("!--no-cache", g.cache, "Read the whole text again for each token (slower, the same text)");
  verb->add_flag("--json", o->json, "As JSON, when all is written");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
