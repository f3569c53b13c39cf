#include <tandem/adapt/peft.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/train/job.h>

#include <memory>

namespace tandem::cli {
namespace {

struct Options {
  std::string model, adapter, out;
};

int run(const Options& o) {
  const fs::path path = train::model_path(o.model);
  if (train::task_in(path) == "language_model") {
    tasks::LanguageModel model =
        o.adapter.empty() ? tasks::LanguageModel::load(path) : adapt::load_adapted(path, o.adapter);
    model.net = adapt::merged(model.net);
    model.save(o.out);
  } else {
    if (!o.adapter.empty()) fail("--adapter", "goes on language models alone: the run's own model holds its adapter");
    tasks::Classifier model = tasks::Classifier::load(path);
    model.net = adapt::merged(model.net);
    model.save(o.out);
  }
  say("model   " + o.out);
  return 0;
}

}  // namespace

void add_merge(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("merge", "Make LoRA's changes part of a network's own weights");
  verb->add_option("run", o->model, "A run folder or a model file")->required();
  verb->add_option("out", o->out, "The model file to write")->required();
  verb->add_option("--adapter", o->adapter, "An adapter's folder (runs/NAME/adapter) to put on the model first");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
