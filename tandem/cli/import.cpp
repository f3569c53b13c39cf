#include <tandem/adapt/checkpoint.h>
#include <tandem/base/text.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>

#include <memory>

namespace tandem::cli {
namespace {

struct Options {
  std::string folder, out;
};

int run(const Options& o) {
  const adapt::Checkpoint checkpoint = adapt::Checkpoint::load(o.folder);
  if (checkpoint.task == "language_model")
    checkpoint.language_model().save(o.out);
  else
    checkpoint.classifier().save(o.out);
  if (!checkpoint.left_out.empty()) say("left out, of other heads: " + join(checkpoint.left_out));
  say("model   " + o.out);
  return 0;
}

}  // namespace

void add_import(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("import", "Make a model file of a GPT-2 or BERT checkpoint's folder");
  verb->add_option("folder", o->folder, "Holds config.json, model.safetensors and the tokenizer's files")->required();
  verb->add_option("out", o->out, "The model file to write")->required();
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
