#include <tandem/ops/activation.h>
#include <tandem/tasks/beam_search.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tandem::tasks {
namespace {

struct Beginning {
  std::vector<int32_t> tokens;
  double log_probability = 0;
  int64_t row = 0;  // of the scores that were asked for last
};

struct Candidate {
  double log_probability;
  size_t from;  // among the beginnings
  int32_t token;
};

/// One text that is looked for.
struct Search {
  std::vector<Beginning> going;  // by falling probability
  std::vector<Found> ended;
};

/// The logarithm of the sum of exponentials of each row: what turns a score into a logarithm of a probability.
std::vector<double> normalisers(const Tensor& scores) {
  const Tensor shares = softmax(scores);
  const auto width = static_cast<size_t>(scores.size(1));
  std::vector<double> out;
  for (size_t row = 0; row < static_cast<size_t>(scores.size(0)); ++row) {
    const auto s = scores.data<const float>().subspan(row * width, width);
    const auto p = shares.data<const float>().subspan(row * width, width);
    const auto best = static_cast<size_t>(std::ranges::max_element(p) - p.begin());  // no rounding to nothing there
    out.push_back(static_cast<double>(s[best]) - std::log(static_cast<double>(p[best])));
    if (!std::isfinite(out.back()))
      fail(ErrorKind::numeric, "beam search", "the network gives no finite score: its weights are damaged");
  }
  return out;
}

/// The `count` tokens of the highest scores, the best first.
std::vector<int32_t> likeliest(std::span<const float> scores, std::span<const int32_t> forbidden, size_t count) {
  const auto better = [&](int32_t a, int32_t b) {
    const float x = scores[static_cast<size_t>(a)], y = scores[static_cast<size_t>(b)];
    return x != y ? x > y : a < b;
  };
  std::vector<int32_t> heap;  // its front is the worst
  for (int32_t id = 0; id < std::ssize(scores); ++id) {
    if (heap.size() == count && !better(id, heap.front())) continue;
    if (std::ranges::find(forbidden, id) != forbidden.end()) continue;
    heap.push_back(id);
    std::ranges::push_heap(heap, better);
    if (heap.size() <= count) continue;
    std::ranges::pop_heap(heap, better);
    heap.pop_back();
  }
  std::ranges::sort_heap(heap, better);
  return heap;
}

/// One token further: what becomes of a text's beginnings by the scores of their rows.
void advance(Search& text, const Tensor& scores, std::span<const double> normaliser, int64_t longest,
             const SearchSpace& space, const BeamOptions& o) {
  const auto width = static_cast<size_t>(scores.size(1)), beam = static_cast<size_t>(o.beam);
  const auto log_probability = [&](const Beginning& b, int32_t token) {
    const auto row = static_cast<size_t>(b.row);
    return b.log_probability +
           static_cast<double>(scores.data<const float>()[row * width + static_cast<size_t>(token)]) - normaliser[row];
  };
  const auto end = [&](const Beginning& b, double p) {
    text.ended.push_back({b.tokens, p, penalised(p, std::ssize(b.tokens) + 1, o.length_penalty)});
  };
  const std::vector<Beginning> before = std::exchange(text.going, {});
  if (std::ssize(before.front().tokens) == longest) {
    for (const Beginning& b : before) end(b, log_probability(b, space.end));
    return;
  }
  std::vector<Candidate> candidates;
  for (size_t i = 0; i < before.size(); ++i) {
    const auto row = scores.data<const float>().subspan(static_cast<size_t>(before[i].row) * width, width);
    for (const int32_t token : likeliest(row, space.forbidden, beam + 1))  // one of them may be the end
      candidates.push_back({log_probability(before[i], token), i, token});
  }
  std::ranges::stable_sort(candidates, std::greater{}, &Candidate::log_probability);
  for (const Candidate& c : candidates) {
    if (text.going.size() == beam) break;
    const Beginning& from = before[c.from];
    if (c.token == space.end) {
      end(from, c.log_probability);
    } else {
      text.going.push_back({from.tokens, c.log_probability, from.row});
      text.going.back().tokens.push_back(c.token);
    }
  }
}

const Found& best_of(const Search& text) {
  return *std::ranges::max_element(text.ended, std::less{}, &Found::score);  // of equal ones the first
}

bool is_over(const Search& text, int64_t longest, const BeamOptions& o) {
  if (text.going.empty()) return true;
  // An early end that is unlikely must not take the place of one that is still to come.
  const double likeliest = text.going.front().log_probability;
  if (std::ranges::count_if(text.ended, [&](const Found& f) { return f.log_probability >= likeliest; }) >= o.beam)
    return true;
  // A probability only falls, and is never divided by more than that of the longest text is.
  return !text.ended.empty() && best_of(text).score >= penalised(likeliest, longest + 1, o.length_penalty);
}

}  // namespace

void BeamOptions::fields(Fields& f) {
  f("beam", beam, {1, 1000});
  f("length_penalty", length_penalty, {0, 10});
}

void BeamOptions::check() const {
  if (beam < 1 || beam > 1000) fail("beam", "{} is not possible: give 1 to 1000", beam);
  if (!(length_penalty >= 0 && length_penalty <= 10))
    fail("length_penalty", "{} is not possible: give 0 to 10", length_penalty);
}

double penalised(double log_probability, int64_t tokens, double alpha) {
  return log_probability / std::pow((5 + static_cast<double>(tokens)) / 6, alpha);
}

std::vector<Found> beam_search(const NextScores& next, const SearchSpace& space, const BeamOptions& options) {
  options.check();
  std::vector<Search> texts(space.longest.size());
  std::vector<int64_t> from;
  std::vector<int32_t> tokens;
  for (size_t i = 0; i < texts.size(); ++i) {
    texts[i].going.push_back({{}, 0, static_cast<int64_t>(i)});
    from.push_back(static_cast<int64_t>(i)), tokens.push_back(space.start);
  }
  while (!from.empty()) {
    const Tensor scores = next(from, tokens);
    const std::vector<double> normaliser = normalisers(scores);
    from.clear(), tokens.clear();
    for (size_t i = 0; i < texts.size(); ++i) {
      Search& text = texts[i];
      if (text.going.empty()) continue;
      advance(text, scores, normaliser, space.longest[i], space, options);
      if (is_over(text, space.longest[i], options)) text.going.clear();
      for (Beginning& b : text.going) {
        from.push_back(b.row), tokens.push_back(b.tokens.back());
        b.row = std::ssize(from) - 1;
      }
    }
  }
  std::vector<Found> out;
  for (const Search& text : texts) out.push_back(best_of(text));
  return out;
}

}  // namespace tandem::tasks
