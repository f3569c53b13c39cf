// Types of columns, labels, what is suspicious, and folds.
#include <tandem/data/folds.h>
#include <tandem/data/table.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/testing.h"

namespace tandem::data {
namespace {

using tandem::testing::expect_error;

Table table_of(const std::string& text, const TableOptions& options = {}) {
  return read_table(Csv::parse(text, "t.csv"), options);
}

const Column& column(const Table& table, const std::string& name) {
  return table.columns[static_cast<size_t>(table.column(name))];
}

// 40 rows: an id that counts, a number with gaps, a word, a date, a sentence, a code, a constant, and the target.
std::string patients() {
  std::string out = "patient,age,sex,seen,note,code,site,ill\n";
  for (int i = 0; i < 40; ++i)
    out += fmt::format("{},{},{},2024-03-{:02},patient number {} was seen by the nurse {} times,x{}q,north,{}\n",
                       1000 + i, i % 7 == 0 ? "?" : std::to_string(40 + i * 3 % 17), i % 3 == 0 ? "f" : "m", i % 28 + 1,
                       i, i % 5, i * 7919, i % 4 == 0 ? "yes" : "no");
  return out;
}

TEST(Table, TypesAreGuessedAndSaid) {
  const Table t = table_of(patients());
  EXPECT_EQ(t.rows(), 40);
  const std::vector<std::pair<std::string, ColumnType>> expected{
      {"patient", ColumnType::identifier}, {"age", ColumnType::number},  {"sex", ColumnType::category},
      {"seen", ColumnType::date},          {"note", ColumnType::text},   {"code", ColumnType::identifier},
      {"site", ColumnType::category},      {"ill", ColumnType::category}};
  for (const auto& [name, type] : expected) {
    EXPECT_EQ(name_of(column(t, name).type), name_of(type)) << name;
    EXPECT_FALSE(column(t, name).reason.empty()) << name;
  }
  EXPECT_EQ(column(t, "age").missing, 6);
  EXPECT_TRUE(column(t, "age").is_missing(0));
  EXPECT_EQ(column(t, "age").text(1), "43");
  EXPECT_EQ(column(t, "seen").text(3), "2024-03-04");
  EXPECT_EQ(t.lines[0], 2);
}

TEST(Table, MissingAndInfiniteNumbers) {
  const Table t = table_of("a,b\n1,x\nNaN,y\ninf,?\n N/A ,x\n,y\n4,x\n");
  EXPECT_EQ(column(t, "a").type, ColumnType::number);
  EXPECT_EQ(column(t, "a").missing, 4);
  EXPECT_EQ(column(t, "a").infinite, 1);
  EXPECT_TRUE(std::isnan(column(t, "a").numbers[2]));
  EXPECT_EQ(column(t, "b").missing, 1);
  EXPECT_EQ(column(t, "b").words[2], "");
  EXPECT_EQ(column(table_of("a,b\n1,x\n-9,y\n", {.types = {}, .missing = {"-9"}}), "a").missing, 1);
}

TEST(Table, DecimalCommasAndStrayWords) {
  EXPECT_EQ(column(table_of("a;b\n1,5;2\n2,25;3\n"), "a").numbers[1], 2.25);
  std::string text = "a,b\n";
  for (int i = 0; i < 30; ++i) text += i == 20 ? "abc,1\n" : fmt::format("{},1\n", i % 9);
  const Column a = column(table_of(text), "a");
  EXPECT_EQ(a.type, ColumnType::category);
  EXPECT_NE(a.reason.find("line 22 holds 'abc'"), std::string::npos) << a.reason;
}

TEST(Table, GivenTypesHold) {
  EXPECT_EQ(column(table_of("a,b\n1,x\n2,y\n", {.types = {{"a", ColumnType::category}}}), "a").words[1], "2");
  expect_error(ErrorKind::data, {"t.csv", "line 3", "'y2'", "'a'", "no number"}, [] {
    (void)table_of("a,b\n1,x\ny2,y\n", {.types = {{"a", ColumnType::number}}});
  });
  expect_error(ErrorKind::data, {"no column 'c'"}, [] {
    (void)table_of("a,b\n1,x\n", {.types = {{"c", ColumnType::number}}});
  });
  expect_error(ErrorKind::usage, {"recipe", "'catgory'", "did you mean 'category'?"},
               [] { (void)column_type("catgory", "recipe"); });
}

TEST(Table, Dates) {
  EXPECT_EQ(parse_date("1970-01-02"), 1);
  EXPECT_EQ(parse_date("2024/3/1"), parse_date("1.3.2024"));
  EXPECT_EQ(parse_date("2024-03-01T12:00:00Z") - parse_date("2024-03-01"), 0.5);
  EXPECT_EQ(date_text(parse_date("2024-02-29")), "2024-02-29");
  for (const char* no : {"2023-02-29", "1/3/2024", "2024-03", "2024-03-01x", "12.5", "", "2024-13-01", "24-03-01"})
    EXPECT_TRUE(std::isnan(parse_date(no))) << no;
}

TEST(Table, LabelsOfATarget) {
  const Table t = table_of("age,num\n63,0\n67,2\n41,?\n50,1\n60,0\n");
  const Labels plain = labels_of(t, {});
  EXPECT_EQ(plain.classes, (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_EQ(plain.labels, (std::vector<int32_t>{0, 2, -1, 1, 0}));
  const Labels merged = labels_of(t, {"num", {{"healthy", {"0"}}, {"ill", {"1", "2"}}}});
  EXPECT_EQ(merged.classes, (std::vector<std::string>{"healthy", "ill"}));
  EXPECT_EQ(merged.labels, (std::vector<int32_t>{0, 1, -1, 1, 0}));
  expect_error(ErrorKind::data, {"line 3", "'2'", "no class"}, [&] {
    (void)labels_of(t, {"num", {{"healthy", {"0"}}, {"ill", {"1"}}}});
  });
  expect_error(ErrorKind::usage, {"'1'", "two classes"}, [&] {
    (void)labels_of(t, {"num", {{"a", {"0", "1"}}, {"b", {"1", "2"}}}});
  });
  expect_error(ErrorKind::data, {"0.5", "no class"}, [] { (void)labels_of(table_of("a,b\n1,0.5\n2,1\n"), {}); });
}

TEST(Table, SuspiciousColumnsAreSaidBeforeTraining) {
  std::string text = "id,x,twin,site,grade,copy,empty,note,wild,ill\n";
  for (int i = 0; i < 40; ++i) {
    const int ill = i % 3 == 0;
    text += fmt::format("{},{},{},north,{},{},,{} went home after the {} visit,{},{}\n", i + 1, i * 17 % 23,
                        2 * (i * 17 % 23) + 5, ill ? 3 + i % 2 : i % 3, ill ? "sick" : "well", i, i * 3,
                        i == 5 ? "inf" : std::to_string(i * 11 % 13), ill);
  }
  text += "41,3,11,north,0,,,nobody knows what happened to this one,2,\n";
  const Table t = table_of(text);
  const std::vector<Finding> found = check_table(t, labels_of(t, {}));
  const auto expect = [&](const std::string& name, const std::string& what, bool left_out) {
    const bool said = std::ranges::any_of(found, [&](const Finding& f) {
      return f.column == name && f.what.find(what) != std::string::npos && f.left_out == left_out;
    });
    EXPECT_TRUE(said) << name << " " << what;
  };
  expect("id", "identifier: it counts the rows", true);
  expect("twin", "as 'x' does", true);
  expect("site", "constant: every value is 'north'", true);
  expect("grade", "copy of the target 'ill'", true);
  expect("copy", "copy of the target 'ill'", true);
  expect("empty", "holds no value", true);
  expect("note", "is text", true);
  expect("wild", "1 infinite", false);
  expect("ill", "no value in 1 of 41 rows", false);
  EXPECT_FALSE(std::ranges::any_of(found, [](const Finding& f) { return f.column == "x"; }));
}

TEST(Folds, EachClassHasItsShare) {
  std::vector<int32_t> labels;
  for (int i = 0; i < 103; ++i) labels.push_back(i % 5 == 0);
  const auto of = folds(labels, 10, 7);
  std::vector<int> size(10), ill(10);
  for (size_t i = 0; i < labels.size(); ++i)
    ++size[static_cast<size_t>(of[i])], ill[static_cast<size_t>(of[i])] += labels[i];
  for (size_t f = 0; f < 10; ++f) {
    EXPECT_TRUE(size[f] == 10 || size[f] == 11) << f;
    EXPECT_TRUE(ill[f] == 2 || ill[f] == 3) << f;
  }
  EXPECT_EQ(of, folds(labels, 10, 7));
  EXPECT_NE(of, folds(labels, 10, 8));
  expect_error(ErrorKind::data, {"class 1", "21 examples", "30 folds"}, [&] { (void)folds(labels, 30, 7); });
  expect_error(ErrorKind::usage, {"1 folds"}, [&] { (void)folds(labels, 1, 7); });
}

TEST(Folds, GroupsStayTogether) {
  std::vector<int32_t> labels;
  std::vector<int64_t> groups;
  for (int g = 0; g < 30; ++g)
    for (int i = 0; i <= g % 4; ++i) groups.push_back(g), labels.push_back((g + i) % 3 == 0);
  const auto of = folds(labels, 5, 3, groups);
  std::vector<std::set<int32_t>> seen(30);
  std::vector<int> size(5), ill(5);
  for (size_t i = 0; i < of.size(); ++i) {
    seen[static_cast<size_t>(groups[i])].insert(of[i]);
    ++size[static_cast<size_t>(of[i])], ill[static_cast<size_t>(of[i])] += labels[i];
  }
  for (const auto& f : seen) EXPECT_EQ(f.size(), 1U);
  for (size_t f = 0; f < 5; ++f) {
    EXPECT_NEAR(size[f], 15, 4) << f;
    EXPECT_NEAR(ill[f], 5, 3) << f;
  }
  expect_error(ErrorKind::data, {"30 groups", "40 folds"}, [&] { (void)folds(labels, 40, 3, groups); });
}

}  // namespace
}  // namespace tandem::data
