#include <tandem/cli/texts.h>
#include <tandem/data/text/unicode.h>
#include <tandem/evaluate/report.h>
#include <tandem/train/recipe.h>

#include <iostream>

namespace tandem::cli {

bool looks_like_a_path(const std::string& input) {
  return input.find(' ') == std::string::npos &&
         (data::is_text_file(input) || input.ends_with(".txt") || input.find('/') != std::string::npos);
}

data::TextSource text_source(const std::map<std::string, std::string>& notes) {
  const auto recipe = notes.find("recipe");
  if (recipe == notes.end()) return {};
  return train::Recipe::read(Config::parse(recipe->second, "recipe of the model")).data.text.source;
}

data::Texts read_texts(const data::TextSource& source, const std::vector<std::string>& inputs) {
  data::Texts texts;
  const auto add = [&](std::string text, const std::string& where) {
    if (text.find_first_not_of(" \t\r\n") == std::string::npos)
      fail(ErrorKind::data, where, "the text is empty: there is no word in it that could say anything");
    texts.push_back(std::move(text));
  };
  for (const std::string& input : inputs) {
    std::error_code error;
    if (input == "-") {
      int64_t number = 0;
      for (std::string line; std::getline(std::cin, line);) {
        if (line.ends_with('\r')) line.pop_back();
        data::check_utf8(line, "standard input", ++number);
        add(std::move(line), fmt::format("standard input:{}", number));
      }
    } else if (fs::exists(input, error)) {
      int64_t number = 0;
      for (std::string& text : data::read_texts(input, source)) {
        ++number;
        add(std::move(text), fmt::format("{}: text {}", input, number));
      }
    } else if (looks_like_a_path(input)) {
      fail(ErrorKind::file, input, "does not exist");
    } else {
      data::check_utf8(input, "the text given");
      add(input, "the text given");
    }
  }
  if (texts.empty()) fail(ErrorKind::data, "texts", "there is no text in what was given");
  return texts;
}

data::Dataset read_texts(const tasks::Classifier& model, const std::vector<std::string>& inputs) {
  data::Dataset out{.inputs = {}, .labels = {}, .classes = model.classes, .source = "texts"};
  data::Texts texts = read_texts(text_source(model.notes), inputs);
  out.labels.assign(texts.size(), 0);
  out.inputs = std::move(texts);
  return out;
}

std::string shortened(const std::string& text, int64_t columns) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = data::next_character(text, at);
    const std::string next = data::is_space(c) ? " " : text.substr(begin, at - begin);
    if (evaluate::display_width(out + next) > columns - 1) return out + "…";
    out += next;
  }
  return out;
}

}  // namespace tandem::cli
