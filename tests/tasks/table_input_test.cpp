// From rows of a table to numbers.
#include <tandem/tasks/table_input.h>

#include <cmath>
#include <numeric>

#include "tests/testing.h"

namespace tandem::tasks {
namespace {

using tandem::testing::expect_error;

data::Table table_of(const std::string& text, const data::TableOptions& options = {}) {
  return data::read_table(data::Csv::parse(text, "t.csv"), options);
}

std::vector<float> row_of(const TableInput& input, const data::Table& table, int64_t row) {
  const Tensor batch = make_batch(input, table, std::vector<int64_t>{row});
  return {batch.data<const float>().begin(), batch.data<const float>().end()};
}

const std::string six = "x,c\n1,a\n2,a\n3,b\n4,b\n?,z\n1000,q\n";
const std::vector<int64_t> five{0, 1, 2, 3, 4};  // training rows
data::Table training() { return data::subset(table_of(six), five); }

TEST(TableInput, StandardNumbersFromTrainingRowsAlone) {
  const data::Table t = table_of(six);
  const TableInput input = fit_input(training(), {});
  ASSERT_EQ(input.number_columns.size(), 1U);
  const NumberInput& x = input.number_columns[0];
  EXPECT_EQ(x.mean, 2.5) << "row 5 with its 1000 is no training row";
  EXPECT_EQ(x.std, std::sqrt(1.25));
  EXPECT_EQ(x.fill, 2.5);
  EXPECT_TRUE(x.marked);
  // x, the mark, then unknown, a, b: 'z' is seen once only and counts as unknown.
  EXPECT_EQ(input.width(), 5);
  EXPECT_EQ(row_of(input, t, 4), (std::vector<float>{0, 1, 1, 0, 0}));
  const auto first = row_of(input, t, 0);
  EXPECT_FLOAT_EQ(first[0], static_cast<float>(-1.5 / std::sqrt(1.25)));
  EXPECT_EQ(first[1], 0);
  EXPECT_EQ((std::vector<float>{first.begin() + 2, first.end()}), (std::vector<float>{0, 1, 0}));
  EXPECT_NEAR(row_of(input, t, 5)[0], (4 + 5 * std::sqrt(1.25) - 2.5) / std::sqrt(1.25), 1e-5) << "cut";
  EXPECT_EQ(unseen(input, t, 5), (std::vector<std::string>{"x = 1000 lies outside 1 to 4", "c = 'q' is a new word"}));
  EXPECT_TRUE(unseen(input, t, 0).empty());
}

TEST(TableInput, NoiseFallsOnNumbersAndLeavesMarksAndWords) {
  std::string text = "x,c,y\n";
  for (int i = 0; i < 400; ++i)
    text += fmt::format("{}.5,{},{}\n", i, i % 2 ? "a" : "b", i % 5 ? "?" : fmt::format("{}.25", i));
  const data::Table t = table_of(text, {.types = {{"x", data::ColumnType::number}, {"y", data::ColumnType::number}}});
  const TableInput input = fit_input(t, {});
  std::vector<int64_t> all(400);
  std::iota(all.begin(), all.end(), int64_t{0});
  const Tensor plain = make_batch(input, t, all);
  const auto noisy = [&](std::span<const int64_t> rows) {
    Tensor out = make_batch(input, t, rows);
    add_noise(input, 0.2, rows, Rng(1, "noise"), out);
    return out;
  };
  const Tensor changed = noisy(all);
  // x, y, the mark of y, then unknown, a, b.
  const int64_t width = input.width();
  ASSERT_EQ(width, 6);
  double squares = 0;
  for (int64_t r = 0; r < 400; ++r)
    for (int64_t k = 0; k < width; ++k) {
      const double d = changed.at(r * width + k) - plain.at(r * width + k);
      if (k < 2)
        squares += d * d / 800;
      else
        EXPECT_EQ(d, 0) << k;
    }
  EXPECT_NEAR(std::sqrt(squares), 0.2, 0.2 * 4 / std::sqrt(2 * 800.0));
  const Tensor one = noisy(std::vector<int64_t>{17});
  for (int64_t k = 0; k < width; ++k) EXPECT_EQ(one.at(k), changed.at(17 * width + k)) << "a row has noise of its own";
}

TEST(TableInput, MeanOrMedianStandsForMissing) {
  const data::Table t = table_of("x,y\n1,1\n2,1\n9,1\n?,1\n");
  EXPECT_EQ(fit_input(t, {.fill = "median"}).number_columns[0].fill, 2);
  EXPECT_EQ(fit_input(t, {.fill = "mean"}).number_columns[0].fill, 4);
}

TEST(TableInput, PiecewiseLinearEncoding) {
  std::string text = "x\n";
  for (int i = 0; i <= 40; ++i) text += fmt::format("{}.0\n", i);
  const data::Table t = table_of(text, {.types = {{"x", data::ColumnType::number}}});
  const TableInput input = fit_input(t, {.numbers = "piecewise", .bins = 4});
  EXPECT_EQ(input.number_columns[0].knots, (std::vector<double>{0, 10, 20, 30, 40}));
  EXPECT_EQ(row_of(input, t, 25), (std::vector<float>{1, 1, 0.5, 0}));
  EXPECT_EQ(row_of(input, t, 0), (std::vector<float>{0, 0, 0, 0}));
  EXPECT_EQ(row_of(input, t, 40), (std::vector<float>{1, 1, 1, 1}));
  // A column with few values has a bin between each two: the encoding can tell them all apart.
  const data::Table few = table_of("x,y\n0,1\n0,1\n1,1\n1,1\n2,1\n2,1\n");
  EXPECT_EQ(fit_input(few, {.numbers = "piecewise"}).parts()[0].size, 2);
}

TEST(TableInput, QuantilesAreNormal) {
  std::string text = "x\n";
  for (int i = 0; i < 200; ++i) text += fmt::format("{}\n", std::exp(0.05 * i));  // far from normal
  const data::Table t = table_of(text);
  std::vector<int64_t> rows(200);
  std::iota(rows.begin(), rows.end(), 0);
  const TableInput input = fit_input(t, {.numbers = "quantile"});
  double squares = 0, sum = 0;
  for (const int64_t r : rows) {
    const double v = row_of(input, t, r)[0];
    sum += v, squares += v * v;
    if (r > 0) {
      EXPECT_GT(v, row_of(input, t, r - 1)[0]);
    }
  }
  EXPECT_NEAR(sum / 200, 0, 0.01);
  EXPECT_NEAR(squares / 200, 1, 0.08);
  EXPECT_NEAR(row_of(input, t, 167)[0], 0.99, 0.03) << "the normal quantile of 0.84";
}

TEST(TableInput, SavedAndReadTheSame) {
  const data::Table t = table_of(six);
  for (const char* numbers : {"standard", "quantile", "piecewise"}) {
    TableInput input = fit_input(training(), {.numbers = numbers});
    TableInput again;
    Fields::read(Config::parse(Fields::write(input).str(), "model"), again, "input");
    again.check("model");
    for (int64_t r = 0; r < 6; ++r) EXPECT_EQ(row_of(input, t, r), row_of(again, t, r)) << numbers << r;
  }
}

TEST(TableInput, ColumnsByNameWhateverTheirOrder) {
  const TableInput input = fit_input(training(), {});
  const data::Table turned = table_of("c,more,x\nb,1,3\n", input.reading());
  EXPECT_EQ(row_of(input, turned, 0), row_of(input, table_of(six), 2));
  expect_error(ErrorKind::data, {"no column 'c'"}, [&] { (void)row_of(input, table_of("x,d\n3,b\n"), 0); });
  expect_error(ErrorKind::data, {"'x'", "words", "numbers"}, [&] { (void)row_of(input, table_of("x,c\nu,b\n"), 0); });
}

TEST(TableInput, WhatCannotBeIsRefused) {
  const data::Table t = table_of(six);
  expect_error(ErrorKind::data, {"no rows"}, [&] { (void)fit_input(data::subset(t, {}), {}); });
  expect_error(ErrorKind::data, {"'x'", "no value in any training row"},
               [&] { (void)fit_input(data::subset(t, std::vector<int64_t>{4}), {}); });
  data::Table unused = t;
  for (data::Column& c : unused.columns) c.used = false;
  expect_error(ErrorKind::data, {"no column is left"}, [&] { (void)fit_input(unused, {}); });
  TableInput bad = fit_input(training(), {.numbers = "piecewise"});
  bad.number_columns[0].knots = {1, 1, 2};
  expect_error(ErrorKind::data, {"bin without width"}, [&] { bad.check("m"); });
  bad.number_columns[0].std = 0;
  expect_error(ErrorKind::data, {"no scale"}, [&] { bad.check("m"); });
  expect_error(ErrorKind::data, {"no columns"}, [] { TableInput{}.check("m"); });
}

}  // namespace
}  // namespace tandem::tasks
