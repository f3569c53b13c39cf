#include <tandem/base/text.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/catalog.h>
#include <tandem/nn/weights.h>
#include <tandem/tasks/quantise.h>
#include <tandem/train/run.h>

#include <memory>

namespace tandem::cli {
namespace {

struct Options {
  std::string model, out, data;
  tasks::QuantiseOptions quantise;
};

int run(const Options& o) {
  const fs::path path = train::model_path(o.model);
  if (train::task_in(path) == "language_model")
    fail("quantise", "{} is a language model: only networks that tell classes apart become int8", path.string());
  const tasks::Classifier model = tasks::Classifier::load(path);
  const auto recipe = model.notes.find("recipe");
  if (recipe == model.notes.end())
    fail(ErrorKind::data, path.string(),
         "holds no recipe, and so no data to learn ranges from: it was not made by `tandem train`");
  const train::Recipe read = train::Recipe::read(Config::parse(recipe->second, path.string() + " (recipe)"));
  const data::Splits parts = train::prepare(read, data::data_folder(o.data));
  tasks::Classifier small = tasks::quantised(model, parts.train, o.quantise);
  small.save(o.out);
  const int64_t integers = tasks::int8_numbers(small.net), all = nn::count(small.net).all;
  const auto before = static_cast<int64_t>(fs::file_size(path)), after = static_cast<int64_t>(fs::file_size(o.out));
  fmt::print("int8    {} of {} numbers\n", grouped(integers), grouped(all));
  fmt::print("bytes   {}, before {}\n", grouped(after), grouped(before));
  say("model   " + o.out);
  return 0;
}

}  // namespace

void add_quantise(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("quantise", "Make a network of 8-bit integers of a trained one");
  verb->add_option("run", o->model, "A run folder or a model file")->required();
  verb->add_option("out", o->out, "The model file to write")->required();
  verb->add_option("--examples", o->quantise.examples, "Training examples that show the range of each layer's inputs")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  verb->add_option("--seed", o->quantise.seed, "Of their choice")->capture_default_str();
  verb->add_option("--data", o->data, "Folder of the data sets (else TANDEM_DATA, else the cache folder)");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
