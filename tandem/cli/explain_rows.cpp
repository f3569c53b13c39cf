#include <tandem/base/text.h>
#include <tandem/cli/explain.h>
#include <tandem/cli/pictures.h>
#include <tandem/cli/rows.h>
#include <tandem/evaluate/report.h>
#include <tandem/people/explain_table.h>

#include <algorithm>

namespace tandem::cli {
namespace {

/// The columns in which a training row is not what the row asked about is: "age 51, smoker yes".
std::string differences(const tasks::TableInput& input, const data::Table& asked, int64_t row, const data::Table& known,
                        int64_t other, int64_t most) {
  std::vector<std::string> said;
  size_t more = 0;
  for (const auto& [column, size] : input.parts()) {
    const std::string own = asked.columns[static_cast<size_t>(asked.column(column))].text(row),
                      its = known.columns[static_cast<size_t>(known.column(column))].text(other);
    if (own == its) continue;
    if (std::ssize(said) < most)
      said.push_back(fmt::format("{} {}", column, its.empty() ? "missing" : its));
    else
      ++more;
  }
  if (said.empty()) return "the same values";
  return join(said) + (more > 0 ? fmt::format(" and {} more columns", more) : "");
}

/// The training rows most alike to each, and in what they are others.
int nearest_rows(tasks::Classifier& model, const ExplainOptions& o, const Rows& rows, const data::Dataset& known) {
  const auto& input = std::get<tasks::TableInput>(model.input);
  const auto alike = nearest_to(model, known, rows.set, o.count);
  const std::vector<float> p = model.predict(rows.set);
  const size_t classes = model.classes.size();
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (size_t r = 0; r < alike.size(); ++r) {
    const auto own = std::span(p).subspan(r * classes, classes);
    const auto answer = static_cast<size_t>(model.answer(own));
    nlohmann::ordered_json near = json_of(alike[r], model);
    if (!o.json) fmt::print("{}  {}  {:.1f} %\n", rows.names[r], model.classes[answer], 100 * own[answer]);
    for (size_t k = 0; k < alike[r].size(); ++k) {
      const auto& n = alike[r][k];
      const std::string& label = model.classes[static_cast<size_t>(n.label)];
      if (!o.json)
        fmt::print("  {:.3f}  {}  line {}: {}\n", n.similarity, label,
                   known.table().lines[static_cast<size_t>(n.index)],
                   differences(input, rows.set.table(), static_cast<int64_t>(r), known.table(), n.index, 6));
      for (const auto& [column, size] : input.parts())
        near[k]["values"][column] =
            known.table().columns[static_cast<size_t>(known.table().column(column))].text(n.index);
    }
    list.push_back({{"input", rows.names[r]},
                    {"label", model.classes[answer]},
                    {"probability", own[answer]},
                    {"method", nearest_method},
                    {"nearest", near}});
  }
  if (o.json) print_json(list);
  return 0;
}

}  // namespace

/// Rows of tables: what each column adds to the answer, and what would change it.
int explain_rows(tasks::Classifier& model, const ExplainOptions& o) {
  if (!o.method.empty() && o.method != "shapley" && o.method != nearest_method)
    fail("--method", "'{}' is not for rows of a table: leave it out, or choose shapley or nearest", o.method);
  const Rows rows = read_rows(model, o.inputs);
  const data::Dataset known = training_data(model, o);
  if (o.method == nearest_method) return nearest_rows(model, o, rows, known);
  const int64_t target = class_index(model, o.target);
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (int64_t r = 0; r < rows.set.size(); ++r) {
    const std::string& name = rows.names[static_cast<size_t>(r)];
    const people::RowExplanation e =
        people::explain_row(model, rows.set.table(), r, known.table(), {.target = target, .permutations = o.samples});
    const people::Counterfactual other =
        people::counterfactual(model, rows.set.table(), r, known.table(), {.fixed = o.fixed});
    if (o.json) {
      nlohmann::ordered_json parts = nlohmann::ordered_json::array(), changes = nlohmann::ordered_json::array();
      for (const auto& part : e.parts)
        parts.push_back({{"column", part.column}, {"value", part.value}, {"adds", part.adds}, {"error", part.error}});
      for (const auto& c : other.changes) changes.push_back({{"column", c.column}, {"from", c.from}, {"to", c.to}});
      list.push_back({{"input", name},
                      {"method", e.exact ? "shapley, exact" : "shapley, sampled"},
                      {"target", model.classes[static_cast<size_t>(e.target)]},
                      {"probability", e.probability},
                      {"usual", e.usual},
                      {"parts", parts},
                      {"counterfactual",
                       {{"found", other.found},
                        {"target", model.classes[static_cast<size_t>(other.target)]},
                        {"probability", other.probability},
                        {"distance", other.distance},
                        {"changes", changes}}}});
      continue;
    }
    fmt::print("{}  {}  {:.1f} %, in the mean {:.1f} %\n", name, model.classes[static_cast<size_t>(e.target)],
               100 * e.probability, 100 * e.usual);
    int64_t wide = 0;
    const auto shown = [](const auto& part) { return part.column + " = " + part.value; };
    for (const auto& part : e.parts) wide = std::max(wide, evaluate::display_width(shown(part)));
    size_t left = static_cast<size_t>(o.count);
    for (const auto& part : e.parts) {
      if (left-- == 0) break;
      fmt::print("  {}  {:+6.1f} points{}  {}\n", padded(shown(part), wide), 100 * part.adds,
                 e.exact ? "" : fmt::format(" (± {:.1f})", 100 * part.error), bar(part.adds, e.parts[0].adds));
    }
    std::vector<std::string> changes;
    for (const auto& c : other.changes) changes.push_back(fmt::format("{} {} -> {}", c.column, c.from, c.to));
    fmt::print("  {} {} ({:.1f} %){}\n\n", other.found ? "would be" : "nothing tried makes it",
               model.classes[static_cast<size_t>(other.target)], 100 * other.probability,
               changes.empty() ? "" : (other.found ? " with " : ", nearest with ") + join(changes));
  }
  if (o.json) print_json(list);
  return 0;
}

}  // namespace tandem::cli
