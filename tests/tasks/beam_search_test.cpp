#include <tandem/base/random.h>
#include <tandem/tasks/beam_search.h>

#include <cmath>
#include <map>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

using tasks::BeamOptions;
using tasks::Found;
using tasks::SearchSpace;

constexpr int32_t words = 5, start = 1, end = 2;  // 0 is unknown, 3 and 4 are words

/// A writer of texts that draws its scores from all that was said before: no two beginnings are alike.
class Writer {
 public:
  Writer(uint64_t seed, double spread) : seed_(seed), spread_(spread) {}

  [[nodiscard]] std::vector<float> scores(int64_t text, const std::vector<int32_t>& tokens) const {
    Rng rng = Rng(seed_, "writer").split(static_cast<uint64_t>(text));
    for (const int32_t token : tokens) rng = rng.split(static_cast<uint64_t>(token));
    std::vector<float> out;
    for (int i = 0; i < words; ++i) out.push_back(static_cast<float>(spread_ * rng.normal()));
    return out;
  }
  [[nodiscard]] double log_probability(int64_t text, const std::vector<int32_t>& before, int32_t token) const {
    const std::vector<float> s = scores(text, before);
    double sum = 0;
    for (const float value : s) sum += std::exp(static_cast<double>(value));
    return static_cast<double>(s[static_cast<size_t>(token)]) - std::log(sum);
  }

  /// As a search asks for it.
  Tensor operator()(std::span<const int64_t> from, std::span<const int32_t> tokens) {
    std::vector<std::pair<int64_t, std::vector<int32_t>>> now;
    std::vector<float> all;
    for (size_t i = 0; i < from.size(); ++i) {
      now.push_back(known_.empty() ? std::pair{from[i], std::vector<int32_t>{}}
                                   : known_.at(static_cast<size_t>(from[i])));
      if (!known_.empty()) now.back().second.push_back(tokens[i]);
      const std::vector<float> s = scores(now.back().first, now.back().second);
      all.insert(all.end(), s.begin(), s.end());
    }
    known_ = std::move(now);
    return Tensor::from(all, {std::ssize(from), words});
  }

 private:
  uint64_t seed_;
  double spread_;
  std::vector<std::pair<int64_t, std::vector<int32_t>>> known_;
};

/// The best of all texts, each looked at.
Found best_of_all(const Writer& writer, int64_t text, int64_t longest, double alpha) {
  Found best{{}, 0, -INFINITY};
  const std::function<void(std::vector<int32_t>&, double)> look = [&](std::vector<int32_t>& tokens, double p) {
    const double whole = p + writer.log_probability(text, tokens, end);
    const double score = whole / std::pow((5.0 + static_cast<double>(tokens.size()) + 1) / 6.0, alpha);
    if (score > best.score) best = {tokens, whole, score};
    if (std::ssize(tokens) == longest) return;
    for (const int32_t next : {3, 4}) {
      const double q = p + writer.log_probability(text, tokens, next);
      tokens.push_back(next);
      look(tokens, q);
      tokens.pop_back();
    }
  };
  std::vector<int32_t> none;
  look(none, 0);
  return best;
}

std::vector<Found> search(uint64_t seed, double spread, const BeamOptions& options, std::vector<int64_t> longest) {
  Writer writer(seed, spread);
  return tasks::beam_search(std::ref(writer), {start, end, {0, start}, std::move(longest)}, options);
}

TEST(BeamSearch, AWideBeamFindsTheBestOfAll) {
  int differs = 0;  // from the likeliest token each time: else anything would pass
  for (uint64_t seed = 1; seed <= 40; ++seed)
    for (const double alpha : {0.0, 0.6, 1.0, 2.0}) {
      const std::vector<int64_t> longest{5, 3, 0};
      const auto found =
          search(seed, 1, {.beam = 64, .length_penalty = alpha}, longest);  // 63 texts of at most 5 words
      const auto greedy = search(seed, 1, {.beam = 1, .length_penalty = alpha}, longest);
      ASSERT_EQ(found.size(), 3U);
      for (size_t i = 0; i < 3; ++i) {
        const Found best = best_of_all(Writer(seed, 1), static_cast<int64_t>(i), longest[i], alpha);
        EXPECT_EQ(found[i].tokens, best.tokens) << "seed " << seed << " alpha " << alpha;
        EXPECT_NEAR(found[i].log_probability, best.log_probability, 1e-5);
        EXPECT_NEAR(found[i].score, best.score, 1e-5);
        EXPECT_GE(found[i].score, greedy[i].score - 1e-6);
        differs += greedy[i].tokens != best.tokens;
      }
      EXPECT_TRUE(found[2].tokens.empty());
    }
  EXPECT_GT(differs, 100);
}

TEST(BeamSearch, ABeamOfOneTakesTheLikeliestTokenEachTime) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Writer writer(seed, 1);
    std::vector<int32_t> tokens;
    while (tokens.size() < 8) {
      std::map<double, int32_t> by;
      for (const int32_t next : {end, 3, 4}) by[writer.log_probability(0, tokens, next)] = next;
      if (by.rbegin()->second == end) break;
      tokens.push_back(by.rbegin()->second);
    }
    EXPECT_EQ(search(seed, 1, {.beam = 1}, {8})[0].tokens, tokens) << seed;
  }
}

/// Beam search as its contract says it, by sorting all that could come next.
Found plain_search(const Writer& writer, size_t beam, int64_t longest, double alpha) {
  struct Text {
    std::vector<int32_t> tokens;
    double p = 0;
  };
  std::vector<Text> going{{}}, ended;
  const auto over = [&] {
    return going.empty() || std::ranges::count_if(ended, [&](const Text& text) { return text.p >= going.front().p; }) >=
                                static_cast<int64_t>(beam);
  };
  while (!over()) {
    std::vector<Text> next;
    for (const Text& text : going)
      for (const int32_t token : {end, 3, 4}) {
        if (token != end && std::ssize(text.tokens) == longest) continue;
        Text more = text;
        more.p += writer.log_probability(0, text.tokens, token);
        more.tokens.push_back(token);
        next.push_back(more);
      }
    std::ranges::stable_sort(next, std::greater{}, &Text::p);
    going.clear();
    for (const Text& text : next)
      if (going.size() < beam) (text.tokens.back() == end ? ended : going).push_back(text);
  }
  Found best{{}, 0, -INFINITY};
  for (Text& text : ended) {
    const double score = tasks::penalised(text.p, std::ssize(text.tokens), alpha);
    text.tokens.pop_back();
    if (score > best.score) best = {text.tokens, text.p, score};
  }
  return best;
}

TEST(BeamSearch, NarrowBeamsGoAsWritten) {
  int differs = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed)
    for (const int64_t beam : {1, 2, 3, 5})
      for (const double alpha : {0.0, 1.0}) {
        const Found found = search(seed, 0.7, {.beam = beam, .length_penalty = alpha}, {6})[0];
        const Found wanted = plain_search(Writer(seed, 0.7), static_cast<size_t>(beam), 6, alpha);
        EXPECT_EQ(found.tokens, wanted.tokens) << "seed " << seed << " beam " << beam << " alpha " << alpha;
        EXPECT_NEAR(found.score, wanted.score, 1e-5);
        differs += best_of_all(Writer(seed, 0.7), 0, 6, alpha).tokens != wanted.tokens;
      }
  EXPECT_GT(differs, 20) << "narrow beams that always find the best would test nothing";
}

// Nothing but the right word is likely, and the end is as likely as any wrong word: many unlikely texts end early,
// which must not end the search.
TEST(BeamSearch, UnlikelyEndsDoNotEndIt) {
  const std::vector<int32_t> right{3, 4, 4, 3, 3, 4, end};
  for (const int64_t beam : {1, 2, 3, 5, 9}) {
    std::vector<size_t> places;  // how many tokens each beginning has that went right
    size_t step = 0;
    const auto next = [&](std::span<const int64_t> from, std::span<const int32_t> tokens) {
      std::vector<size_t> now;
      std::vector<float> scores;
      for (size_t i = 0; i < from.size(); ++i) {
        const size_t before = step == 0 ? 0 : places[static_cast<size_t>(from[i])];
        now.push_back(step > 0 && before == step - 1 && tokens[i] == right[step - 1] ? step : step == 0 ? 0 : 99);
        for (int32_t token = 0; token < words; ++token)
          scores.push_back(now.back() == step && token == right[std::min(step, right.size() - 1)] ? 5.0F : 0.0F);
      }
      places = std::move(now);
      ++step;
      return Tensor::from(scores, {std::ssize(from), words});
    };
    const Found found = tasks::beam_search(next, {start, end, {0, start}, {12}}, {.beam = beam})[0];
    EXPECT_EQ(found.tokens, (std::vector<int32_t>{3, 4, 4, 3, 3, 4})) << "beam " << beam;
  }
}

TEST(BeamSearch, APenaltyMakesTextsLonger) {
  EXPECT_DOUBLE_EQ(tasks::penalised(-3, 1, 0.6), -3);  // (5 + 1) / 6 is 1
  EXPECT_DOUBLE_EQ(tasks::penalised(-3, 7, 1), -1.5);
  EXPECT_DOUBLE_EQ(tasks::penalised(-3, 7, 0), -3);
  size_t without = 0, with = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    without += search(seed, 1, {.beam = 64, .length_penalty = 0}, {5})[0].tokens.size();
    with += search(seed, 1, {.beam = 64, .length_penalty = 2}, {5})[0].tokens.size();
  }
  EXPECT_GT(with, 2 * without);
}

TEST(BeamSearch, RefusesWhatIsNoSearch) {
  expect_error(ErrorKind::usage, {"beam", "0 is not possible", "1 to 1000"},
               [] { (void)search(1, 1, {.beam = 0}, {3}); });
  expect_error(ErrorKind::usage, {"length_penalty", "-1"}, [] { (void)search(1, 1, {.length_penalty = -1}, {3}); });
  expect_error(ErrorKind::usage, {"length_penalty"}, [] { (void)search(1, 1, {.length_penalty = NAN}, {3}); });
  expect_error(ErrorKind::numeric, {"no finite score", "damaged"}, [] {
    (void)tasks::beam_search(
        [](std::span<const int64_t> from, std::span<const int32_t>) {
          return Tensor::full({std::ssize(from), words}, NAN);
        },
        {start, end, {}, {3}}, {});
  });
}

}  // namespace
}  // namespace tandem::testing
