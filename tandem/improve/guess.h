// A recipe from the data alone: what a practised person would start with.
#pragma once
#include <tandem/base/files.h>
#include <tandem/data/dataset.h>

#include <string>

namespace tandem::improve {

/// What a look at the data says.
struct DataFacts {
  std::string source;                // as it is given to `data.source`
  int64_t examples = 0, classes = 0;
  int64_t height = 0, width = 0, channels = 0;
  bool resized = false;              // pictures of several sizes: brought to this one
  bool has_validation = false, has_test = false;
  double least = 0;                  // share of the rarest class
};

/// Loads the data and looks at it. Throws what data::load throws.
[[nodiscard]] DataFacts look_at(const std::string& source, const fs::path& data_folder);

/// The recipe as YAML, with a remark on every choice.
[[nodiscard]] std::string guessed_recipe(const DataFacts& facts, const std::string& name);

}  // namespace tandem::improve
