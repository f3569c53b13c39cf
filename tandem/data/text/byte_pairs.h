// Byte-level pair encoding, as GPT-2 has it (Radford et al. 2019): no text is unknown, since every byte is a token.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tandem::data {

/// What no merge reaches across: 's and its like, letters, digits or symbols with one blank before them, blanks.
[[nodiscard]] std::vector<std::string_view> split_as_gpt2(std::string_view text);

class BytePairs {
 public:
  /// `pieces`: the bytes of each id. `merges`: the ids of two pieces that become one, pair after pair, the first ones
  /// first. Throws a data error naming `where` when a byte is no piece, or a merge gives none.
  BytePairs(const std::vector<std::string>& pieces, std::span<const int32_t> merges, const std::string& where);
  /// Adds the tokens of UTF-8 text. Their bytes together are the text.
  void encode(std::string_view text, std::vector<int32_t>& ids) const;

 private:
  struct Merge {
    int32_t rank = 0, id = 0;
  };
  [[nodiscard]] const Merge* merge_of(int32_t left, int32_t right) const;
  void encode_word(std::string_view word, std::vector<int32_t>& ids) const;

  std::array<int32_t, 256> bytes_{};
  std::unordered_map<uint64_t, Merge> merges_;  // by both ids
};

}  // namespace tandem::data
