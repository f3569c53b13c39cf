#include <tandem/cli/verbs.h>
#include <tandem/train/recipe.h>

#include <memory>

namespace tandem::cli {

void add_recipe(CLI::App& app, Context& context) {
  auto name = std::make_shared<std::string>();
  auto overrides = std::make_shared<std::vector<std::string>>();
  CLI::App* verb = app.add_subcommand("recipe", "Print a recipe with every default filled in");
  verb->add_option("recipe", *name, "A recipe file or name")->required();
  verb->add_option("overrides", *overrides, "Changes, as for train");
  verb->callback([=, &context] {
    context.action = [=] {
      Config config = Config::load(train::find_recipe(*name));
      train::apply_overrides(config, *overrides);
      train::Recipe recipe = train::Recipe::read(config);
      fmt::print("{}", recipe.write().str());
      return 0;
    };
  });
}

}  // namespace tandem::cli
