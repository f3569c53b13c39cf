#include <tandem/cli/verbs.h>
#include <tandem/train/recipe.h>

#include <memory>

namespace tandem::cli {

void add_recipe(CLI::App& app, Context& context) {
  auto name = std::make_shared<std::string>();
  auto overrides = std::make_shared<std::vector<std::string>>();
  CLI::App* verb = app.add_subcommand("recipe", "Print a recipe with every default filled in");
  verb->add_option("recipe", *name, "A recipe file or name; without one, the names there are");
  verb->add_option("overrides", *overrides, "Changes, as for train");
  verb->callback([=, &context] {
    context.action = [=] {
      if (name->empty()) {
        for (const auto& recipe : train::builtin_recipes()) fmt::print("{}\n", recipe.name);
        return 0;
      }
      Config config = train::find_recipe(*name);
      train::apply_overrides(config, *overrides);
      train::Recipe recipe = train::Recipe::read(config);
      fmt::print("{}", recipe.write().str());
      return 0;
    };
  });
}

}  // namespace tandem::cli
