#include <gtest/gtest.h>
#include <tandem/base/error.h>
#include <tandem/base/threads.h>
#include <tandem/evaluate/classification.h>

#include <cmath>

namespace tandem::evaluate {
namespace {

/// Probabilities are given in 32nds, which float holds exactly: ties are true ties on both sides.
Predictions predictions(std::vector<std::string> classes, std::vector<int32_t> labels,
                        const std::vector<int>& thirty_seconds) {
  Predictions p{std::move(classes), std::move(labels), {}};
  for (const int value : thirty_seconds) p.probabilities.push_back(static_cast<float>(value) / 32);
  return p;
}

ErrorKind kind_of(const Predictions& p, std::string_view part) {
  try {
    (void)classification(p);
  } catch (const Error& error) {
    EXPECT_NE(std::string_view(error.what()).find(part), std::string_view::npos) << error.what();
    return error.kind();
  }
  ADD_FAILURE() << "no error about " << part;
  return ErrorKind::internal;
}

struct Expected {
  std::vector<std::vector<int64_t>> confusion;
  std::vector<double> precision, recall, f1, auc, average_precision;
  Scores macro, weighted;
  double accuracy, loss, balanced, mcc, brier, ece;
};

void expect_equal(const Classification& got, const Expected& want) {
  constexpr double exact = 1e-13;  // both sides in double
  constexpr double single = 2e-6;  // scikit-learn keeps float32 probabilities in float32 for these two
  EXPECT_EQ(got.confusion, want.confusion);
  const auto scores = [](const Scores& a, const Scores& b) {
    EXPECT_NEAR(a.precision, b.precision, exact);
    EXPECT_NEAR(a.recall, b.recall, exact);
    EXPECT_NEAR(a.f1, b.f1, exact);
  };
  ASSERT_EQ(got.classes.size(), want.precision.size());
  for (size_t c = 0; c < got.classes.size(); ++c) {
    SCOPED_TRACE(c);
    scores(got.classes[c], {want.precision[c], want.recall[c], want.f1[c]});
    if (std::isnan(want.auc[c])) {
      EXPECT_TRUE(std::isnan(got.classes[c].auc));
      EXPECT_TRUE(std::isnan(got.classes[c].average_precision));
    } else {
      EXPECT_NEAR(got.classes[c].auc, want.auc[c], exact);
      EXPECT_NEAR(got.classes[c].average_precision, want.average_precision[c], exact);
    }
  }
  scores(got.macro, want.macro);
  scores(got.weighted, want.weighted);
  EXPECT_NEAR(got.accuracy, want.accuracy, exact);
  EXPECT_NEAR(got.balanced_accuracy, want.balanced, exact);
  EXPECT_NEAR(got.mcc, want.mcc, exact);
  EXPECT_NEAR(got.ece, want.ece, exact);
  EXPECT_NEAR(got.loss, want.loss, single * want.loss);
  EXPECT_NEAR(got.brier, want.brier, single);
}

constexpr double none = std::numeric_limits<double>::quiet_NaN();

// Small enough to follow by hand: truth a a a b b, said a a b b a.
TEST(Classification, ByHand) {
  const auto r = classification(predictions({"a", "b"}, {0, 0, 0, 1, 1}, {32, 0, 24, 8, 8, 24, 0, 32, 16, 16}));
  EXPECT_EQ(r.examples, 5);
  EXPECT_EQ(r.errors, 2);
  EXPECT_EQ(r.confusion, (std::vector<std::vector<int64_t>>{{2, 1}, {1, 1}}));  // a tie goes to the first class
  EXPECT_DOUBLE_EQ(r.accuracy, 0.6);
  EXPECT_DOUBLE_EQ(r.classes[0].precision, 2.0 / 3);
  EXPECT_DOUBLE_EQ(r.classes[0].recall, 2.0 / 3);
  EXPECT_DOUBLE_EQ(r.classes[1].f1, 0.5);
  EXPECT_DOUBLE_EQ(r.macro.f1, (2.0 / 3 + 0.5) / 2);
  EXPECT_DOUBLE_EQ(r.weighted.f1, (3 * 2.0 / 3 + 2 * 0.5) / 5);
  EXPECT_DOUBLE_EQ(r.balanced_accuracy, (2.0 / 3 + 0.5) / 2);
  EXPECT_DOUBLE_EQ(r.mcc, (2.0 * 1 - 1.0 * 1) / std::sqrt(3.0 * 2 * 3 * 2));
  EXPECT_EQ(r.classes[0].support, 3);
  EXPECT_NEAR(r.loss, -(std::log(0.75) + std::log(0.25) + std::log(0.5)) / 5, 1e-6);  // 1 is clipped to 1 - eps: 1.2e-7
  EXPECT_NEAR(r.brier, (0 + 0.0625 + 0.5625 + 0 + 0.25) / 5, 1e-15);
  // Pairs (a, b) by P(a): a has 1, .75, .25; b has 0, .5: a above in 3 + 2 - 1 + 1 = 5 of 6.
  EXPECT_DOUBLE_EQ(r.classes[0].auc, 5.0 / 6);
  // Bins: 1 and 1 right (no gap); .75 right and .75 wrong: |.5 - .75| * 2/5; .5 wrong: .5 * 1/5.
  EXPECT_NEAR(r.ece, 0.25 * 0.4 + 0.5 * 0.2, 1e-15);
  EXPECT_TRUE(std::isnan(r.top5));
}

// The three sets below and their figures come from scikit-learn 1.9.1 (float32 probabilities, zero_division=0,
// numpy.random.default_rng(7)); ECE from calibration_curve(right, top probability, n_bins=15) weighted by bin counts.

// One class has no example and is never predicted.
TEST(Classification, EqualsScikitLearnFourClassesOneAbsent) {
  const auto p =
      predictions({"a", "b", "c", "d"},
                  {2, 1, 2, 2, 1, 2, 2, 0, 0, 0, 0, 2, 2, 0, 1, 2, 0, 2, 0, 1, 2, 0, 1, 0, 2, 0, 2, 1, 1, 1, 1, 1},
                  {6,  0, 22, 4, 1,  30, 0,  1,  5, 1,  20, 6,  3,  5,  21, 3,  1, 19, 2,  10, 25, 1,  5, 1, 6,  8,
                   12, 6, 27, 2, 3,  0,  26, 0,  1, 5,  14, 4,  13, 1,  9,  15, 6, 2,  0,  12, 17, 3,  7, 2, 22, 1,
                   19, 0, 10, 3, 0,  6,  26, 0,  1, 6,  24, 1,  9,  10, 13, 0,  1, 11, 16, 4,  21, 10, 1, 0, 0,  23,
                   2,  7, 6,  4, 20, 2,  22, 1,  0, 9,  7,  10, 10, 5,  16, 16, 0, 0,  12, 1,  19, 0,  9, 0, 22, 1,
                   7,  0, 24, 1, 1,  17, 0,  14, 8, 16, 6,  2,  1,  19, 10, 2,  4, 22, 2,  4,  0,  23, 6, 3});
  expect_equal(classification(p),
               {.confusion = {{7, 1, 2, 0}, {0, 9, 1, 0}, {1, 0, 11, 0}, {0, 0, 0, 0}},
                .precision = {0.875, 0.9, 0.7857142857142857, 0},
                .recall = {0.7, 0.9, 0.9166666666666666, 0},
                .f1 = {0.7777777777777778, 0.9, 0.8461538461538461, 0},
                .auc = {0.9500000000000001, 0.9409090909090909, 0.8708333333333333, none},
                .average_precision = {0.861547619047619, 0.9044444444444445, 0.7222342472342472, none},
                .macro = {0.8535714285714285, 0.8388888888888889, 0.8413105413105413},
                .weighted = {0.8493303571428572, 0.84375, 0.8416132478632479},
                .accuracy = 0.84375,
                .loss = 0.6467273235321045,
                .balanced = 0.8388888888888889,
                .mcc = 0.7679115602869874,
                .brier = 0.37298583984375,
                .ece = 0.263671875});
}

TEST(Classification, EqualsScikitLearnTwoClasses) {
  const auto p =
      predictions({"no", "yes"}, {0, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 0, 1, 0, 1},
                  {15, 17, 8,  24, 14, 18, 12, 20, 24, 8,  5, 27, 9, 23, 26, 6,  21, 11, 7,  25, 32, 0, 7,  25,
                   1,  31, 10, 22, 9,  23, 31, 1,  0,  32, 4, 28, 0, 32, 21, 11, 31, 1,  16, 16, 32, 0, 25, 7});
  expect_equal(classification(p), {.confusion = {{6, 5}, {4, 9}},
                                   .precision = {0.6, 0.6428571428571429},
                                   .recall = {0.5454545454545454, 0.6923076923076923},
                                   .f1 = {0.5714285714285714, 0.6666666666666666},
                                   .auc = {0.7937062937062936, 0.7937062937062938},
                                   .average_precision = {0.7968381299721012, 0.8376194794330064},
                                   .macro = {0.6214285714285714, 0.6188811188811189, 0.6190476190476191},
                                   .weighted = {0.6232142857142857, 0.625, 0.623015873015873},
                                   .accuracy = 0.625,
                                   .loss = 0.5343661904335022,
                                   .balanced = 0.6188811188811189,
                                   .mcc = 0.24029618753167464,
                                   .brier = 0.1959635466337204,
                                   .ece = 0.24739583333333337});
}

// Poor predictions, with zero probabilities for the truth: clipping and top-5 show.
TEST(Classification, EqualsScikitLearnSevenClasses) {
  const auto p = predictions(
      {"a", "b", "c", "d", "e", "f", "g"},
      {3, 6, 0, 1, 2, 6, 5, 4, 2, 5, 1, 2, 2, 0, 0, 5, 6, 1, 0, 0, 0, 5, 0, 4, 5, 1, 1, 1, 5, 6},
      {1,  1, 0,  5,  17, 2, 6,  0,  6,  0, 6,  14, 2,  4, 0, 12, 2,  0,  12, 5,  1,  8, 3, 1, 1, 0,  16, 3, 5,  7,
       0,  6, 2,  12, 0,  0, 2,  0,  3,  6, 4,  17, 0,  5, 4, 0,  11, 9,  3,  13, 5,  0, 8, 0, 6, 0,  1,  9, 0,  18,
       1,  1, 2,  8,  0,  1, 11, 1,  2,  9, 16, 10, 0,  0, 0, 6,  0,  0,  0,  26, 5,  1, 0, 0, 0, 5,  5,  1, 18, 3,
       0,  3, 11, 0,  0,  3, 2,  13, 0,  3, 23, 0,  3,  2, 1, 0,  1,  2,  3,  4,  19, 3, 6, 0, 0, 15, 9,  0, 2,  0,
       8,  0, 10, 3,  8,  3, 20, 0,  1,  0, 1,  2,  8,  4, 2, 10, 1,  7,  5,  3,  20, 0, 0, 1, 0, 2,  9,  6, 4,  1,
       3,  5, 9,  4,  7,  2, 4,  0,  11, 2, 6,  1,  18, 1, 7, 5,  0,  0,  7,  3,  7,  0, 2, 5, 8, 2,  4,  0, 0,  0,
       19, 7, 26, 0,  0,  0, 5,  0,  1,  5, 2,  6,  4,  1, 7, 7,  1,  25, 2,  0,  1,  3, 0, 9, 1, 7,  5,  2, 0,  8});
  const auto r = classification(p);
  expect_equal(r, {.confusion = {{2, 1, 2, 0, 1, 0, 1},
                                 {2, 0, 0, 1, 0, 3, 0},
                                 {0, 0, 1, 1, 1, 1, 0},
                                 {0, 0, 0, 0, 1, 0, 0},
                                 {1, 1, 0, 0, 0, 0, 0},
                                 {0, 1, 0, 1, 1, 2, 1},
                                 {1, 0, 0, 1, 1, 0, 1}},
                   .precision = {1.0 / 3, 0, 1.0 / 3, 0, 0, 1.0 / 3, 1.0 / 3},
                   .recall = {0.2857142857142857, 0, 0.25, 0, 0, 1.0 / 3, 0.25},
                   .f1 = {0.3076923076923077, 0, 0.2857142857142857, 0, 0, 1.0 / 3, 0.2857142857142857},
                   .auc = {0.5683229813664596, 0.53125, 0.5576923076923077, 0.6896551724137931, 0.35714285714285715,
                           0.7256944444444445, 0.7211538461538461},
                   .average_precision = {0.3827380952380952, 0.22889822595704948, 0.3880952380952381,
                                         0.09090909090909091, 0.075, 0.39503205128205127, 0.4291208791208791},
                   .macro = {0.19047619047619047, 0.1598639455782313, 0.17320774463631608},
                   .weighted = {0.2333333333333333, 0.2, 0.21465201465201467},
                   .accuracy = 0.2,
                   .loss = 4.501034259796143,
                   .balanced = 0.1598639455782313,
                   .mcc = 0.06125606330422086,
                   .brier = 0.9358072876930237,
                   .ece = 0.33229166666666665});
  EXPECT_NEAR(r.top5, 23.0 / 30, 1e-15);
}

TEST(Classification, ReliabilityBinsAreHalfOpenToTheLeft) {
  // 0.2 in float lies just above 3/15, 0.6 just above 9/15; exactly 1 belongs to the last bin.
  Predictions p{{"a", "b", "c"}, {0, 0, 0}, {1, 0, 0, 0.6f, 0.2f, 0.2f, 0.4f, 0.3f, 0.3f}};
  const auto r = classification(p);
  ASSERT_EQ(r.reliability.size(), 15u);
  EXPECT_EQ(r.reliability[14].count, 1);
  EXPECT_EQ(r.reliability[9].count, 1);
  EXPECT_EQ(r.reliability[6].count, 1);
  EXPECT_DOUBLE_EQ(r.reliability[0].low, 0);
  EXPECT_DOUBLE_EQ(r.reliability[14].high, 1);
  EXPECT_NEAR(r.ece, (0.4 + 0.6) / 3, 1e-7);
}

TEST(Classification, OneClassOnly) {
  const auto r = classification(predictions({"a", "b"}, {0, 0}, {32, 0, 20, 12}));
  EXPECT_EQ(r.errors, 0);
  EXPECT_DOUBLE_EQ(r.mcc, 0);  // no variance: 0 by definition
  EXPECT_DOUBLE_EQ(r.macro.f1, 1);
  EXPECT_TRUE(std::isnan(r.classes[0].auc));
  EXPECT_DOUBLE_EQ(r.classes[0].average_precision, 1);
  EXPECT_TRUE(std::isnan(r.macro_auc));
}

TEST(Classification, SameForAnyNumberOfThreads) {
  const auto p = predictions({"no", "yes"}, {0, 1, 1}, {15, 17, 8, 24, 14, 18});
  set_threads(1);
  const auto one = classification(p);
  set_threads(4);
  const auto four = classification(p);
  set_threads(0);
  EXPECT_EQ(one.classes[1].auc, four.classes[1].auc);
  EXPECT_EQ(one.loss, four.loss);
}

TEST(Classification, Wilson) {
  // Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611.
  EXPECT_NEAR(wilson(81, 263).low, 0.2553, 5e-5);
  EXPECT_NEAR(wilson(81, 263).high, 0.3662, 5e-5);
  EXPECT_NEAR(wilson(0, 20).high, 0.1611, 5e-5);
  EXPECT_EQ(wilson(0, 20).low, 0);
  EXPECT_EQ(wilson(20, 20).high, 1);
  EXPECT_THROW((void)wilson(1, 0), Error);
  EXPECT_THROW((void)wilson(3, 2), Error);
}

TEST(Classification, Errors) {
  const auto good = predictions({"a", "b"}, {0, 1}, {32, 0, 8, 24});
  auto p = good;
  p.labels.clear();
  p.probabilities.clear();
  EXPECT_EQ(kind_of(p, "at least one example"), ErrorKind::usage);
  p = good;
  p.classes = {"a"};
  EXPECT_EQ(kind_of(p, "at least two classes, got 1"), ErrorKind::usage);
  p = good;
  p.probabilities.pop_back();
  EXPECT_EQ(kind_of(p, "2 examples of 2 classes need 4 probabilities, got 3"), ErrorKind::usage);
  p = good;
  p.labels[1] = 2;
  EXPECT_EQ(kind_of(p, "label 2 of example 1 is outside 0 … 1"), ErrorKind::data);
  p = good;
  p.labels[0] = -1;
  EXPECT_EQ(kind_of(p, "label -1 of example 0"), ErrorKind::data);
  p = good;
  p.probabilities[2] = std::nanf("");
  EXPECT_EQ(kind_of(p, "example 1 is NaN"), ErrorKind::numeric);
  p = good;
  p.probabilities[0] = 7;
  EXPECT_EQ(kind_of(p, "not logits"), ErrorKind::usage);
  p = good;
  p.probabilities[1] = 0.5f;
  EXPECT_EQ(kind_of(p, "sum to 1.5"), ErrorKind::usage);
}

}  // namespace
}  // namespace tandem::evaluate
