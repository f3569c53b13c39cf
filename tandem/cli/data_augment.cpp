#include <tandem/cli/terminal.h>
#include <tandem/cli/verbs.h>
#include <tandem/data/catalog.h>
#include <tandem/data/formats/image.h>
#include <tandem/tasks/augmentation_sheet.h>
#include <tandem/train/classification.h>

#include <memory>

namespace tandem::cli {
namespace {

struct Options {
  std::string recipe, data, out;
  std::vector<std::string> overrides;
  std::vector<int64_t> examples;
  int64_t columns = 10;
};

int run(const Options& o) {
  Config config = train::find_recipe(o.recipe);
  train::apply_overrides(config, o.overrides);
  train::Recipe recipe = train::Recipe::read(config);
  if (recipe.task != "image_classification")
    fail("data augment", "draws pictures, the recipe '{}' is for {}", recipe.name, recipe.task);
  recipe.teach = {};  // what is said of pictures changes none
  const data::Splits splits = train::prepare(recipe, data::data_folder(o.data));
  tasks::Classifier model = train::make_model(recipe, splits.train);
  const tasks::Classification task(model, splits.train, splits.validation,
                                   train::classification_options(recipe, model, splits.train));
  std::vector<int64_t> examples = o.examples;
  if (examples.empty()) {
    examples = Rng(recipe.seed, "sheet").permutation(splits.train.size());
    examples.resize(std::min<size_t>(examples.size(), 8));
  }
  const Tensor sheet = tasks::augmentation_sheet(task, splits.train, examples, o.columns, recipe.seed);
  const fs::path out = o.out.empty() ? fs::path(recipe.name + "-augment.png") : fs::path(o.out);
  write_file(out, data::encode_png(sheet));
  fmt::print("{} pictures as they are, then as epochs 1 to {} see them: {}\n", examples.size(), o.columns - 1,
             out.string());
  return 0;
}

}  // namespace

void add_data_augment(CLI::App& data, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = data.add_subcommand("augment", "Draw what a recipe's augmentation does to pictures, row by row");
  verb->add_option("recipe", o->recipe, "A recipe: a file, or a name of `tandem recipe`")->required();
  verb->add_option("overrides", o->overrides, "Changes: key=value, as in data.augment.rotate=30");
  verb->add_option("--examples", o->examples, "Which of the training part, from 0 (default: eight at random)")
      ->delimiter(',');
  verb->add_option("--columns", o->columns, "Pictures of each, the first as it is")
      ->capture_default_str()
      ->check(CLI::Range(2, 200));
  verb->add_option("--out", o->out, "Where to write the sheet (PNG)");
  verb->add_option("--data", o->data, "Folder of the data sets (else TANDEM_DATA, else the cache folder)");
  verb->callback([o, &context] { context.action = [o] { return run(*o); }; });
}

}  // namespace tandem::cli
