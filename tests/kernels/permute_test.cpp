// Axes in another order for every size of an item, against an index worked out for each.
#include <gtest/gtest.h>
#include <tandem/base/threads.h>
#include <tandem/kernels/permute.h>

#include <cstring>

#include "tests/kernels/testing.h"

namespace tandem::testing {
namespace {

template <class T>
std::vector<T> numbered(int64_t n) {
  std::vector<T> v(static_cast<size_t>(n));
  for (size_t i = 0; i < v.size(); ++i) v[i] = static_cast<T>(i * 2654435761U >> 3);
  return v;
}

template <class T>
std::vector<T> plain(const Shape& shape, const std::vector<int>& order, const std::vector<T>& from) {
  std::vector<T> to(from.size());
  for (int64_t i = 0; i < shape.numel(); ++i) {
    int64_t into = 0;
    for (const int axis : order) {
      const int64_t at = i / shape.product(axis + 1, shape.rank()) % shape[axis];
      into = into * shape[axis] + at;
    }
    to[static_cast<size_t>(into)] = from[static_cast<size_t>(i)];
  }
  return to;
}

template <class T>
void expect_permuted(const Shape& shape, const std::vector<int>& order) {
  const std::vector<T> from = numbered<T>(shape.numel());
  std::vector<T> to(from.size());
  kernels::permute(sizeof(T), shape, order, from.data(), to.data());
  EXPECT_EQ(to, plain(shape, order, from)) << sizeof(T) << " bytes, " << shape.rank() << " axes";
}

TEST(KernelPermute, AgreesWithThePlainIndex) {
  const std::vector<std::pair<Shape, std::vector<int>>> list{{{4, 4}, {1, 0}},
                                                             {{5, 7}, {1, 0}},
                                                             {{67, 131}, {1, 0}},
                                                             {{700, 90}, {1, 0}},
                                                             {{3, 10, 10, 10}, {0, 3, 1, 2}},
                                                             {{3, 10, 6, 5}, {0, 2, 3, 1}},
                                                             {{8, 5, 6, 7}, {3, 1, 0, 2}},
                                                             {{8, 5, 6, 7}, {1, 0, 2, 3}},
                                                             {{8, 5, 6, 7}, {2, 1, 0, 3}},
                                                             {{40, 50, 60}, {0, 2, 1}},
                                                             {{40, 50, 60}, {2, 0, 1}},
                                                             {{2, 3, 4, 5, 6, 7}, {5, 0, 4, 1, 3, 2}},
                                                             {{1, 9, 1}, {2, 1, 0}},
                                                             {{1, 1}, {1, 0}},
                                                             {{0, 3}, {1, 0}}};
  for (const auto& [shape, order] : list) {
    expect_permuted<uint8_t>(shape, order);
    expect_permuted<uint16_t>(shape, order);
    expect_permuted<uint32_t>(shape, order);
    expect_permuted<uint64_t>(shape, order);
  }
}

}  // namespace
}  // namespace tandem::testing
