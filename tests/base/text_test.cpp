#include <tandem/base/checked.h>
#include <tandem/base/text.h>

#include <limits>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

TEST(Text, NearestName) {
  const std::vector<std::string> names{"epochs", "batch", "early_stopping", "keep"};
  EXPECT_EQ(nearest_name("epoch", names), "epochs");
  EXPECT_EQ(nearest_name("EPOCHS", names), "epochs");
  EXPECT_EQ(nearest_name("batchs", names), "batch");
  EXPECT_EQ(nearest_name("earlystoping", names), "early_stopping");
  EXPECT_EQ(nearest_name("kepe", names), "keep") << "two changes are near for a short name";
  EXPECT_EQ(nearest_name("momentum", names), "");
  EXPECT_EQ(nearest_name("epochs", {}), "");
  EXPECT_EQ(nearest_name("lr", {"at", "lr"}), "lr") << "the least distance wins, not the first";
}

TEST(Text, FirstInvalidUtf8) {
  for (const std::string good :
       {"", "plain", "caf\xc3\xa9", "\xe4\xb8\xad\xe6\x96\x87", "\xf0\x9f\x99\x82", "\xf4\x8f\xbf\xbf"})
    EXPECT_EQ(first_invalid_utf8(good), good.size());
  for (const std::string bad : {"\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                                "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\x80", "\xe4\xb8", "\xc3", "\xff"})
    EXPECT_EQ(first_invalid_utf8("ok " + bad + "!"), 3U) << bad;
}

TEST(Text, JoinAndGrouped) {
  EXPECT_EQ(join({}), "");
  EXPECT_EQ(join({"a"}), "a");
  EXPECT_EQ(join({"a", "b", "c"}), "a, b, c");
  EXPECT_EQ(join({"3", "4"}, " x "), "3 x 4");
  EXPECT_EQ(join({"", "b"}), ", b");
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(-1234567), "-1,234,567");
  EXPECT_EQ(grouped(std::numeric_limits<int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(Checked, RefusesOverflowAndNegatives) {
  constexpr int64_t most = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(checked_mul(3, 4, "x"), 12);
  EXPECT_EQ(checked_mul(most, 1, "x"), most);
  EXPECT_EQ(checked_mul(0, most, "x"), 0);
  EXPECT_EQ(checked_add(most - 1, 1, "x"), most);
  expect_error(ErrorKind::data, {"rows", "too large"}, [] { (void)checked_mul(most, 2, "rows"); });
  expect_error(ErrorKind::data, {"rows", "-1 x 2", "negative"}, [] { (void)checked_mul(-1, 2, "rows"); });
  expect_error(ErrorKind::data, {"negative"}, [] { (void)checked_mul(-1, -1, "rows"); });
  expect_error(ErrorKind::data, {"rows", "too large"}, [] { (void)checked_add(most, 1, "rows"); });
  expect_error(ErrorKind::data, {"negative"}, [] { (void)checked_add(5, -1, "rows"); });
}

TEST(Errors, ExitCodes) {
  EXPECT_EQ(exit_code(ErrorKind::usage), 2);
  EXPECT_EQ(exit_code(ErrorKind::data), 3);
  EXPECT_EQ(exit_code(ErrorKind::file), 3);
  EXPECT_EQ(exit_code(ErrorKind::numeric), 1);
  EXPECT_EQ(exit_code(ErrorKind::internal), 1);
  expect_error(ErrorKind::usage, {"conv: 3 and four"}, [] { fail("conv", "{} and {}", 3, "four"); });
}

}  // namespace
}  // namespace tandem::testing
