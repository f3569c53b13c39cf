// Named, counter-based random streams: the n-th number of a stream depends on seed, name and n alone, so any thread may
// draw any part of it and a resumed run continues where it stopped.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace tandem {

/// One 64-bit number: a bijective mix of the counter under a key (two rounds of the SplitMix64 finaliser).
[[nodiscard]] inline uint64_t random_bits(uint64_t key, uint64_t counter) noexcept {
  auto mix = [](uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  };
  return mix(mix(counter * 0x9e3779b97f4a7c15ULL ^ key) + key);
}

/// A stream: a value of 16 bytes, copied and saved freely.
struct Rng {
  uint64_t key = 0;
  uint64_t counter = 0;

  Rng() = default;
  Rng(uint64_t seed, std::string_view stream);

  /// An independent stream derived from this one's key (not from its position).
  [[nodiscard]] Rng split(std::string_view stream) const;
  [[nodiscard]] Rng split(uint64_t index) const;

  uint64_t bits() { return random_bits(key, counter++); }
  /// Uniform in [0, 1), 53 bits.
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Standard normal (Box-Muller; two draws a number, so that the counter stays simple).
  double normal();
  /// Uniform integer in [0, n); n > 0.
  int64_t below(int64_t n);
  bool chance(double probability) { return uniform() < probability; }
  /// A permutation of 0 … n-1 (Fisher-Yates).
  std::vector<int64_t> permutation(int64_t n);
};

}  // namespace tandem
