#include "tests/testing.h"

#include <gtest/gtest.h>
#include <tandem/tensor/tensor.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <thread>

namespace tandem::testing {
namespace {

TEST(Shape, SizesAndText) {
  const Shape s{2, 3, 4};
  EXPECT_EQ(s.rank(), 3);
  EXPECT_EQ(s.numel(), 24);
  EXPECT_EQ(s[-1], 4);
  EXPECT_EQ(s.product(1, 3), 12);
  EXPECT_EQ(s.product(1, 1), 1);
  EXPECT_EQ(s.str(), "(2, 3, 4)");
  EXPECT_EQ(Shape{}.str(), "()");
  EXPECT_EQ(Shape{}.numel(), 1);
  EXPECT_EQ((Shape{2, 0}.numel()), 0);
}

TEST(Shape, Changes) {
  const Shape s{2, 3, 4};
  EXPECT_EQ(s.with(-1, 7), (Shape{2, 3, 7}));
  EXPECT_EQ(s.without(0), (Shape{3, 4}));
  EXPECT_EQ(s.without(-1), (Shape{2, 3}));
  EXPECT_EQ(s.inserted(0, 5), (Shape{5, 2, 3, 4}));
  EXPECT_EQ(s.inserted(-1, 5), (Shape{2, 3, 4, 5}));
  EXPECT_NE(s, (Shape{2, 3}));
  EXPECT_NE((Shape{1}), Shape{});
}

TEST(Shape, RefusesWhatCannotBe) {
  expect_error(ErrorKind::usage, {"shape: axis 1 has size -1: sizes are 0 or more"}, [] { Shape{2, -1}; });
  expect_error(ErrorKind::usage, {"shape: 7 axes given, at most 6 are possible"}, [] { Shape{1, 1, 1, 1, 1, 1, 1}; });
  const int64_t big = int64_t{1} << 40;
  expect_error(ErrorKind::data, {"too large"}, [=] { Shape{big, big}; });
  expect_error(ErrorKind::data, {"too large"}, [=] { Shape{0, big, big}; });
  expect_error(ErrorKind::usage, {"shape: 7 axes given, at most 6 are possible"}, [] {
    static_cast<void>(Shape{1, 1, 1, 1, 1, 1}.inserted(0, 1));
  });
  expect_error(ErrorKind::usage, {"here: axis 2 is out of range for shape (2, 3)"}, [] {
    static_cast<void>(axis_of("here", {2, 3}, 2));
  });
  EXPECT_EQ(axis_of("here", {2, 3}, -2), 0);
}

TEST(Tensor, MakesAndReads) {
  const Tensor t = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_TRUE(t.defined());
  EXPECT_EQ(t.dtype(), DType::f32);
  EXPECT_EQ(t.size(-1), 3);
  EXPECT_EQ(t.at(4), 5);
  EXPECT_EQ(t.byte_count(), 24U);
  EXPECT_EQ(Tensor::full({}, 2.5).item(), 2.5);
  EXPECT_EQ(Tensor::zeros({3}, DType::i32).at(2), 0);
  EXPECT_FALSE(Tensor{}.defined());
  EXPECT_EQ(Tensor::empty({0, 4}).data<float>().size(), 0U);
  for (const DType type : {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8})
    EXPECT_EQ(Tensor::full({2}, 3, type).at(1), 3) << name_of(type);
}

TEST(Tensor, CopiesShareAndClonesDoNot) {
  const Tensor t = Tensor::zeros({2, 2}), copy = t, clone = t.clone();
  t.data<float>()[0] = 7;
  EXPECT_EQ(copy.at(0), 7);
  EXPECT_EQ(clone.at(0), 0);
  EXPECT_EQ(t.view({4}).at(0), 7);
  const Tensor second = t.rows(1, 2);
  EXPECT_EQ(second.shape(), (Shape{1, 2}));
  second.data<float>()[1] = 9;
  EXPECT_EQ(t.at(3), 9);
  EXPECT_EQ(second.clone().at(1), 9);
  EXPECT_EQ(second.view({2}).at(1), 9);
  EXPECT_EQ(t.rows(1, 1).numel(), 0);
  EXPECT_FALSE(Tensor{}.clone().defined());
}

TEST(Tensor, ConvertsTypes) {
  const Tensor t = Tensor::from(std::vector<double>{-1.7, 0.3, 2.9}, {3});
  EXPECT_EQ(t.to(DType::i32).at(0), -1);
  EXPECT_EQ(t.to(DType::i64).at(2), 2);
  EXPECT_EQ(t.to(DType::f32).at(1), static_cast<double>(0.3F));
  EXPECT_EQ(t.to(DType::f64).bytes(), t.bytes());
}

TEST(Tensor, BFloat16RoundsToTheNearest) {
  const auto rounded = [](float x) { return static_cast<float>(BFloat16(x)); };
  for (const float same : {0.0F, -0.0F, 1.0F, -3.5F, 0x1.FEp127F, 0x1p-126F, INFINITY, -INFINITY}) {
    EXPECT_EQ(rounded(same), same);
    EXPECT_EQ(std::signbit(rounded(same)), std::signbit(same));
  }
  EXPECT_EQ(rounded(1 + 0x1p-8F), 1.0F) << "in the middle: to the even one";
  EXPECT_EQ(rounded(1 + 0x3p-8F), 1 + 0x2p-7F) << "in the middle: to the even one";
  EXPECT_EQ(rounded(1 + 0x1.01p-8F), 1 + 0x1p-7F);
  EXPECT_EQ(rounded(0x1.FFFFFEp127F), INFINITY) << "as float does beyond its range";
  EXPECT_TRUE(std::isnan(rounded(NAN)));
  EXPECT_TRUE(std::isnan(rounded(std::bit_cast<float>(0x7f80'0001U))))
      << "a NaN whose digits are all in the lower half";

  const Tensor t = Tensor::from(std::vector<float>{1.00390625F, -2.5F, 300}, {3}).to(DType::bf16);
  EXPECT_EQ(t.byte_count(), 6U);
  EXPECT_EQ(t.at(0), 1);
  EXPECT_EQ(t.to(DType::f64).at(1), -2.5);
  EXPECT_EQ(t.to(DType::u8).at(2), 255);
  EXPECT_EQ(Tensor::full({2}, 0.1, DType::bf16).at(1), 0.10009765625);
}

// C++ leaves these conversions undefined; a picture of predicted numbers must not depend on that.
TEST(Tensor, ConversionsEndAtTheRange) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  const Tensor t = Tensor::from(std::vector<double>{-3, 300, inf, -inf, NAN, 1e19}, {6});
  const auto all = [](const Tensor& x) {
    std::vector<double> out;
    for (int64_t i = 0; i < x.numel(); ++i) out.push_back(x.at(i));
    return out;
  };
  EXPECT_EQ(all(t.to(DType::u8)), (std::vector<double>{0, 255, 255, 0, 0, 255}));
  EXPECT_EQ(all(t.to(DType::f32).to(DType::u8)), (std::vector<double>{0, 255, 255, 0, 0, 255}));
  const double i32 = std::numeric_limits<int32_t>::max();
  EXPECT_EQ(all(t.to(DType::i32)), (std::vector<double>{-3, 300, i32, -i32 - 1, 0, i32}));
  EXPECT_EQ(all(t.to(DType::f32).to(DType::i32)), (std::vector<double>{-3, 300, i32, -i32 - 1, 0, i32}));
  EXPECT_EQ(t.to(DType::i64).data<int64_t>()[2], std::numeric_limits<int64_t>::max());
  EXPECT_EQ(t.to(DType::i64).data<int64_t>()[3], std::numeric_limits<int64_t>::min());
  const Tensor whole = Tensor::from(std::vector<int64_t>{-1, 256, 7}, {3});
  EXPECT_EQ(all(whole.to(DType::u8)), (std::vector<double>{0, 255, 7}));
  EXPECT_EQ(Tensor::full({1}, -5, DType::u8).at(0), 0);
}

TEST(Tensor, SaysWhatIsWrong) {
  const Tensor t = Tensor::zeros({2, 3});
  expect_error(ErrorKind::usage, {"item: needs exactly one element, got shape (2, 3)"},
               [&] { static_cast<void>(t.item()); });
  expect_error(ErrorKind::usage, {"item: needs exactly one element, got shape ()"},
               [&] { static_cast<void>(Tensor{}.item()); });
  expect_error(ErrorKind::usage, {"at: element 6 is out of range for shape (2, 3)"},
               [&] { static_cast<void>(t.at(6)); });
  expect_error(ErrorKind::usage, {"tensor: holds float32, asked for float64"},
               [&] { static_cast<void>(t.data<double>()); });
  expect_error(ErrorKind::usage, {"tensor: has no data: it was never given a value"},
               [&] { static_cast<void>(Tensor{}.data<float>()); });
  expect_error(ErrorKind::usage, {"view: shape (2, 3) has 6 elements, (5) has 5"},
               [&] { static_cast<void>(t.view({5})); });
  expect_error(ErrorKind::usage, {"rows: range 1 to 3 is not inside the first axis of shape (2, 3)"},
               [&] { static_cast<void>(t.rows(1, 3)); });
  expect_error(ErrorKind::usage, {"size: axis 2 is out of range for shape (2, 3)"},
               [&] { static_cast<void>(t.size(2)); });
  expect_error(ErrorKind::usage, {"tensor: 1 values given for shape (2), which has 2"},
               [&] { static_cast<void>(Tensor::from(std::vector<float>{1}, {2})); });
}

// 2^61 doubles are 2^64 bytes: the product must not wrap to a small block.
TEST(Tensor, TooLargeIsAnErrorNotASmallBlock) {
  expect_error(ErrorKind::data, {"too large"},
               [] { static_cast<void>(Tensor::empty({int64_t{1} << 61}, DType::f64)); });
  expect_error(ErrorKind::data, {"too large"},
               [] { static_cast<void>(Tensor::empty({int64_t{1} << 62}, DType::f32)); });
  expect_error(ErrorKind::usage, {"(1125899906842624)", "this machine has"},
               [] { static_cast<void>(Tensor::empty({int64_t{1} << 50}, DType::f32)); });
}

TEST(Memory, BlocksAreAlignedCountedAndReturned) {
  const MemoryUse before = memory_use();
  {
    std::vector<Block> blocks;
    for (const size_t bytes : {0U, 1U, 64U, 65U, 1000U, 4097U, 3U << 20}) {
      blocks.emplace_back(bytes);
      ASSERT_NE(blocks.back().data(), nullptr);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(blocks.back().data()) % 64, 0U) << bytes;
      std::fill_n(blocks.back().as<char>(), bytes, 'x');
    }
    EXPECT_GE(memory_use().now, before.now + (3U << 20) + 5900);
    EXPECT_LE(memory_use().now, before.now + (3U << 20) * 9 / 8 + 8000) << "more than an eighth is wasted";
    EXPECT_GE(memory_use().peak, memory_use().now);
    Block moved = std::move(blocks[4]);
    EXPECT_EQ(blocks[4].data(), nullptr);
    blocks[0] = std::move(moved);
  }
  EXPECT_EQ(memory_use().now, before.now);
  trim_memory_pool();
  EXPECT_EQ(memory_use().now, before.now);
}

TEST(Memory, ThreadsTakeAndReturn) {
  const size_t before = memory_use().now;
  std::vector<std::thread> workers;
  for (int i = 0; i < 4; ++i)
    workers.emplace_back([] {
      for (size_t n = 0; n < 2000; ++n) {
        const Block block(n % 700 * 16);
        std::fill_n(block.as<char>(), n % 700, 'x');
      }
    });
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(memory_use().now, before);
}

}  // namespace
}  // namespace tandem::testing
