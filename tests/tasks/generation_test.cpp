#include <cmath>
#include <limits>
#include <map>

#include "tests/tasks/language_small.h"

namespace tandem::testing {
namespace {

using tasks::choose_token;
using tasks::GenerationOptions;

std::map<int32_t, int> drawn(const std::vector<float>& scores, const GenerationOptions& options, int times = 4000,
                             const std::vector<int32_t>& text = {}, const std::vector<int32_t>& forbidden = {}) {
  Rng rng(7, "test");
  std::map<int32_t, int> out;
  for (int i = 0; i < times; ++i) ++out[choose_token(scores, text, forbidden, options, rng)];
  return out;
}

// Frequencies within five deviations of those of the softmax.
void expect_frequencies(const std::map<int32_t, int>& counts, const std::map<int32_t, double>& shares,
                        int times = 4000) {
  for (const auto& [token, count] : counts)
    EXPECT_TRUE(shares.contains(token)) << token << " came " << count << " times";
  for (const auto& [token, share] : shares) {
    const auto found = counts.find(token);
    const double got = found == counts.end() ? 0 : found->second,
                 room = 5 * std::sqrt(times * share * (1 - share)) + 1e-9;
    EXPECT_NEAR(got, times * share, room) << "token " << token;
  }
}

const std::vector<float> scores{std::log(0.1F), std::log(0.4F), std::log(0.2F), std::log(0.3F)};

TEST(ChooseToken, DrawsAsTheScoresSay) {
  expect_frequencies(drawn(scores, {}), {{0, 0.1}, {1, 0.4}, {2, 0.2}, {3, 0.3}});
  expect_frequencies(drawn(scores, {.temperature = 0.5}),  // squares, over their sum
                     {{0, 0.01 / 0.3}, {1, 0.16 / 0.3}, {2, 0.04 / 0.3}, {3, 0.09 / 0.3}});
  expect_frequencies(drawn(scores, {.temperature = 0}), {{1, 1}});
  expect_frequencies(drawn(scores, {.top_k = 2}), {{1, 0.4 / 0.7}, {3, 0.3 / 0.7}});
  expect_frequencies(drawn(scores, {.top_k = 100}), {{0, 0.1}, {1, 0.4}, {2, 0.2}, {3, 0.3}});
  expect_frequencies(drawn(scores, {.top_p = 0.6}), {{1, 0.4 / 0.7}, {3, 0.3 / 0.7}});
  expect_frequencies(drawn(scores, {.top_p = 1e-6}), {{1, 1}});
  expect_frequencies(drawn(scores, {.top_k = 3, .top_p = 0.8}), {{1, 0.4 / 0.9}, {3, 0.3 / 0.9}, {2, 0.2 / 0.9}});
}

TEST(ChooseToken, PenaltyAndForbiddenTokens) {
  EXPECT_EQ(drawn({2, 1.5F, -1}, {.temperature = 0, .repetition_penalty = 2}, 1, {0, 0}).begin()->first, 1);
  // A negative score is multiplied: repeating never helps.
  EXPECT_EQ(drawn({-1, -1.5F}, {.temperature = 0, .repetition_penalty = 2}, 1, {0}).begin()->first, 1);
  expect_frequencies(drawn(scores, {}, 4000, {}, {1}), {{0, 0.1 / 0.6}, {2, 0.2 / 0.6}, {3, 0.3 / 0.6}});
  Rng rng(1, "x");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  expect_error(ErrorKind::numeric, {"generate", "no finite score"}, [&] {
    (void)choose_token(std::vector<float>{nan, nan}, {}, {}, {}, rng);
  });
}

struct Writer {
  Folder home;
  fs::path text = home.write("text.txt", alphabet_text(60));
  tasks::LanguageModel model;
  explicit Writer(const char* network = tiny_lstm, bool carry = true, int64_t context = 8)
      : model(tiny_language_model(network, text, carry, context)) {}
};

TEST(Generate, WithACacheIsTheSameAsWithout) {
  const Writer w;
  for (const double temperature : {0.0, 1.0}) {
    GenerationOptions options{.tokens = 40, .temperature = temperature};
    const std::string with = generate(w.model, "abc", options).text;
    options.cache = false;
    EXPECT_EQ(generate(w.model, "abc", options).text, with);
    EXPECT_EQ(with.size(), 40U);
  }
}

// Also when the context of 8 tokens is full, and its older half is forgotten.
TEST(Generate, ATransformersCacheChangesNothingEither) {
  const Writer w(tiny_transformer, false);
  for (const double temperature : {0.0, 1.0}) {
    GenerationOptions options{.tokens = 40, .temperature = temperature};
    const std::string with = generate(w.model, "abc", options).text;
    options.cache = false;
    EXPECT_EQ(generate(w.model, "abc", options).text, with);
    EXPECT_EQ(generate(w.model, "abcdefghijklmnop", options).tokens, 40) << "a prompt longer than the context";
  }
}

TEST(Generate, IsDrawnFromItsSeed) {
  const Writer w;
  const std::string a = generate(w.model, "abc", {.tokens = 40}).text;
  EXPECT_EQ(generate(w.model, "abc", {.tokens = 40}).text, a);
  EXPECT_NE(generate(w.model, "abc", {.tokens = 40, .seed = 2}).text, a);
  EXPECT_EQ(generate(w.model, "", {.tokens = 40}).tokens, 40);
}

TEST(Generate, ShowsThePiecesOfItsText) {
  const Writer w;
  std::string shown;
  int pieces = 0;
  const auto said = generate(w.model, "abc", {.tokens = 30}, [&](const std::string& piece) {
    shown += piece;
    ++pieces;
    return true;
  });
  EXPECT_EQ(shown, said.text);
  EXPECT_EQ(pieces, 30);
  const auto cut = generate(w.model, "abc", {.tokens = 30}, [&](const std::string&) { return --pieces > 20; });
  EXPECT_LT(cut.text.size(), 15U) << "the reader may end it";
}

TEST(Generate, EndsBeforeAStopWordAndShowsNothingOfIt) {
  const Writer w;
  const std::string whole = generate(w.model, "abc", {.tokens = 60}).text;
  const std::string stop = whole.substr(20, 3);
  const size_t at = whole.find(stop);
  std::string shown;
  const auto said =
      generate(w.model, "abc", {.tokens = 60, .stop = {"never there", stop}}, [&](const std::string& piece) {
        shown += piece;
        return true;
      });
  EXPECT_TRUE(said.stopped);
  EXPECT_EQ(said.text, whole.substr(0, at));
  EXPECT_EQ(shown, said.text);
  expect_error(ErrorKind::usage, {"stop word is empty"}, [&] { (void)generate(w.model, "a", {.stop = {""}}); });
  expect_error(ErrorKind::usage, {"top_p", "2"}, [&] { (void)generate(w.model, "a", {.top_p = 2}); });
  expect_error(ErrorKind::usage, {"temperature"}, [&] { (void)generate(w.model, "a", {.temperature = -1}); });
}

TEST(Generate, NeverWritesUnknownTokensAndTellsOfThoseInThePrompt) {
  const Writer w;
  const auto said = generate(w.model, "ab\xc3\xa9", {.tokens = 300, .temperature = 50});
  EXPECT_EQ(said.unknown, 1);
  EXPECT_EQ(said.text.find('<'), std::string::npos) << said.text;
}

}  // namespace
}  // namespace tandem::testing
