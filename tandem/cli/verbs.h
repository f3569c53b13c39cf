// The verbs of the program, one file each. A verb parses, calls the library and prints; it has no logic of its own.
#pragma once
#include <CLI/CLI.hpp>

#include <functional>
#include <string>

namespace tandem::cli {

/// What main() runs after parsing; returns the exit code.
using Action = std::function<int()>;

/// What all verbs share.
struct Context {
  Action action;        // set by the chosen verb
  std::string command;  // what was typed
  int threads = 0;      // --threads
};

void add_train(CLI::App& app, Context& context);
void add_evaluate(CLI::App& app, Context& context);
void add_predict(CLI::App& app, Context& context);
void add_embed(CLI::App& app, Context& context);
void add_generate(CLI::App& app, Context& context);
void add_translate(CLI::App& app, Context& context);
void add_import(CLI::App& app, Context& context);
void add_merge(CLI::App& app, Context& context);
void add_quantise(CLI::App& app, Context& context);
void add_export(CLI::App& app, Context& context);
void add_explain(CLI::App& app, Context& context);
void add_inspect(CLI::App& app, Context& context);
void add_serve(CLI::App& app, Context& context);
void add_data(CLI::App& app, Context& context);
void add_data_check(CLI::App& data, Context& context);  // below `data`
void add_data_augment(CLI::App& data, Context& context);
void add_tune(CLI::App& app, Context& context);
void add_runs(CLI::App& app, Context& context);
void add_init(CLI::App& app, Context& context);
void add_recipe(CLI::App& app, Context& context);
void add_label(CLI::App& app, Context& context);
void add_correct(CLI::App& app, Context& context);
void add_learn(CLI::App& app, Context& context);
void add_versions(CLI::App& app, Context& context);
void add_records(CLI::App& app, Context& context);

}  // namespace tandem::cli
