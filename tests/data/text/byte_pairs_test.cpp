// Byte pairs on vocabularies of a few merges: which pair is joined first, and merges that cannot be.
#include <tandem/data/text/byte_pairs.h>

#include <algorithm>

#include "tests/testing.h"

namespace tandem::data {
namespace {

using tandem::testing::expect_error;
using Ids = std::vector<int32_t>;
using Texts = std::vector<std::string>;

Texts all_bytes() {
  Texts out;
  for (int byte = 0; byte < 256; ++byte) out.emplace_back(1, static_cast<char>(byte));
  return out;
}

/// The pieces that a text is cut into by these merges, the first ones first.
Texts cut(const std::string& text, const std::vector<std::pair<std::string, std::string>>& merges) {
  Texts pieces = all_bytes(), out;
  Ids pairs, ids;
  for (const auto& [left, right] : merges) {
    for (const std::string& part : {left, right})
      pairs.push_back(static_cast<int32_t>(std::ranges::find(pieces, part) - pieces.begin()));
    pieces.push_back(left + right);
  }
  BytePairs(pieces, pairs, "v").encode(text, ids);
  for (const int32_t id : ids) out.push_back(pieces[static_cast<size_t>(id)]);
  return out;
}

TEST(BytePairs, ThePairOfLowestRankIsJoinedFirst) {
  EXPECT_EQ(cut("abc", {}), (Texts{"a", "b", "c"}));
  EXPECT_EQ(cut("abc", {{"a", "b"}, {"b", "c"}}), (Texts{"ab", "c"}));
  EXPECT_EQ(cut("abc", {{"b", "c"}, {"a", "b"}}), (Texts{"a", "bc"}));
  EXPECT_EQ(cut("aaaaa", {{"a", "a"}}), (Texts{"aa", "aa", "a"})) << "of equal ones the first";
  EXPECT_EQ(cut("thea", {{"t", "h"}, {"th", "e"}, {"e", "a"}}), (Texts{"the", "a"}));
  // A pair that was there at first has become another, or the end of the word.
  EXPECT_EQ(cut("abc", {{"b", "c"}, {"a", "b"}, {"a", "bc"}}), (Texts{"abc"}));
  EXPECT_EQ(cut("abc", {{"b", "c"}, {"a", "bc"}, {"a", "b"}}), (Texts{"abc"}));
}

TEST(BytePairs, RefusesMergesOfNoPiece) {
  const auto refused = [](const Texts& pieces, const Ids& merges, const Texts& parts) {
    expect_error(ErrorKind::data, parts, [&] { (void)BytePairs(pieces, merges, "v.json"); });
  };
  refused(all_bytes(), {0, -1}, {"v.json", "merge 0 is of token -1, the vocabulary has 256"});
  refused(all_bytes(), {256, 0}, {"merge 0 is of token 256"});
  refused(all_bytes(), {'a', 'b'}, {"merge 0 makes 'ab', which is not in the vocabulary"});
  refused({"a"}, {}, {"the vocabulary lacks byte 0x00"});
}

}  // namespace
}  // namespace tandem::data
