// TANDEM_ISA. The whole program runs once for each value of it: see tests/CMakeLists.txt.
#include <gtest/gtest.h>
#include <tandem/base/error.h>
#include <tandem/kernels/elementwise.h>
#include <tandem/kernels/isa.h>
#include <tandem/kernels/matmul.h>

#include <cstdlib>
#include <iostream>

namespace tandem::testing {
namespace {

using namespace kernels;

std::string wish() {
  const char* text = std::getenv("TANDEM_ISA");
  return text ? text : "";
}

// Where the processor cannot do what TANDEM_ISA asks for, every test is skipped, and ctest says so.
class IsaIsThere : public ::testing::Environment {
 public:
  void SetUp() override {
    if (wish() == "avx512" && !__builtin_cpu_supports("avx512bw"))
      GTEST_SKIP() << "TANDEM_ISA=avx512: this processor has no AVX-512";
  }
};
[[maybe_unused]] const auto* const isa_is_there = ::testing::AddGlobalTestEnvironment(new IsaIsThere);

TEST(KernelIsa, IsTheOneAskedFor) {
  if (wish() == "avx2") {
    EXPECT_EQ(isa_name(), "AVX2");
  } else if (wish() == "avx512") {
    EXPECT_EQ(isa_name(), "AVX-512");
  } else {
    EXPECT_EQ(isa_name(), __builtin_cpu_supports("avx512bw") ? "AVX-512" : "AVX2");
  }
  EXPECT_TRUE(cpu_supported());
}

// In a fresh process, the first kernel of either kind must see the limit: a wrong value shows whether it does.
template <class Fn>
[[noreturn]] void first_kernel(Fn&& kernel) {
  setenv("TANDEM_ISA", "mmx", 1);
  try {
    kernel();
    std::cerr << "the limit was not read";
  } catch (const Error& error) {
    std::cerr << error.what();
  }
  std::exit(3);
}

using KernelIsaDeathTest = ::testing::Test;

TEST(KernelIsaDeathTest, EveryFirstKernelReadsTheLimit) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const char* says = "TANDEM_ISA: is 'mmx', expected avx2 or avx512";
  std::vector<float> x{1};
  const Shape one{1};
  EXPECT_EXIT(first_kernel([&] { unary(Unary::neg, 0, x, x); }), ::testing::ExitedWithCode(3), says);
  EXPECT_EXIT(first_kernel([&] { unary_grad(Unary::neg, 0, x, x, x); }), ::testing::ExitedWithCode(3), says);
  EXPECT_EXIT(first_kernel([&] { binary(Binary::add, x, x, x); }), ::testing::ExitedWithCode(3), says);
  EXPECT_EXIT(first_kernel([&] { binary(Binary::add, x, one, x, one, x, one); }), ::testing::ExitedWithCode(3), says);
  EXPECT_EXIT(first_kernel([&] { matmul({1, 1, 1}, x, x, {}, x); }), ::testing::ExitedWithCode(3), says);
  EXPECT_EXIT(first_kernel([&] { static_cast<void>(isa_name()); }), ::testing::ExitedWithCode(3), says);
}

}  // namespace
}  // namespace tandem::testing
