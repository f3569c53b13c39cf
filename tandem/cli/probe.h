// `tandem tune --find`: one setting looked for before a training, without a search.
#pragma once
#include <tandem/train/recipe.h>

#include <string>

namespace tandem::cli {

/// What is "rate" or "batch". Prints what was found, as JSON when asked for; the exit code.
[[nodiscard]] int find_setting(const std::string& what, const train::Recipe& recipe, const fs::path& data_folder,
                               const std::string& recipe_name, bool json);

}  // namespace tandem::cli
