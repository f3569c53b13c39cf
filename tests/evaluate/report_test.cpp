#include <gtest/gtest.h>
#include <tandem/evaluate/report.h>

#include <nlohmann/json.hpp>

namespace tandem::evaluate {
namespace {

/// Sure predictions `said` of `truth`.
Predictions sure(std::vector<std::string> classes, std::vector<int32_t> truth, const std::vector<int32_t>& said) {
  Predictions p{std::move(classes), std::move(truth), {}};
  p.probabilities.assign(said.size() * p.classes.size(), 0);
  for (size_t i = 0; i < said.size(); ++i) p.probabilities[i * p.classes.size() + static_cast<size_t>(said[i])] = 1;
  return p;
}

Classification animals(std::string third = "cat") {
  return classification(
      sure({"ant", "bumblebee", std::move(third)}, {0, 0, 0, 1, 1, 2, 2, 2}, {0, 0, 1, 1, 1, 2, 0, 2}));
}

TEST(Report, JsonHasEveryKey) {
  const RunFacts facts{.name = "zoo",
                       .task = "image classification",
                       .data = "animals",
                       .split = "test",
                       .seconds = 0.5,
                       .parameters = 1234,
                       .seed = 7,
                       .version = "0.1.0"};
  const auto json = nlohmann::json::parse(report_json(facts, animals()));
  for (const char* key : {"task", "data", "split", "examples", "loss", "accuracy", "macro", "weighted", "classes",
                          "confusion", "calibration", "seconds", "parameters", "seed", "version"})
    EXPECT_TRUE(json.contains(key)) << key;
  EXPECT_EQ(json["task"], "image classification");
  EXPECT_EQ(json["examples"], 8);
  EXPECT_EQ(json["errors"], 2);
  EXPECT_EQ(json["seed"], 7);
  EXPECT_EQ(json["parameters"], 1234);
  EXPECT_DOUBLE_EQ(json["accuracy"], 0.75);
  EXPECT_EQ(json["confusion"], (nlohmann::json{{2, 1, 0}, {0, 2, 0}, {1, 0, 2}}));
  for (const char* mean : {"macro", "weighted"})
    for (const char* score : {"precision", "recall", "f1"}) EXPECT_TRUE(json[mean][score].is_number()) << mean << score;
  ASSERT_EQ(json["classes"].size(), 3u);
  for (const char* key : {"name", "precision", "recall", "f1", "support", "auc"})
    EXPECT_TRUE(json["classes"][0].contains(key)) << key;
  EXPECT_EQ(json["classes"][1]["support"], 2);
  EXPECT_DOUBLE_EQ(json["calibration"]["ece"], 0.25);  // all sure, three quarters right
  EXPECT_EQ(json["calibration"]["bins"].size(), 15u);
  EXPECT_TRUE(json["top5"].is_null());
}

TEST(Report, JsonOfFiguresThatDoNotExistAndOfBrokenText) {
  const auto result = classification(sure({"a\"b", "\xff"}, {0}, {0}));
  const auto json = nlohmann::json::parse(report_json({}, result));
  EXPECT_TRUE(json["classes"][0]["auc"].is_null());
  EXPECT_EQ(json["classes"][0]["name"], "a\"b");
  EXPECT_EQ(json["classes"][1]["name"], "\xef\xbf\xbd");
}

// print(classification_report(y_true, y_pred, target_names=..., digits=4)) of scikit-learn 1.9.1.
TEST(Report, TableBeginsLikeScikitLearns) {
  const std::string expected =
      "              precision    recall  f1-score   support\n"
      "\n"
      "         ant     0.6667    0.6667    0.6667         3\n"
      "   bumblebee     0.6667    1.0000    0.8000         2\n"
      "         cat     1.0000    0.6667    0.8000         3\n"
      "\n"
      "    accuracy                         0.7500         8\n"
      "   macro avg     0.7778    0.7778    0.7556         8\n"
      "weighted avg     0.7917    0.7500    0.7500         8\n";
  const std::string table = text_table(animals());
  EXPECT_EQ(table.substr(0, expected.size()), expected);
  EXPECT_NE(table.find("2 errors in 8 examples"), std::string::npos);
  EXPECT_NE(table.find("ECE 0.2500"), std::string::npos);
  EXPECT_NE(table.find("ROC AUC"), std::string::npos);
  EXPECT_NE(table.find("bumblebee         ·         2         ·"), std::string::npos) << table;
}

TEST(Report, TableAlignsDoubleWidthNames) {
  const std::string table = text_table(animals("一只很大的橘色的猫"));
  int64_t header = 0;
  for (size_t at = 0, line = 0; at < table.size() && line < 9; ++line) {
    const size_t end = table.find('\n', at);
    const int64_t width = display_width(std::string_view(table).substr(at, end - at));
    if (line == 0) header = width;
    if (width > 0) {
      EXPECT_EQ(width, header) << table.substr(at, end - at);
    }
    at = end + 1;
  }
  EXPECT_EQ(header, 18 + 4 * 10 + 1);
}

TEST(Report, TableLeavesOutALargeMatrix) {
  std::vector<std::string> classes;
  for (int c = 0; c < 21; ++c) classes.push_back("c" + std::to_string(c));
  const auto result = classification(sure(classes, {0, 1}, {0, 2}));
  EXPECT_EQ(text_table(result).find("confusion"), std::string::npos);
  EXPECT_NE(text_table(result).find("top-5"), std::string::npos);
}

TEST(Report, DisplayWidth) {
  EXPECT_EQ(display_width(""), 0);
  EXPECT_EQ(display_width("cat"), 3);
  EXPECT_EQ(display_width("naïve"), 5);
  EXPECT_EQ(display_width("e\u0301"), 1);  // combining accent
  EXPECT_EQ(display_width("猫 A"), 4);
  EXPECT_EQ(display_width("、"), 2);
  EXPECT_EQ(display_width("한국"), 4);
  EXPECT_EQ(display_width("😀"), 2);
  EXPECT_EQ(display_width("\xe7\x8c"), 2);  // cut short: one column a byte
}

}  // namespace
}  // namespace tandem::evaluate
