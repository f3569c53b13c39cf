// Looks for the likeliest text, token by token, with several beginnings side by side.
#pragma once
#include <tandem/base/config.h>
#include <tandem/tensor/tensor.h>

#include <functional>
#include <span>
#include <vector>

namespace tandem::tasks {

struct BeamOptions {
  int64_t beam = 5;           // beginnings that go on side by side; 1: always the likeliest token
  double length_penalty = 1;  // alpha of penalised(); 0: the likeliest text, which is a short one
  void fields(Fields& f);
  void check() const;  // throws a usage error for values that are not possible
};

/// What texts of different lengths are compared by: log P / ((5 + tokens) / 6)^alpha (Wu et al. 2016), where the end
/// counts as a token.
[[nodiscard]] double penalised(double log_probability, int64_t tokens, double alpha);

/// The scores (n, vocabulary) of what comes behind n beginnings: the i-th is beginning from[i] of the last call with
/// tokens[i] behind it; at first, that of text from[i] with nothing but tokens[i].
using NextScores = std::function<Tensor(std::span<const int64_t> from, std::span<const int32_t> tokens)>;

struct SearchSpace {
  int32_t start = 1, end = 2;
  std::vector<int32_t> forbidden = {};  // never come
  std::vector<int64_t> longest = {};    // tokens of each text, without its end, which is then put there
};

struct Found {
  std::vector<int32_t> tokens = {};  // without start and end
  double log_probability = 0;        // of the tokens and the end
  double score = 0;                  // the same, penalised
};

/// The best text for each of space.longest. A beginning ends when its end ranks before the last of the `beam` that go
/// on; the search of a text is over when `beam` have ended that are each as likely as the likeliest that goes on, or
/// when none that goes on can still be the best. So with a beam as wide as there are texts the best of all is found.
/// Throws a numeric error when the scores are no numbers.
[[nodiscard]] std::vector<Found> beam_search(const NextScores& next, const SearchSpace& space,
                                             const BeamOptions& options);

}  // namespace tandem::tasks
