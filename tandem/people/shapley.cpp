#include <tandem/base/error.h>
#include <tandem/base/random.h>
#include <tandem/people/attribution.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace tandem::people {
namespace {

void check_players(std::string_view where, int64_t players, int64_t most) {
  if (players < 1 || players > most) fail(where, "{} players: give 1 to {}", players, most);
}

std::vector<double> asked(std::string_view where, const SetFunction& worth, const std::vector<uint8_t>& coalitions,
                          int64_t players) {
  std::vector<double> out = worth(coalitions, players);
  if (std::ssize(out) * players != std::ssize(coalitions))
    fail(where, "{} coalitions were asked about, {} values came", std::ssize(coalitions) / players, out.size());
  return out;
}

}  // namespace

std::vector<double> shapley_exact(const SetFunction& worth, int64_t players) {
  check_players("shapley_exact", players, 20);
  const auto n = static_cast<size_t>(players), all = size_t{1} << n;
  std::vector<uint8_t> coalitions(all * n);
  for (size_t s = 0; s < all; ++s)
    for (size_t i = 0; i < n; ++i) coalitions[s * n + i] = s >> i & 1;
  const std::vector<double> value = asked("shapley_exact", worth, coalitions, players);
  // Of a coalition of k others that player i joins: k! (n - k - 1)! / n!, which is 1 / (n * C(n - 1, k)).
  std::vector<double> weight(n);
  double choose = 1;
  for (size_t k = 0; k < n; ++k) {
    weight[k] = 1 / (static_cast<double>(n) * choose);
    choose = choose * static_cast<double>(n - 1 - k) / static_cast<double>(k + 1);
  }
  std::vector<double> out(n, 0);
  for (size_t s = 0; s < all; ++s) {
    const auto size = static_cast<size_t>(std::popcount(s));
    for (size_t i = 0; i < n; ++i)
      if ((s >> i & 1) == 0) out[i] += weight[size] * (value[s | size_t{1} << i] - value[s]);
  }
  return out;
}

Shapley shapley_sampled(const SetFunction& worth, int64_t players, int64_t permutations, uint64_t seed) {
  check_players("shapley_sampled", players, 1'000'000);
  if (permutations < 1) fail("shapley_sampled", "{} permutations: give at least 1", permutations);
  const auto n = static_cast<size_t>(players);
  const auto pairs = static_cast<size_t>((permutations + 1) / 2);
  const Rng rng(seed, "shapley");

  std::vector<uint8_t> ends(2 * n, 0);
  std::fill(ends.begin() + static_cast<std::ptrdiff_t>(n), ends.end(), uint8_t{1});
  const std::vector<double> end = asked("shapley_sampled", worth, ends, players);

  std::vector<double> sum(n, 0), squares(n, 0);
  for (size_t pair = 0; pair < pairs; ++pair) {
    Rng draw = rng.split(pair);
    std::vector<int64_t> order = draw.permutation(players);
    std::vector<double> share(n, 0);
    for (int way = 0; way < 2; ++way) {
      // Coalitions of the first 1 … n-1 players; none and all are known.
      std::vector<uint8_t> coalitions((n - 1) * n, 0);
      for (size_t k = 0; k + 1 < n; ++k)
        for (size_t i = 0; i <= k; ++i) coalitions[k * n + static_cast<size_t>(order[i])] = 1;
      std::vector<double> value = n > 1 ? asked("shapley_sampled", worth, coalitions, players) : std::vector<double>{};
      value.push_back(end[1]);
      double before = end[0];
      for (size_t k = 0; k < n; ++k) {
        share[static_cast<size_t>(order[k])] += (value[k] - before) / 2;
        before = value[k];
      }
      std::ranges::reverse(order);
    }
    for (size_t i = 0; i < n; ++i) {
      sum[i] += share[i];
      squares[i] += share[i] * share[i];
    }
  }
  Shapley out;
  const auto count = static_cast<double>(pairs);
  for (size_t i = 0; i < n; ++i) {
    const double mean = sum[i] / count;
    out.values.push_back(mean);
    const double variance = pairs > 1 ? std::max(squares[i] / count - mean * mean, 0.0) * count / (count - 1) : 0;
    out.errors.push_back(std::sqrt(variance / count));
  }
  return out;
}

}  // namespace tandem::people
