#include <tandem/base/text.h>
#include <tandem/cli/explain.h>
#include <tandem/cli/pictures.h>
#include <tandem/cli/terminal.h>
#include <tandem/cli/texts.h>
#include <tandem/evaluate/report.h>
#include <tandem/people/explain_page.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace tandem::cli {
namespace {

using people::ExplainedText, people::TextExplanation;

/// The text with its words on blue (for) or orange (against); without colour "great[+++]" and "slow[-]".
std::string shown(const ExplainedText& e, bool colour) {
  std::string out;
  size_t at = 0;
  for (const TextExplanation::Part& part : e.why.parts) {
    out += e.text.substr(at, part.begin - at);
    at = part.end;
    const double strength = strength_of(part, e.why);
    const bool speaks_for = part.adds >= 0;
    if (colour && strength >= 0.05) {
      const auto mixed = [&](double full) { return static_cast<int>(std::lround(48 + strength * (full - 48))); };
      out += fmt::format("\x1b[48;2;{};{};{}m\x1b[97m{}\x1b[0m", mixed(speaks_for ? 20 : 210),
                         mixed(speaks_for ? 90 : 90), mixed(speaks_for ? 210 : 10), part.text);
      continue;
    }
    out += part.text;
    const auto signs = static_cast<size_t>(std::lround(3 * strength));
    if (!colour && signs > 0) out += "[" + std::string(signs, speaks_for ? '+' : '-') + "]";
  }
  out += e.text.substr(at);
  std::ranges::replace(out, '\n', ' ');
  return out;
}

void print(const ExplainedText& e, const ExplainOptions& o, const std::string& more) {
  const bool colour = isatty(STDOUT_FILENO) != 0 && has_colour();
  fmt::print("{}  {:.1f} %\n  {}\n", e.answer, 100 * e.probability, shown(e, colour));
  std::vector<TextExplanation::Part> parts = e.why.parts;
  std::ranges::stable_sort(parts, std::greater<>(), [](const auto& part) { return std::abs(part.adds); });
  parts.resize(std::min(parts.size(), static_cast<size_t>(o.count)));
  int64_t wide = 0;
  for (const auto& part : parts) wide = std::max(wide, evaluate::display_width(part.text));
  for (const auto& part : parts)
    fmt::print("  {}  {:+8.3f}  {}\n", padded(part.text, wide), part.adds, bar(part.adds, parts[0].adds));
  fmt::print("  {} for {}: {:.3f}, {:.3f} without words{}{}\n\n", e.why.method, e.target, e.why.output,
             e.why.baseline_output, std::isnan(e.why.gap) ? "" : fmt::format(", off by {:.2f} %", 100 * e.why.gap),
             more);
}

int nearest_texts(tasks::Classifier& model, const ExplainOptions& o, const data::Dataset& set,
                  const std::vector<float>& probabilities) {
  const data::Dataset known = training_data(model, o);
  const auto alike = nearest_to(model, known, set, o.count);
  const size_t classes = model.classes.size();
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (size_t i = 0; i < alike.size(); ++i) {
    const auto row = std::span(probabilities).subspan(i * classes, classes);
    const auto answer = static_cast<size_t>(model.answer(row));
    nlohmann::ordered_json near = json_of(alike[i], model);
    if (!o.json)
      fmt::print("{}  {}  {:.1f} %\n", shortened(set.texts()[i], 60), model.classes[answer], 100 * row[answer]);
    for (size_t k = 0; k < alike[i].size(); ++k) {
      const auto& n = alike[i][k];
      const std::string& text = known.texts()[static_cast<size_t>(n.index)];
      near[k]["text"] = text;
      if (!o.json)
        fmt::print("  {:.3f}  {}  {}\n", n.similarity, model.classes[static_cast<size_t>(n.label)],
                   shortened(text, 90));
    }
    list.push_back({{"input", set.texts()[i]},
                    {"label", model.classes[answer]},
                    {"probability", row[answer]},
                    {"method", nearest_method},
                    {"nearest", near}});
  }
  if (o.json) print_json(list);
  return 0;
}

/// "reviews.txt" -> "reviews"; of more or other inputs "texts".
std::string stem_of(const std::vector<std::string>& inputs) {
  std::error_code error;
  return inputs.size() == 1 && fs::exists(inputs[0], error) ? fs::path(inputs[0]).stem().string() : "texts";
}

}  // namespace

int explain_texts(tasks::Classifier& model, const ExplainOptions& o) {
  const data::Dataset set = read_texts(model, o.inputs);
  const std::vector<float> probabilities = model.predict(set);
  if (o.method == nearest_method) return nearest_texts(model, o, set, probabilities);
  const size_t classes = model.classes.size();
  const int64_t target = class_index(model, o.target);
  std::vector<ExplainedText> all;
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  make_folder(o.out);
  const fs::path page = fs::path(o.out) / fmt::format("{}-{}.html", stem_of(o.inputs), o.method);
  for (size_t i = 0; i < set.texts().size(); ++i) {
    const std::string& text = set.texts()[i];
    const auto row = std::span(probabilities).subspan(i * classes, classes);
    const auto answer = static_cast<size_t>(model.answer(row));
    TextExplanation why =
        people::explain_text(model, text, {.method = o.method, .target = target, .samples = o.samples});
    const std::string& explained = model.classes[static_cast<size_t>(why.target)];
    std::optional<people::Faithfulness> check;
    if (o.check) check = people::faithfulness(people::worth_of_words(model, text, why.target), people::ranking_of(why));
    all.push_back({text, model.classes[answer], explained, static_cast<double>(row[answer]), std::move(why)});
    const ExplainedText& e = all.back();
    if (!o.json) {
      print(
          e, o,
          check ? fmt::format(", deletion {:.3f}, insertion {:.3f}", check->deletion_area, check->insertion_area) : "");
      continue;
    }
    nlohmann::ordered_json parts = nlohmann::ordered_json::array();
    for (const auto& part : e.why.parts)
      parts.push_back({{"text", part.text}, {"begin", part.begin}, {"end", part.end}, {"adds", number(part.adds)}});
    list.push_back({{"input", text},
                    {"label", e.answer},
                    {"probability", e.probability},
                    {"method", e.why.method},
                    {"target", e.target},
                    {"output", number(e.why.output)},
                    {"baseline_output", number(e.why.baseline_output)},
                    {"gap", number(e.why.gap)},
                    {"parts", parts},
                    {"page", page.string()}});
    if (check) {
      list.back()["deletion"] = check->deletion_area;
      list.back()["insertion"] = check->insertion_area;
    }
  }
  write_text(page, people::explanation_page(all));
  if (o.json)
    print_json(list);
  else
    fmt::print("{}\n", page.string());
  return 0;
}

}  // namespace tandem::cli
