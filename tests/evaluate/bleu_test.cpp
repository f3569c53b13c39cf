// BLEU against the numbers that sacreBLEU gives (make_bleu_fixtures.py).
#include <tandem/evaluate/bleu.h>

#include <nlohmann/json.hpp>

#include "tests/testing.h"

namespace tandem::evaluate {
namespace {

using tandem::testing::expect_error;

nlohmann::json fixtures() {
  return nlohmann::json::parse(read_text(fs::path(TANDEM_SOURCE_DIR) / "tests/evaluate/fixtures/bleu.json"));
}

TEST(Bleu, CutsWordsAsMteval13a) {
  const auto rows = fixtures().at("tokens");
  ASSERT_GT(rows.size(), 10U);
  for (const auto& row : rows)
    EXPECT_EQ(tokenize_13a(row.at("text").get<std::string>()), row.at("tokens").get<std::vector<std::string>>())
        << row.at("text");
}

TEST(Bleu, GivesSacrebleusNumbers) {
  const auto corpora = fixtures().at("corpora");
  ASSERT_GT(corpora.size(), 7U);
  for (const auto& corpus : corpora)
    for (const auto& [name, options] : {std::pair{"cased", BleuOptions{}}, std::pair{"lower", BleuOptions{.lower = true}},
                                        std::pair{"untokenized", BleuOptions{.tokenize = false}}}) {
      SCOPED_TRACE(corpus.at("name").get<std::string>() + ", " + name);
      const Bleu own = bleu(corpus.at("translations"), corpus.at("references"), options);
      const auto& theirs = corpus.at(name);
      EXPECT_NEAR(own.score, theirs.at("score").get<double>(), 1e-9);
      EXPECT_NEAR(own.brevity, theirs.at("brevity").get<double>(), 1e-12);
      EXPECT_EQ(own.length, theirs.at("length").get<int64_t>());
      EXPECT_EQ(own.reference_length, theirs.at("reference_length").get<int64_t>());
      for (size_t n = 0; n < 4; ++n) EXPECT_NEAR(own.precisions[n], theirs.at("precisions").at(n).get<double>(), 1e-9);
    }
}

TEST(Bleu, RefusesWhatCannotBeCompared) {
  expect_error(ErrorKind::usage, {"1 translations and references for 2"}, [] { (void)bleu({"a"}, {{"a"}, {"b"}}); });
  expect_error(ErrorKind::usage, {"translation 2 has no reference"}, [] { (void)bleu({"a", "b"}, {{"a"}, {}}); });
}

}  // namespace
}  // namespace tandem::evaluate
