// A recipe for a file of rows from the file alone: a table, or texts with labels.
#pragma once
#include <tandem/base/files.h>

#include <string>
#include <vector>

namespace tandem::improve {

/// What a look at the file says.
struct RowFacts {
  std::string source;  // as it is given to `data.source`
  bool texts = false;  // sentences are read, not columns
  std::string target;  // the column that is learned …
  std::string why;     // … and why it was taken for that
  std::string column;  // of texts: where they stand
  bool spaced = true;  // of texts: words are parted by blanks, as Chinese does not
  int64_t examples = 0, numbers = 0, words = 0, left_out = 0;  // rows with a label; columns of each kind
  std::vector<std::string> classes;
  double least = 0;  // share of the rarest class
  bool has_validation = false, has_test = false;
};

/// Whether a path is such a file (CSV, TSV, JSON lines; gzip too), or a folder with train.csv and the like.
[[nodiscard]] bool has_rows(const fs::path& path);

/// `target`: the column to learn; "": one called label, class, target, outcome or diagnosis, else the last that holds
/// classes. Throws a usage error when no column can be learned, and what reading the file throws.
[[nodiscard]] RowFacts look_at_rows(const std::string& path, const std::string& target);

/// The recipe as YAML, with a remark on every choice.
[[nodiscard]] std::string guessed_recipe(const RowFacts& facts, const std::string& name);

}  // namespace tandem::improve
