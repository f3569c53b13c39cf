#include <gtest/gtest.h>
#include <tandem/base/error.h>
#include <tandem/evaluate/curves.h>

#include <cmath>
#include <functional>

namespace tandem::evaluate {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

// scikit-learn 1.9.1, numpy.random.default_rng(7): the second of the sets in classification_test.cpp.
const std::vector<int32_t> labels = {0, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 0, 1, 0, 1};
std::vector<float> scores() {
  std::vector<float> out;
  for (const int value : {17, 24, 18, 20, 8, 27, 23, 6, 11, 25, 0, 25, 31, 22, 23, 1, 32, 28, 32, 11, 1, 16, 0, 7})
    out.push_back(static_cast<float>(value) / 32);
  return out;
}

TEST(Curves, RocEqualsScikitLearn) {
  const std::vector<double> fpr = {0, 0, 0, 1, 1, 2, 4, 4, 5, 5, 6, 6, 7, 11};      // of 11
  const std::vector<double> tpr = {0, 2, 5, 6, 7, 8, 8, 9, 9, 10, 11, 13, 13, 13};  // of 13
  const std::vector<double> threshold = {infinite, 1,       0.84375, 0.78125, 0.75,    0.71875, 0.625,
                                         0.5625,   0.53125, 0.5,     0.34375, 0.21875, 0.1875,  0};
  const auto got = roc(labels, scores());
  ASSERT_EQ(got.size(), fpr.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_DOUBLE_EQ(got[i].fpr, fpr[i] / 11) << i;
    EXPECT_DOUBLE_EQ(got[i].tpr, tpr[i] / 13) << i;
    EXPECT_DOUBLE_EQ(got[i].threshold, threshold[i]) << i;
  }
}

TEST(Curves, PrecisionRecallEqualsScikitLearn) {
  const std::vector<double> precision = {0.5416666666666666,
                                         0.5909090909090909,
                                         0.65,
                                         0.6842105263157895,
                                         0.6666666666666666,
                                         0.6470588235294118,
                                         0.6666666666666666,
                                         0.6428571428571429,
                                         0.6923076923076923,
                                         0.6666666666666666,
                                         0.7272727272727273,
                                         0.8,
                                         0.875,
                                         0.8571428571428571,
                                         1,
                                         1,
                                         1,
                                         1,
                                         1};
  const std::vector<double> recall = {13, 13, 13, 13, 12, 11, 10, 9, 9, 8, 8, 8, 7, 6, 5, 4, 3, 2, 0};  // of 13
  const std::vector<double> threshold = {0,       0.03125, 0.1875,  0.21875, 0.25,    0.34375, 0.5,
                                         0.53125, 0.5625,  0.625,   0.6875,  0.71875, 0.75,    0.78125,
                                         0.84375, 0.875,   0.96875, 1,       infinite};
  const auto got = precision_recall(labels, scores());
  ASSERT_EQ(got.size(), precision.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i].precision, precision[i], 1e-15) << i;
    EXPECT_DOUBLE_EQ(got[i].recall, recall[i] / 13) << i;
    EXPECT_DOUBLE_EQ(got[i].threshold, threshold[i]) << i;
  }
  EXPECT_NEAR(average_precision(labels, scores()), 0.8376194794330064, 1e-14);
}

TEST(Curves, AreaOfTheRocCurveWithAndWithoutInnerPoints) {
  for (const bool all : {false, true}) {
    std::vector<double> x, y;
    for (const auto& point : roc(labels, scores(), all)) {
      x.push_back(point.fpr);
      y.push_back(point.tpr);
    }
    EXPECT_NEAR(auc(x, y), 0.7937062937062938, 1e-14);
  }
  EXPECT_GT(roc(labels, scores(), true).size(), roc(labels, scores()).size());
  EXPECT_NEAR(roc_auc(labels, scores()), 0.7937062937062938, 1e-14);
}

// By hand: perfect, reversed, and no knowledge at all (every score equal: one step, area a half).
TEST(Curves, Extremes) {
  const std::vector<int32_t> truth = {0, 0, 1, 1};
  EXPECT_EQ(roc_auc(truth, std::vector<float>{0, 1, 2, 3}), 1);
  EXPECT_EQ(roc_auc(truth, std::vector<float>{3, 2, 1, 0}), 0);
  EXPECT_EQ(roc_auc(truth, std::vector<float>{5, 5, 5, 5}), 0.5);
  EXPECT_EQ(roc(truth, std::vector<float>{5, 5, 5, 5}).size(), 2u);
  EXPECT_EQ(average_precision(truth, std::vector<float>{0, 1, 2, 3}), 1);
  EXPECT_EQ(average_precision(truth, std::vector<float>{5, 5, 5, 5}), 0.5);
  EXPECT_DOUBLE_EQ(average_precision(truth, std::vector<float>{3, 2, 1, 0}), (1.0 / 3 + 2.0 / 4) / 2);
  EXPECT_EQ(average_precision(std::vector<int32_t>{1}, std::vector<float>{0}), 1);
}

TEST(Curves, OrderOfTiedExamplesDoesNotMatter) {
  const std::vector<float> tied = {1, 1, 1, 0};
  const double one = roc_auc(std::vector<int32_t>{1, 0, 0, 0}, tied);
  EXPECT_EQ(one, roc_auc(std::vector<int32_t>{0, 0, 1, 0}, tied));
  EXPECT_DOUBLE_EQ(one, (0.5 + 0.5 + 1) / 3);
  EXPECT_EQ(average_precision(std::vector<int32_t>{1, 0, 0, 0}, tied),
            average_precision(std::vector<int32_t>{0, 0, 1, 0}, tied));
}

TEST(Curves, Trapezoids) {
  EXPECT_DOUBLE_EQ(auc(std::vector<double>{0, 1, 3}, std::vector<double>{0, 2, 2}), 5);
  EXPECT_DOUBLE_EQ(auc(std::vector<double>{3, 1, 0}, std::vector<double>{2, 2, 0}), 5);  // falling x: still positive
}

TEST(Curves, Errors) {
  using L = std::vector<int32_t>;
  using S = std::vector<float>;
  const auto expect = [](const std::function<void()>& call, ErrorKind kind, std::string_view part) {
    try {
      call();
      ADD_FAILURE() << "no error about " << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      EXPECT_NE(std::string_view(error.what()).find(part), std::string_view::npos) << error.what();
    }
  };
  expect([] { (void)roc(L{}, S{}); }, ErrorKind::usage, "at least one example");
  expect([] { (void)roc(L{0, 1}, S{0}); }, ErrorKind::usage, "2 labels but 1 scores");
  expect([] { (void)roc(L{0, 2}, S{0, 1}); }, ErrorKind::data, "must be 0 or 1, got 2 at example 1");
  expect([] { (void)roc_auc(L{0, 1}, S{0, std::nanf("")}); }, ErrorKind::numeric, "score of example 1 is NaN");
  expect([] { (void)roc(L{0, 0}, S{0, 1}); }, ErrorKind::data, "none of the 2 labels is 1");
  expect([] { (void)roc_auc(L{1, 1}, S{0, 1}); }, ErrorKind::data, "none of the 2 labels is 0");
  expect([] { (void)average_precision(L{0}, S{0}); }, ErrorKind::data, "is 1");
  expect([] { (void)precision_recall(L{0}, S{0}); }, ErrorKind::data, "is 1");
  const std::vector<double> one = {0}, zigzag = {0, 2, 1}, three = {1, 1, 1};
  expect([&] { (void)auc(one, one); }, ErrorKind::usage, "at least two points");
  expect([&] { (void)auc(zigzag, three); }, ErrorKind::usage, "neither rises nor falls");
  expect([&] { (void)auc(one, three); }, ErrorKind::usage, "1 values of x but 3 of y");
}

}  // namespace
}  // namespace tandem::evaluate
