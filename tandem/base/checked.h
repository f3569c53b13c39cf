// Integer arithmetic that refuses to overflow: sizes from files and recipes go through here.
#pragma once
#include <tandem/base/error.h>

#include <cstdint>

namespace tandem {

/// a * b; throws a data error naming `what` on overflow or a negative factor.
[[nodiscard]] inline int64_t checked_mul(int64_t a, int64_t b, std::string_view what) {
  int64_t product = 0;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product))
    fail(ErrorKind::data, what, "size {} x {} is negative or too large", a, b);
  return product;
}

/// a + b; throws a data error naming `what` on overflow or a negative term.
[[nodiscard]] inline int64_t checked_add(int64_t a, int64_t b, std::string_view what) {
  int64_t sum = 0;
  if (a < 0 || b < 0 || __builtin_add_overflow(a, b, &sum))
    fail(ErrorKind::data, what, "size {} + {} is negative or too large", a, b);
  return sum;
}

}  // namespace tandem
