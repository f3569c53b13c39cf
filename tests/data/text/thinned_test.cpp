#include <gtest/gtest.h>
#include <tandem/data/text/thinned.h>

namespace tandem::data {
namespace {

std::vector<int> kept(int texts, size_t most) {
  Thinned some(most);
  for (int i = 0; i < texts; ++i) some.add(std::string(10, static_cast<char>(i)));
  std::vector<int> out;
  for (const std::string& text : some.texts()) out.push_back(static_cast<unsigned char>(text[0]));
  return out;
}

TEST(Thinned, KeepsAllWhileThereIsRoomAndThenEvenlyLess) {
  EXPECT_EQ(kept(4, 40), (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(kept(5, 40), (std::vector<int>{0, 2, 4}));
  EXPECT_EQ(kept(7, 40), (std::vector<int>{0, 2, 4, 6}));
  EXPECT_EQ(kept(9, 40), (std::vector<int>{0, 4, 8}));
  EXPECT_EQ(kept(128, 40), (std::vector<int>{0, 32, 64, 96}));
  EXPECT_EQ(kept(3, 5), (std::vector<int>{0})) << "one stays, however long";
  EXPECT_EQ(kept(0, 5), (std::vector<int>{}));
}

}  // namespace
}  // namespace tandem::data
