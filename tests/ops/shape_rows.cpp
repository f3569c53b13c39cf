#include <tandem/ops/shape.h>

#include "tests/ops/table.h"

namespace tandem::testing {
namespace {

using Tensors = std::vector<Tensor>;
using Arrays = std::vector<Array>;

std::vector<Case> reshape_cases() {
  struct Change {
    Shape from;
    std::vector<int64_t> sizes;
    Shape to;
  };
  const std::vector<Change> list{{{2, 3}, {3, 2}, {3, 2}},
                                 {{2, 3}, {-1}, {6}},
                                 {{2, 3, 4}, {2, -1}, {2, 12}},
                                 {{}, {1, 1}, {1, 1}},
                                 {{1}, {}, {}},
                                 {{0, 3}, {3, 0}, {3, 0}},
                                 {{0, 3}, {-1, 3}, {0, 3}},
                                 {{many}, {1, -1}, {1, many}},
                                 {{17}, {17}, {17}}};
  std::vector<Case> cases;
  for (size_t i = 0; i < list.size(); ++i)
    cases.push_back({text(list[i].from) + "_to_" + text(list[i].to) + "_" + std::to_string(i),
                     {{list[i].from}},
                     [c = list[i]](const Tensors& in) { return reshape(in[0], c.sizes); },
                     [c = list[i]](const Arrays& in) {
                       Array y(c.to);
                       y.v = in[0].v;
                       return y;
                     }});
  return cases;
}

std::vector<Case> permute_cases() {
  const std::vector<std::pair<Shape, std::vector<int>>> list{{{}, {}},
                                                             {{3}, {0}},
                                                             {{2, 3}, {1, 0}},
                                                             {{17, 33}, {1, 0}},
                                                             {{0, 3}, {1, 0}},
                                                             {{2, 3, 4}, {2, 0, 1}},
                                                             {{2, 3, 4, 5}, {0, 3, 1, 2}},
                                                             {{2, 3, 4, 5}, {0, 2, 3, 1}},
                                                             {{2, 1, 3}, {1, 2, 0}},
                                                             {{2, 1, 3, 2, 1, 2}, {5, 3, 1, 0, 2, 4}},
                                                             {{300, 257}, {1, 0}},
                                                             {{2, 3, 4}, {0, 1, 2}}};
  std::vector<Case> cases;
  for (const auto& [shape, order] : list) {
    std::string name = text(shape) + "_order_";
    for (const int axis : order) name += std::to_string(axis);
    cases.push_back({name,
                     {{shape}},
                     [order = order](const Tensors& in) { return permute(in[0], order); },
                     [order = order](const Arrays& in) {
                       const Shape& from = in[0].shape;
                       std::vector<int64_t> sizes;
                       for (const int axis : order) sizes.push_back(from[axis]);
                       Array y{Shape(sizes)};
                       for (int64_t i = 0; i < from.numel(); ++i) {
                         std::vector<int64_t> at(order.size());
                         int64_t rest = i;
                         for (int axis = from.rank() - 1; axis >= 0; rest /= from[axis--])
                           at[static_cast<size_t>(axis)] = rest % from[axis];
                         int64_t into = 0;
                         for (size_t axis = 0; axis < order.size(); ++axis)
                           into = into * sizes[axis] + at[static_cast<size_t>(order[axis])];
                         y.v[static_cast<size_t>(into)] = in[0].v[static_cast<size_t>(i)];
                       }
                       return y;
                     }});
  }
  return cases;
}

// Part [first, last) of an axis, element by element.
Array part(const Array& x, int axis, int64_t first, int64_t last) {
  const int64_t inner = x.shape.product(axis + 1, x.shape.rank()), n = x.shape[axis];
  Array y(x.shape.with(axis, last - first));
  size_t at = 0;
  for (int64_t i = 0; i < x.shape.numel(); ++i) {
    const int64_t along = i / inner % n;
    if (along >= first && along < last) y.v[at++] = x.v[static_cast<size_t>(i)];
  }
  return y;
}

std::vector<Case> slice_cases() {
  struct Part {
    Shape shape;
    int axis;
    int64_t first, last;
  };
  const std::vector<Part> list{{{5}, 0, 1, 4},        {{5}, 0, 0, 5},          {{5}, 0, 2, 2},
                               {{3, 4, 5}, 0, 1, 3},  {{3, 4, 5}, 1, 1, 2},    {{3, 4, 5}, 2, 3, 5},
                               {{3, 4, 5}, -1, 0, 1}, {{3, 4, 5}, -3, 2, 3},   {{0, 4}, 1, 1, 3},
                               {{0, 4}, 0, 0, 0},     {{300, 257}, 1, 17, 200}};
  std::vector<Case> cases;
  for (size_t i = 0; i < list.size(); ++i)
    cases.push_back({text(list[i].shape) + "_" + std::to_string(i),
                     {{list[i].shape}},
                     [c = list[i]](const Tensors& in) { return slice(in[0], c.axis, c.first, c.last); },
                     [c = list[i]](const Arrays& in) {
                       return part(in[0], c.axis < 0 ? c.axis + c.shape.rank() : c.axis, c.first, c.last);
                     }});
  return cases;
}

std::vector<Case> concat_cases() {
  struct Join {
    std::vector<Shape> shapes;
    int axis;
  };
  std::vector<Join> list{{{{3}}, 0},
                         {{{3}, {1}, {4}}, 0},
                         {{{0}, {2}}, 0},
                         {{{2, 3}, {1, 3}}, 0},
                         {{{2, 3}, {2, 4}, {2, 0}}, 1},
                         {{{2, 3, 4}, {2, 1, 4}}, -2},
                         {{{0, 3}, {0, 2}}, 1},
                         {{{2, 30000}, {3, 30000}}, 0},
                         {std::vector<Shape>(70, Shape{2, 3}), 1}};  // more parts than a word has bits
  std::vector<Case> cases;
  for (size_t i = 0; i < list.size(); ++i) {
    Case c{std::to_string(list[i].shapes.size()) + "_parts_" + std::to_string(i),
           {},
           [axis = list[i].axis](const Tensors& in) { return concat(in, axis); },
           [axis = list[i].axis](const Arrays& in) {
             const int rank = in[0].shape.rank(), a = axis < 0 ? axis + rank : axis;
             int64_t size = 0;
             for (const Array& x : in) size += x.shape[a];
             Array y(in[0].shape.with(a, size));
             const int64_t outer = y.shape.product(0, a), inner = y.shape.product(a + 1, rank);
             size_t at = 0;
             for (int64_t o = 0; o < outer; ++o)
               for (const Array& x : in)
                 for (int64_t j = 0; j < x.shape[a] * inner; ++j)
                   y.v[at++] = x.v[static_cast<size_t>(o * x.shape[a] * inner + j)];
             return y;
           },
           false,
           list[i].shapes.size() > 9 ? 2 : 12};
    for (const Shape& shape : list[i].shapes) c.inputs.push_back({shape});
    cases.push_back(c);
  }
  Case same = cases[3];
  same.name = "same";
  same.inputs = {{{2, 3}}, {{2, 3}}, {{2, 3}}};
  same.same_tensor = true;
  cases.push_back(same);
  return cases;
}

}  // namespace

std::vector<Row> shape_rows() {
  return {{"reshape", {0, 0, 0, 0, 0, 0}, "exact: the same numbers", reshape_cases(), {{0}, {}, "exact"}},
          {"permute", {0, 0, 0, 0, 0, 0}, "exact: the same numbers", permute_cases()},
          {"slice", {0, 0, 0, 0, 0, 0}, "exact: the same numbers", slice_cases()},
          {"concat", {0, 3e-7, 0, 0, 1, 0}, "exact; a part used twice gets the sum of two gradients", concat_cases()}};
}

}  // namespace tandem::testing
