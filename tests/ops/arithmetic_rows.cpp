#include <tandem/ops/arithmetic.h>

#include <cmath>

#include "tests/ops/table.h"

namespace tandem::testing {
namespace {

using Tensors = std::vector<Tensor>;
using Arrays = std::vector<Array>;
using Function = std::function<double(double, double)>;

// Element by element with NumPy's rule, written out by division and remainder.
Array broadcast(const Array& a, const Array& b, const Function& f) {
  const int rank = std::max(a.shape.rank(), b.shape.rank());
  std::vector<int64_t> sizes(static_cast<size_t>(rank));
  const auto padded = [&](const Shape& s, int axis) {
    return axis < rank - s.rank() ? 1 : s[axis - (rank - s.rank())];
  };
  for (int axis = 0; axis < rank; ++axis) {
    const int64_t an = padded(a.shape, axis), bn = padded(b.shape, axis);
    sizes[static_cast<size_t>(axis)] = an == 1 ? bn : an;
  }
  Array out{Shape(sizes)};
  for (int64_t i = 0; i < out.shape.numel(); ++i) {
    int64_t rest = i, a_at = 0, b_at = 0, a_stride = 1, b_stride = 1;
    for (int axis = rank - 1; axis >= 0; --axis) {
      const int64_t at = rest % sizes[static_cast<size_t>(axis)], an = padded(a.shape, axis),
                    bn = padded(b.shape, axis);
      rest /= sizes[static_cast<size_t>(axis)];
      a_at += (an == 1 ? 0 : at) * a_stride, b_at += (bn == 1 ? 0 : at) * b_stride;
      a_stride *= an, b_stride *= bn;
    }
    out.v[static_cast<size_t>(i)] = f(a.v[static_cast<size_t>(a_at)], b.v[static_cast<size_t>(b_at)]);
  }
  return out;
}

std::vector<Case> binary_cases(const std::function<Tensor(const Tensor&, const Tensor&)>& call, const Function& f,
                               const Draw& left, const Draw& right, bool twice = true) {
  std::vector<std::pair<Shape, Shape>> pairs;
  for (const int64_t n : awkward_sizes) pairs.emplace_back(Shape{n}, Shape{n});
  const std::vector<std::pair<Shape, Shape>> broadcasts{{{}, {}},
                                                        {{}, {5}},
                                                        {{17}, {}},
                                                        {{1}, {0}},
                                                        {{3, 1}, {0}},
                                                        {{1, 3}, {0, 3}},
                                                        {{2, 3}, {3}},
                                                        {{3}, {2, 3}},
                                                        {{4, 1}, {1, 5}},
                                                        {{4, 1}, {4, 33}},
                                                        {{2, 1, 16}, {2, 7, 16}},
                                                        {{2, 7, 16}, {7, 1}},
                                                        {{5, 1, 3, 1}, {1, 4, 1, 2}},
                                                        {{2, 3, 4, 5}, {3, 1, 5}},
                                                        {{1, 1, 1}, {17}},
                                                        {{2, 1, 2, 1, 2, 3}, {2, 2, 2, 3}},
                                                        {{many}, {many}},
                                                        {{many}, {1}},
                                                        {{1}, {many}},
                                                        {{259, 271}, {271}},
                                                        {{259, 271}, {259, 1}},
                                                        {{3, 25000}, {1, 25000}}};
  pairs.insert(pairs.end(), broadcasts.begin(), broadcasts.end());
  std::vector<Case> cases;
  for (const auto& [a, b] : pairs) {
    const int64_t smaller = std::max<int64_t>(1, std::min(a.numel(), b.numel()));
    const int64_t larger = broadcast(Array(a), Array(b), f).shape.numel();
    cases.push_back(
        {text(a) + "_" + text(b),
         {{a, left}, {b, right}},
         [=](const Tensors& in) { return call(in[0], in[1]); },
         [=](const Arrays& in) { return broadcast(in[0], in[1], f); },
         false,
         24,
         // of the gradient of the operand that was repeated
         larger == smaller ? 0 : 2 * std::sqrt(static_cast<double>(larger) / static_cast<double>(smaller))});
  }
  if (!twice) return cases;
  for (const int64_t n : {3, 17}) {
    Case same = cases[0];
    same.name = "same_" + std::to_string(n);
    same.inputs = {{{n}, right}, {{n}, right}};
    same.same_tensor = true;
    cases.push_back(same);
  }
  return cases;
}

Row unary(const std::string& name, double tolerance, const std::string& reason, const Draw& draw,
          Tensor (*call)(const Tensor&), double (*reference)(double)) {
  return {name, {tolerance, tolerance}, reason, pointwise_cases("", draw, call, reference)};
}

}  // namespace

std::vector<Row> arithmetic_rows() {
  using T = const Tensor&;
  const Draw any = uniform(-2, 2), apart = away_from_zero(2, 0.5);
  const double e = 6e-8;  // half of float's epsilon: one rounding
  const std::string once = "one rounding";
  const Tolerance rounded{e, 6 * e}, divided{e, 8 * e};
  const std::string sums = "forward is rounded once; gradients of broadcast operands are sums in pieces";

  std::vector<Row> rows;
  rows.push_back({"operator+",
                  rounded,
                  sums,
                  binary_cases([](T a, T b) { return a + b; }, std::plus<>(), any, any) +
                      pointwise_cases(
                          "with_number_", any, [](T a) { return a + 1.5; }, [](double a) { return a + 1.5; }) +
                      pointwise_cases(
                          "number_with_", any, [](T a) { return 1.5 + a; }, [](double a) { return 1.5 + a; }),
                  {{0, 1}, {one_rounding, one_rounding}, "results of one shape, and gradients, are rounded once"}});
  rows.push_back({"operator-", rounded, sums,
                  binary_cases([](T a, T b) { return a - b; }, std::minus<>(), any, any) +
                      pointwise_cases(
                          "with_number_", any, [](T a) { return a - 1.5; }, [](double a) { return a - 1.5; }) +
                      pointwise_cases(
                          "number_with_", any, [](T a) { return 1.5 - a; }, [](double a) { return 1.5 - a; }) +
                      pointwise_cases(
                          "negate_", any, [](T a) { return -a; }, std::negate<>())});
  rows.push_back({"operator*", rounded, sums,
                  binary_cases([](T a, T b) { return a * b; }, std::multiplies<>(), any, any) +
                      pointwise_cases(
                          "with_number_", any, [](T a) { return a * 1.5; }, [](double a) { return a * 1.5; }) +
                      pointwise_cases(
                          "number_with_", any, [](T a) { return -1.5 * a; }, [](double a) { return -1.5 * a; })});
  rows.push_back({"operator/", divided, sums,
                  binary_cases([](T a, T b) { return a / b; }, std::divides<>(), any, apart) +
                      pointwise_cases(
                          "with_number_", any, [](T a) { return a / 1.5; }, [](double a) { return a / 1.5; }) +
                      pointwise_cases(
                          "number_with_", apart, [](T a) { return 1.5 / a; }, [](double a) { return 1.5 / a; })});
  const auto larger = [](double a, double b) { return a > b ? a : b; };
  const auto smaller = [](double a, double b) { return a < b ? a : b; };
  rows.push_back({"maximum", rounded, sums, binary_cases(maximum, larger, distinct(), distinct(0.02))});
  rows.push_back({"minimum", rounded, sums, binary_cases(minimum, smaller, distinct(), distinct(0.02))});

  rows.push_back(
      unary("exp", 1.5e-7, "Highway's Exp is within 1 unit in the last place", uniform(-20, 4), exp, std::exp));
  // Near 1 the logarithm is small and keeps its relative accuracy.
  rows.push_back(
      unary("log", 3e-7, "Highway's Log is within 3 units in the last place", uniform(0.3, 30), log, std::log));
  rows.push_back(unary("sqrt", 1.2e-7, once, uniform(0.1, 4), sqrt, std::sqrt));
  rows.push_back(unary("abs", 0, "exact", away_from_zero(2), abs, std::abs));
  rows.push_back(unary("square", 1.2e-7, once, any, square, [](double x) { return x * x; }));
  rows.push_back(unary("reciprocal", 2.5e-7, once + " forward, three backward", apart, reciprocal,
                       [](double x) { return 1 / x; }));

  // The gradient of broadcasting by itself; not on the tape.
  Row sum_row{"sum_to", {5e-7, 0, 0, 16}, "sums of up to 257 numbers of both signs", {}};
  const std::vector<std::pair<Shape, Shape>> sums_to{{{2, 3}, {3}},       {{2, 3}, {2, 1}}, {{2, 3}, {}},
                                                     {{4, 2, 3}, {2, 1}}, {{0, 3}, {3}},    {{3, 3}, {3, 3}},
                                                     {{257, 300}, {300}}};
  for (const auto& [from, to] : sums_to)
    sum_row.cases.push_back({text(from) + "_to_" + text(to),
                             {{from, any, false}},
                             [to = to](const Tensors& in) { return sum_to(in[0], to); },
                             [to = to](const Arrays& in) {
                               // Where each element of the target is found in the source: a broadcast of positions.
                               Array out(to), position(to);
                               for (size_t i = 0; i < position.v.size(); ++i) position.v[i] = static_cast<double>(i);
                               const Array where = broadcast(in[0], position, [](double, double p) { return p; });
                               for (size_t i = 0; i < where.v.size(); ++i)
                                 out.v[static_cast<size_t>(where.v[i])] += in[0].v[i];
                               return out;
                             }});
  rows.push_back(sum_row);
  return rows;
}

}  // namespace tandem::testing
