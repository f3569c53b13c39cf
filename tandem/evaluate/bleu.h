// How near translations are to those of people: BLEU (Papineni et al. 2002) with the numbers of sacreBLEU (Post 2018).
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::evaluate {

struct BleuOptions {
  bool lower = false;    // capitals count as small letters
  bool tokenize = true;  // false: cut at blanks alone, for text that was cut before
};

struct Bleu {
  double score = 0;                       // 0 to 100
  std::array<double, 4> precisions{};     // of 1- to 4-grams, in percent
  double brevity = 1;                     // penalty for translations that are too short
  int64_t length = 0, reference_length = 0;  // in tokens
};

/// Of a corpus: references[i] are one or more good translations of what translations[i] translates. Exponential
/// smoothing, as sacreBLEU's corpus_bleu by default. Throws a usage error when the numbers differ or one has none.
[[nodiscard]] Bleu bleu(const std::vector<std::string>& translations,
                        const std::vector<std::vector<std::string>>& references, const BleuOptions& options = {});

/// The words that BLEU counts, as mteval-v13a cuts them.
[[nodiscard]] std::vector<std::string> tokenize_13a(std::string_view text);

}  // namespace tandem::evaluate
