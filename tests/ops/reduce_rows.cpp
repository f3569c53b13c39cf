#include <tandem/ops/reduce.h>

#include <algorithm>
#include <cmath>

#include "tests/ops/table.h"

namespace tandem::testing {
namespace {

using Fold = std::function<double(const std::vector<double>&)>;

double total(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x;
  return sum;
}
double average(const std::vector<double>& v) { return total(v) / static_cast<double>(v.size()); }
double largest(const std::vector<double>& v) { return *std::max_element(v.begin(), v.end()); }
double smallest(const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); }
double where_largest(const std::vector<double>& v) {
  return static_cast<double>(std::max_element(v.begin(), v.end()) - v.begin());
}

Array over_axis(const Array& x, int axis, bool keep, const Fold& fold) {
  const int a = axis < 0 ? axis + x.shape.rank() : axis;
  const int64_t n = x.shape[a], inner = x.shape.product(a + 1, x.shape.rank());
  Array y(keep ? x.shape.with(a, 1) : x.shape.without(a));
  for (int64_t o = 0; o < x.shape.product(0, a); ++o)
    for (int64_t j = 0; j < inner; ++j) {
      std::vector<double> line;
      for (int64_t i = 0; i < n; ++i) line.push_back(x.v[static_cast<size_t>((o * n + i) * inner + j)]);
      y.v[static_cast<size_t>(o * inner + j)] = fold(line);
    }
  return y;
}

struct Place {
  Shape shape;
  int axis;
};

// Lines of awkward lengths, as last, middle and first axis; none; and sizes that are cut into pieces.
std::vector<Place> places(bool empty_axis) {
  std::vector<Place> list{{{2, 3, 4}, -1}, {{2, 3, 4}, -3}, {{5}, 0},        {{0, 4}, 1},     {{many}, 0},
                          {{2, many}, 1},  {{many, 2}, 0},  {{300, 257}, 1}, {{300, 257}, 0}, {{3, 200, 129}, 1}};
  for (const int64_t n : awkward_sizes) {
    if (n == 0 && !empty_axis) continue;
    list.insert(list.end(), {{{3, n}, 1}, {{3, n, 2}, 1}, {{n, 5}, 0}});
  }
  return list;
}

std::vector<Case> axis_cases(
    const std::function<Tensor(const Tensor&, int, bool)>& call, const Fold& fold, const Draw& draw, bool empty_axis,
    bool gradient = true, const std::function<double(int64_t)>& terms = [](int64_t) { return 0.0; }) {
  std::vector<Case> cases;
  for (const auto& [shape, axis] : places(empty_axis))
    for (const bool keep : {false, true})
      cases.push_back(
          {text(shape) + (axis < 0 ? "_axis_m" : "_axis_") + std::to_string(std::abs(axis)) + (keep ? "_keep" : ""),
           {{shape, draw, gradient}},
           [=, axis = axis](const std::vector<Tensor>& in) { return call(in[0], axis, keep); },
           [=, axis = axis](const std::vector<Array>& in) { return over_axis(in[0], axis, keep, fold); },
           false,
           8,
           terms(shape[axis])});
  return cases;
}

void add_whole(std::vector<Case>& cases, const std::function<Tensor(const Tensor&)>& call, const Fold& fold, bool empty,
               const std::function<double(int64_t)>& terms) {
  for (const Shape& shape :
       {Shape{}, Shape{0}, Shape{1}, Shape{17}, Shape{2, 3, 4}, Shape{129, 3}, Shape{many}, Shape{300, 257}}) {
    if (shape.numel() == 0 && !empty) continue;
    cases.push_back({"all_" + text(shape),
                     {{shape}},
                     [call](const std::vector<Tensor>& in) { return call(in[0]); },
                     [fold](const std::vector<Array>& in) {
                       Array out(Shape{});
                       out.v[0] = fold(in[0].v);
                       return out;
                     },
                     false,
                     8,
                     terms(shape.numel())});
  }
}

}  // namespace

std::vector<Row> reduce_rows() {
  using T = const Tensor&;
  const std::string sums = "partial sums of n numbers of both signs are of size root n";
  const auto root = [](int64_t n) { return 2 * std::sqrt(static_cast<double>(n)); };
  const auto inverse_root = [](int64_t n) { return 2 / std::sqrt(static_cast<double>(n)); };
  Row sum_row{
      "sum",
      {5e-7, 1e-7},
      sums,
      axis_cases([](T x, int axis, bool keep) { return sum(x, axis, keep); }, total, uniform(-2, 2), true, true, root)};
  add_whole(
      sum_row.cases, [](T x) { return sum(x); }, total, true, root);
  Row mean_row{"mean",
               {5e-7, 2e-7},
               sums,
               axis_cases([](T x, int axis, bool keep) { return mean(x, axis, keep); }, average, uniform(-2, 2), false,
                          true, inverse_root)};
  add_whole(
      mean_row.cases, [](T x) { return mean(x); }, average, false, inverse_root);
  return {sum_row, mean_row,
          Row{"max", {0, 0, 0, 0, 0, 0}, "exact: a choice", axis_cases(max, largest, distinct(), false)},
          Row{"min", {0, 0, 0, 0, 0, 0}, "exact: a choice", axis_cases(min, smallest, distinct(), false)},
          Row{"arg_max", {0, 0, 0, 0, 0, 0}, "exact: a position", [] {
                std::vector<Case> cases;
                for (const Case& c : axis_cases([](T x, int axis, bool) { return arg_max(x, axis); }, where_largest,
                                                distinct(), false, false))
                  if (!c.name.ends_with("_keep")) cases.push_back(c);
                return cases;
              }()}};
}

}  // namespace tandem::testing
