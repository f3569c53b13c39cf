#include <tandem/base/random.h>

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace tandem {
namespace {

uint64_t hash(std::string_view text) {  // FNV-1a
  uint64_t h = 0xcbf29ce484222325ULL;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return h;
}

}  // namespace

Rng::Rng(uint64_t seed, std::string_view stream) : key(random_bits(seed, hash(stream))) {}

Rng Rng::split(std::string_view stream) const { return split(hash(stream)); }

Rng Rng::split(uint64_t index) const {
  Rng child;
  child.key = random_bits(key ^ 0x5851f42d4c957f2dULL, index);
  return child;
}

double Rng::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

int64_t Rng::below(int64_t n) {
  // Multiply-shift; the bias is below n / 2^64.
  return static_cast<int64_t>((static_cast<unsigned __int128>(bits()) * static_cast<uint64_t>(n)) >> 64);
}

std::vector<int64_t> Rng::permutation(int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = n - 1; i > 0; --i)
    std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(below(i + 1))]);
  return order;
}

}  // namespace tandem
