#include <tandem/deploy/examples.h>

#include <limits>

namespace tandem::deploy {
namespace {

template <class T>
void add(std::vector<T>& to, const std::vector<T>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

void add(data::Table& to, const data::Table& more) {
  add(to.lines, more.lines);
  for (size_t c = 0; c < to.columns.size(); ++c) {
    add(to.columns[c].numbers, more.columns[c].numbers);
    add(to.columns[c].words, more.columns[c].words);
    to.columns[c].missing += more.columns[c].missing;
  }
}

}  // namespace

void Examples::append(const Examples& more) {
  count += more.count;
  std::visit([&](auto& own) { add(own, std::get<std::decay_t<decltype(own)>>(more.values)); }, values);
}

const char* kind_of(const tasks::Input& input) {
  if (std::holds_alternative<tasks::TextInput>(input)) return "texts";
  return std::holds_alternative<tasks::TableInput>(input) ? "rows of a table" : "pictures";
}

bool takes_the_same(const tasks::Input& a, const tasks::Input& b) {
  if (a.index() != b.index()) return false;
  if (const auto* rows = std::get_if<tasks::TableInput>(&a))
    return rows->reading().types == std::get<tasks::TableInput>(b).reading().types;
  return tasks::shape_of(a) == tasks::shape_of(b);
}

Sample sample_for(const tasks::Input& input) {
  if (std::holds_alternative<tasks::TextInput>(input)) return {{1, data::Texts{"a"}}, "a short text"};
  if (const auto* rows = std::get_if<tasks::TableInput>(&input)) {
    data::Table table{.lines = {1}, .source = "sample"};
    for (const auto& c : rows->number_columns)
      table.columns.push_back({.name = c.name, .numbers = {std::numeric_limits<double>::quiet_NaN()}});
    for (const auto& c : rows->category_columns)
      table.columns.push_back({.name = c.name, .type = data::ColumnType::category, .words = {""}});
    return {{1, std::move(table)}, "a row without values"};
  }
  return {{1, Pixels(static_cast<size_t>(tasks::shape_of(input).numel()), 128.0F)}, "a grey picture"};
}

}  // namespace tandem::deploy
