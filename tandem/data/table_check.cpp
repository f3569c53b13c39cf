// What is to be learned from a table, and what is suspicious about its columns.
#include <tandem/base/error.h>
#include <tandem/base/text.h>
#include <tandem/data/table.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace tandem::data {
namespace {

constexpr size_t most_classes = 1000;

// Values of a column by rank: numbers in order, words by name. One number a row, -1 where missing.
std::vector<int64_t> ranks(const Column& column) {
  std::vector<int64_t> out;
  const auto rank = [&](const auto& values, const auto& missing) {
    std::map<std::decay_t<decltype(values.front())>, int64_t> order;
    for (const auto& v : values)
      if (!missing(v)) order.emplace(v, 0);
    int64_t next = 0;
    for (auto& [value, place] : order) place = next++;
    for (const auto& v : values) out.push_back(missing(v) ? -1 : order.at(v));
  };
  if (column.numeric())
    rank(column.numbers, [](double v) { return std::isnan(v); });
  else
    rank(column.words, [](const std::string& w) { return w.empty(); });
  return out;
}

// Whether each value of `a` stands for one of `b` and the reverse, wherever both are there.
bool same_but_for_names(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  std::map<int64_t, int64_t> forth, back;
  int64_t both = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] < 0 || b[i] < 0) continue;
    ++both;
    if (forth.emplace(a[i], b[i]).first->second != b[i] || back.emplace(b[i], a[i]).first->second != a[i]) return false;
  }
  return both * 2 > static_cast<int64_t>(a.size()) && forth.size() > 1;
}

// Whether each value belongs to one class alone, and comes again: a target in other words, "grade 3" for "ill".
bool tells_the_class(const std::vector<int64_t>& values, const std::vector<int64_t>& labels) {
  std::map<int64_t, int64_t> label;
  int64_t both = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] < 0 || labels[i] < 0) continue;
    ++both;
    if (label.emplace(values[i], labels[i]).first->second != labels[i]) return false;
  }
  return both * 2 > static_cast<int64_t>(values.size()) && static_cast<int64_t>(label.size()) * 5 <= both;
}

}  // namespace

Labels labels_of(const Table& table, const Target& target) {
  if (table.columns.empty()) fail(ErrorKind::data, table.source, "has no columns");
  Labels out;
  out.column = target.column.empty() ? std::ssize(table.columns) - 1 : table.column(target.column);
  const Column& column = table.columns[static_cast<size_t>(out.column)];
  std::map<std::string, int32_t> label;
  if (target.classes.empty()) {
    if (column.numeric())
      for (const double v : column.numbers)
        if (!std::isnan(v) && (v != std::floor(v) || column.type == ColumnType::date))
          fail(ErrorKind::data, table.source,
               "column '{}' holds {}, which is no class: name the column of classes with data.target", column.name,
               column.type == ColumnType::date ? "dates" : fmt::format("{}", v));
    const std::vector<int64_t> rank = ranks(column);
    std::map<int64_t, std::string> names;
    for (int64_t r = 0; r < table.rows(); ++r)
      if (rank[static_cast<size_t>(r)] >= 0) names.emplace(rank[static_cast<size_t>(r)], column.text(r));
    if (names.size() > most_classes)
      fail(ErrorKind::data, table.source, "column '{}' has {} different values, at most {} classes are learned",
           column.name, names.size(), most_classes);
    for (const auto& [place, name] : names) {
      label.emplace(name, static_cast<int32_t>(out.classes.size()));
      out.classes.push_back(name);
    }
  }
  for (const auto& [name, values] : target.classes) {
    for (const std::string& value : values)
      if (!label.emplace(value, static_cast<int32_t>(out.classes.size())).second)
        fail("data.target", "the value '{}' belongs to two classes", value);
    out.classes.push_back(name);
  }
  for (int64_t r = 0; r < table.rows(); ++r) {
    if (column.is_missing(r)) {
      out.labels.push_back(-1);
      continue;
    }
    const auto found = label.find(column.text(r));
    if (found == label.end())
      fail(ErrorKind::data, table.source, "line {}: the value '{}' of '{}' belongs to no class; classes are {}",
           table.lines[static_cast<size_t>(r)], column.text(r), column.name, join(out.classes));
    out.labels.push_back(found->second);
  }
  return out;
}

std::vector<Finding> check_table(const Table& table, const Labels& labels) {
  std::vector<Finding> out;
  const std::vector<int64_t> target(labels.labels.begin(), labels.labels.end());
  const std::string& target_name = table.columns.at(static_cast<size_t>(labels.column)).name;
  if (const auto without = std::ranges::count(target, int64_t{-1}); without > 0)
    out.push_back(
        {target_name, fmt::format("has no value in {} of {} rows, which are left out", without, target.size()), false});
  std::vector<std::pair<std::string, std::vector<int64_t>>> before;
  for (int64_t c = 0; c < std::ssize(table.columns); ++c) {
    if (c == labels.column) continue;
    const Column& column = table.columns[static_cast<size_t>(c)];
    const auto say = [&](bool left_out, std::string what) { out.push_back({column.name, std::move(what), left_out}); };
    if (column.infinite > 0) say(false, fmt::format("holds {} infinite numbers, taken as missing", column.infinite));
    const std::vector<int64_t> rank = ranks(column);
    const std::set<int64_t> values(rank.begin(), rank.end());
    if (column.missing == table.rows()) {
      say(true, "holds no value");
      continue;
    }
    if (values.size() == 1) {
      say(true, fmt::format("is constant: every value is '{}'", column.text(0)));
      continue;
    }
    if (same_but_for_names(rank, target) || tells_the_class(rank, target)) {
      say(true, fmt::format("is a copy of the target '{}': each of its values stands for one class", target_name));
      continue;
    }
    if (column.type == ColumnType::identifier) {
      say(true, fmt::format("is an identifier: {}", column.reason));
      continue;
    }
    if (column.type == ColumnType::text) {
      say(true, fmt::format("is text ({}), which a network for tables does not read", column.reason));
      continue;
    }
    const auto twin = std::ranges::find_if(before, [&](const auto& other) { return other.second == rank; });
    if (twin != before.end()) {
      say(true, fmt::format("orders the rows exactly as '{}' does: it adds nothing", twin->first));
      continue;
    }
    if (column.missing > 0) say(false, fmt::format("has no value in {} of {} rows", column.missing, table.rows()));
    before.emplace_back(column.name, rank);
  }
  return out;
}

}  // namespace tandem::data
