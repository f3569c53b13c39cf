#include <tandem/ops/cast.h>

#include "tests/ops/table.h"

namespace tandem::testing {
namespace {

// To the type itself, so that every type under test passes; tests/tensor holds the roundings of single numbers.
std::vector<Case> cases(const std::function<Tensor(const Tensor&)>& call) {
  return pointwise_cases("", uniform(-100, 100), call, [](double x) { return x; });
}

}  // namespace

std::vector<Row> cast_rows() {
  return {{"cast",
           {0, 0, 0, 0, 0, 0},
           "the same numbers",
           cases([](const Tensor& x) { return cast(x, x.dtype()); }),
           {{0}, {}, "the numbers are bfloat16 before, and so is the gradient"}},
          {"widened",
           {0, 0, 0, 0, 0, 0},
           "the same numbers",
           cases(widened),
           {{0}, {0, one_rounding}, "exact forward; the gradient is rounded on its way back"}}};
}

}  // namespace tandem::testing
