// Pictures named on the command line, as a network takes them. For the verbs that ask about pictures.
#pragma once
#include <tandem/tasks/classifier.h>

#include <string>
#include <vector>

namespace tandem::cli {

struct Pictures {
  std::vector<std::string> names;
  data::Dataset set;  // brought to the network's size; labels are all 0
};

/// Files as they were named; folders give their pictures in order of name; `-` is standard input. `invert` swaps dark
/// and light.
[[nodiscard]] Pictures read_pictures(const tasks::Classifier& model, const std::vector<std::string>& inputs,
                                     bool invert);

/// Text filled with spaces to `width` columns of a terminal.
[[nodiscard]] std::string padded(const std::string& text, int64_t width);

}  // namespace tandem::cli
