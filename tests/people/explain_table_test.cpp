// Shapley values and counterfactual rows of tables, on networks whose answers are known.
#include <tandem/nn/linear.h>
#include <tandem/people/explain_table.h>

#include <cmath>

#include "tests/testing.h"

namespace tandem::people {
namespace {

using tandem::testing::expect_error;

data::Table table_of(const std::string& text) {
  return data::read_table(
      data::Csv::parse(text, "t.csv"),
      {.types = {{"a", data::ColumnType::number}, {"b", data::ColumnType::number}, {"c", data::ColumnType::category}}});
}

data::Table training() {
  std::string text = "a,b,c\n";
  for (int i = 0; i < 40; ++i) text += fmt::format("{},{},{}\n", i % 8, i % 5, i % 2 == 0 ? "x" : "y");
  return table_of(text);
}

// A linear network with the given weights of: a, b, and the words unknown, x, y. It answers "yes" above 0.
tasks::Classifier linear_model(const std::vector<float>& weights, float bias = 0) {
  tasks::Classifier model;
  model.net.add(std::make_unique<nn::Linear>(1));
  model.input = tasks::fit_input(training(), {});
  model.classes = {"no", "yes"};
  model.loss = "binary_cross_entropy_logits";
  model.build(Rng(1, "weights"));
  auto& layer = dynamic_cast<nn::Linear&>(*model.net.layers()[0]);
  std::ranges::copy(weights, layer.weight.data<float>().begin());
  layer.bias.data<float>()[0] = bias;
  return model;
}

TEST(ExplainRow, ValuesSumToTheChangeAndIgnoreUnusedColumns) {
  const tasks::Classifier model = linear_model({0.8F, 0, 0, -0.5F, 0.5F});
  const data::Table row = table_of("a,b,c\n7,2,y\n");
  const RowExplanation e = explain_row(model, row, 0, training());
  EXPECT_TRUE(e.exact);
  EXPECT_EQ(e.target, 1);
  double sum = 0;
  for (const auto& part : e.parts) {
    sum += part.adds;
    if (part.column == "b") {
      EXPECT_NEAR(part.adds, 0, 1e-7) << "its weight is 0";
    }
    if (part.column == "c") {
      EXPECT_EQ(part.value, "y");
    }
  }
  EXPECT_NEAR(sum, e.probability - e.usual, 1e-6);
  EXPECT_EQ(e.parts[0].column, "a") << "the largest first";
  EXPECT_GT(e.parts[0].adds, 0.1);
  // The other class gets the opposite of all of it.
  const RowExplanation no = explain_row(model, row, 0, training(), {.target = 0});
  EXPECT_NEAR(no.parts[0].adds, -e.parts[0].adds, 1e-6);
}

TEST(ExplainRow, SamplingAgreesWithEverySet) {
  const tasks::Classifier model = linear_model({0.8F, -0.6F, 0, -0.9F, 0.9F});
  const data::Table row = table_of("a,b,c\n6,0,x\n");
  const RowExplanation exact = explain_row(model, row, 0, training());
  const RowExplanation sampled = explain_row(model, row, 0, training(), {.permutations = 400, .exact_up_to = 1});
  EXPECT_FALSE(sampled.exact);
  for (const auto& part : exact.parts)
    for (const auto& other : sampled.parts)
      if (other.column == part.column) {
        EXPECT_NEAR(other.adds, part.adds, 4 * other.error + 1e-6) << part.column;
      }
}

TEST(Counterfactual, TheCheapestChangeThatSuffices) {
  // Only a and c matter; c alone turns the answer, a alone would have to move much further.
  const tasks::Classifier model = linear_model({0.3F, 0, 0, -1, 1});
  const data::Table row = table_of("a,b,c\n2,3,x\n");
  const Counterfactual other = counterfactual(model, row, 0, training());
  ASSERT_TRUE(other.found);
  ASSERT_EQ(other.changes.size(), 1U);
  EXPECT_EQ(other.changes[0].column, "c");
  EXPECT_EQ(other.changes[0].from, "x");
  EXPECT_EQ(other.changes[0].to, "y");
  EXPECT_GT(other.probability, 0.5);
  EXPECT_EQ(other.distance, 1);
  // With c fixed nothing that training rows have suffices.
  const Counterfactual fixed = counterfactual(model, row, 0, training(), {.fixed = {"c"}});
  EXPECT_FALSE(fixed.found);
  EXPECT_LT(fixed.probability, 0.5);
  expect_error(ErrorKind::data, {"no column 'd'"},
               [&] { (void)counterfactual(model, row, 0, training(), {.fixed = {"d"}}); });
}

TEST(Counterfactual, TwoChangesWhereOneDoesNotSuffice) {
  // Both lie 1.5 deviations below their means; the most that one of them can do leaves the sum below 0.
  const tasks::Classifier model = linear_model({1, 1, 0, 0, 0}, -0.5F);
  const data::Table row = table_of("a,b,c\n0,0,x\n");
  const Counterfactual other = counterfactual(model, row, 0, training());
  ASSERT_TRUE(other.found);
  EXPECT_EQ(other.changes.size(), 2U);
  const Counterfactual one = counterfactual(model, row, 0, training(), {.most = 1});
  EXPECT_FALSE(one.found);
  EXPECT_EQ(one.changes.size(), 1U) << "the nearest that was reached";
}

TEST(ExplainRow, BadInput) {
  const tasks::Classifier model = linear_model({1, 1, 0, 0, 0});
  const data::Table row = table_of("a,b,c\n0,0,x\n");
  expect_error(ErrorKind::usage, {"row 1 of 1"}, [&] { (void)explain_row(model, row, 1, training()); });
  expect_error(ErrorKind::usage, {"class 2", "there are 2"},
               [&] { (void)explain_row(model, row, 0, training(), {.target = 2}); });
  tasks::Classifier pictures;
  expect_error(ErrorKind::usage, {"takes no rows"}, [&] { (void)explain_row(pictures, row, 0, training()); });
}

}  // namespace
}  // namespace tandem::people
