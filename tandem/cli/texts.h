// Texts named on the command line, for the verbs that ask about texts.
#pragma once
#include <tandem/tasks/classifier.h>

#include <string>
#include <vector>

namespace tandem::cli {

/// The texts of `inputs`: each line of standard input for `-`, the texts of a file (a column of .csv, .tsv or .jsonl as
/// the recipe of the model names it, the lines of any other), or a text that is itself given. Throws a data error, with
/// its place, for an empty one. Labels are all 0.
[[nodiscard]] data::Dataset read_texts(const tasks::Classifier& model, const std::vector<std::string>& inputs);

/// Whether someone who gave this meant a file, and not a text.
[[nodiscard]] bool looks_like_a_path(const std::string& input);

/// At most `columns` wide on a terminal, on one line.
[[nodiscard]] std::string shortened(const std::string& text, int64_t columns);

}  // namespace tandem::cli
