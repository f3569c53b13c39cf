// Texts named on the command line, for the verbs that ask about texts.
#pragma once
#include <tandem/data/text/texts.h>
#include <tandem/tasks/classifier.h>

#include <map>
#include <string>
#include <vector>

namespace tandem::cli {

/// Where texts stand in a file, as the recipe in the notes of a model says.
[[nodiscard]] data::TextSource text_source(const std::map<std::string, std::string>& notes);

/// The texts of `inputs`: each line of standard input for `-`, the texts of a file (a column of .csv, .tsv or .jsonl,
/// the lines of any other), or a text that is itself given. Throws a data error, with its place, for an empty one.
[[nodiscard]] data::Texts read_texts(const data::TextSource& source, const std::vector<std::string>& inputs);
/// The same as the recipe of the model says, as a data set whose labels are all 0.
[[nodiscard]] data::Dataset read_texts(const tasks::Classifier& model, const std::vector<std::string>& inputs);

/// Whether someone who gave this meant a file, and not a text.
[[nodiscard]] bool looks_like_a_path(const std::string& input);

/// At most `columns` wide on a terminal, on one line.
[[nodiscard]] std::string shortened(const std::string& text, int64_t columns);

}  // namespace tandem::cli
