#include <tandem/ops/norm.h>

#include <cmath>

#include "tests/ops/table.h"

namespace tandem::testing {
namespace {

using Tensors = std::vector<Tensor>;
using Arrays = std::vector<Array>;

struct Moments {
  double mean = 0, variance = 0;
};
Moments moments(const std::vector<double>& v) {
  Moments m;
  for (const double x : v) m.mean += x / static_cast<double>(v.size());
  for (const double x : v) m.variance += (x - m.mean) * (x - m.mean) / static_cast<double>(v.size());
  return m;
}

// Normalises each set of positions by its own moments; `set_of` says which set an element belongs to.
Array normalise(const Arrays& in, int64_t sets, const std::function<int64_t(int64_t)>& set_of, double epsilon) {
  const Array& x = in[0];
  const int64_t channels = x.size(-1);
  std::vector<std::vector<double>> members(static_cast<size_t>(sets));
  for (int64_t i = 0; i < x.shape.numel(); ++i)
    members[static_cast<size_t>(set_of(i))].push_back(x.v[static_cast<size_t>(i)]);
  Array y(x.shape);
  std::vector<Moments> all;
  for (const auto& set : members) all.push_back(moments(set));
  for (int64_t i = 0; i < x.shape.numel(); ++i) {
    const Moments& m = all[static_cast<size_t>(set_of(i))];
    const auto c = static_cast<size_t>(i % channels);
    y.v[static_cast<size_t>(i)] =
        (x.v[static_cast<size_t>(i)] - m.mean) / std::sqrt(m.variance + epsilon) * in[1].v[c] + in[2].v[c];
  }
  return y;
}

// Values on both sides of `offset`, in turns along rows and columns, so that no deviation is near zero. A large offset
// shows where a careless sum of squares loses its digits.
std::vector<Input> inputs(const Shape& x, double offset) {
  const Draw values = [offset, channels = x[-1]](Rng& rng, int64_t i, int64_t) {
    return offset + ((i / channels + i % channels) % 2 == 0 ? 1 : -1) * rng.uniform(0.5, 2);
  };
  return {{x, values}, {{x[-1]}, uniform(0.5, 1.5)}, {{x[-1]}}};
}

std::vector<Case> batch_cases() {
  const std::vector<Shape> shapes{{2, 1},  {3, 2},    {16, 15},     {33, 16},      {65, 17},       {129, 3},
                                  {2, 33}, {2, 3, 5}, {2, 4, 5, 3}, {1, 6, 6, 17}, {33, 8, 8, 31}, {many, 1}};
  std::vector<Case> cases;
  for (const Shape& shape : shapes)
    for (const bool training : {true, false})
      for (const double offset : {0.0, 30.0}) {
        Case c{text(shape) + (training ? "_training" : "_evaluation") + (offset > 0 ? "_offset" : ""),
               inputs(shape, offset),
               [training](const Tensors& in) {
                 return batch_norm(in[0], {in[1], in[2], in[3].clone(), in[4].clone(), training, 0.1, 1e-3});
               },
               [training](const Arrays& in) {
                 const int64_t channels = in[0].size(-1);
                 if (training)
                   return normalise(
                       in, channels, [=](int64_t i) { return i % channels; }, 1e-3);
                 Array y(in[0].shape);
                 for (size_t i = 0; i < y.v.size(); ++i) {
                   const size_t at = i % static_cast<size_t>(channels);
                   y.v[i] = (in[0].v[i] - in[3].v[at]) / std::sqrt(in[4].v[at] + 1e-3) * in[1].v[at] + in[2].v[at];
                 }
                 return y;
               },
               false,
               12,
               offset / 10};
        c.inputs.push_back({{shape[-1]}, uniform(offset - 1, offset + 1), false});
        c.inputs.push_back({{shape[-1]}, uniform(0.5, 2), false});
        cases.push_back(c);
      }
  Case empty = cases[2];  // an evaluation
  empty.name = "0x3_evaluation";
  empty.inputs = {{{0, 3}}, {{3}}, {{3}}, {{3}, uniform(-1, 1), false}, {{3}, uniform(0.5, 2), false}};
  cases.push_back(empty);
  return cases;
}

// The same with a ReLU behind it and, in half of the cases, a tensor added before it; small offsets keep the results
// away from the kink.
std::vector<Case> batch_relu_cases() {
  std::vector<Case> cases;
  for (Case c : batch_cases()) {
    if (c.name.find("_offset") != std::string::npos) continue;
    c.inputs[2].draw = uniform(-0.05, 0.05);
    c.inputs[3].draw = uniform(-0.1, 0.1);
    const bool training = c.name.find("_training") != std::string::npos;
    for (const bool with_added : {false, true}) {
      Case next = c;
      if (with_added) {
        next.name += "_added";
        next.inputs.push_back({c.inputs[0].shape, uniform(-0.05, 0.05)});
      }
      next.call = [training](const Tensors& in) {
        return batch_norm_relu(in[0], {in[1], in[2], in[3].clone(), in[4].clone(), training, 0.1, 1e-3},
                               in.size() > 5 ? in[5] : Tensor{});
      };
      next.reference = [plain = c.reference](const Arrays& in) {
        Array y = plain(in);
        for (size_t i = 0; i < y.v.size(); ++i) y.v[i] = std::max(0.0, y.v[i] + (in.size() > 5 ? in[5].v[i] : 0));
        return y;
      };
      cases.push_back(next);
    }
  }
  return cases;
}

std::vector<Case> layer_cases() {
  std::vector<Shape> shapes{{1, 1, 3}, {2, 3, 5, 4}, {0, 5}, {300, 257}, {3, 20000}};
  for (const int64_t n : awkward_sizes)
    if (n > 0) shapes.push_back({3, n});
  std::vector<Case> cases;
  for (const Shape& shape : shapes)
    for (const double offset : {0.0, 30.0})
      cases.push_back({text(shape) + (offset > 0 ? "_offset" : ""), inputs(shape, offset),
                       [](const Tensors& in) { return layer_norm(in[0], in[1], in[2], 1e-3); },
                       [](const Arrays& in) {
                         const int64_t width = in[0].size(-1);
                         return normalise(
                             in, in[0].shape.numel() / width, [=](int64_t i) { return i / width; }, 1e-3);
                       },
                       false, 12, offset / 10});
  return cases;
}

std::vector<Case> group_cases() {
  const std::vector<std::pair<Shape, int64_t>> list{{{2, 6}, 2},        {{2, 6}, 1},       {{2, 3, 6}, 3},
                                                    {{2, 4, 5, 6}, 2},  {{2, 4, 5, 6}, 6}, {{1, 3, 3, 17}, 1},
                                                    {{3, 2, 2, 34}, 2}, {{0, 4, 4, 6}, 2}, {{17, 12, 12, 32}, 8}};
  std::vector<Case> cases;
  for (const auto& [shape, groups] : list)
    for (const double offset : {0.0, 30.0})
      cases.push_back(
          {text(shape) + "_groups_" + std::to_string(groups) + (offset > 0 ? "_offset" : ""), inputs(shape, offset),
           [groups = groups](const Tensors& in) { return group_norm(in[0], groups, in[1], in[2], 1e-3); },
           [groups = groups](const Arrays& in) {
             const int64_t channels = in[0].size(-1), image = in[0].shape.product(1, in[0].shape.rank());
             const auto set = [=](int64_t i) { return i / image * groups + i % channels / (channels / groups); };
             return normalise(in, in[0].size(0) * groups, set, 1e-3);
           },
           false, 8, offset / 10});
  return cases;
}

// The same stream gives the same mask: the reference draws it again.
std::vector<Case> dropout_cases() {
  std::vector<Case> cases;
  for (const double probability : {0.0, 0.1, 0.5, 0.9})
    for (const Shape& shape : {Shape{0}, Shape{}, Shape{17}, Shape{3, 65}, Shape{many}})
      cases.push_back({text(shape) + "_p" + std::to_string(static_cast<int>(probability * 10)),
                       {{shape}},
                       [=](const Tensors& in) {
                         Rng rng(5, "dropout");
                         return dropout(in[0], probability, rng);
                       },
                       [=](const Arrays& in) {
                         const uint64_t key = Rng(5, "dropout").bits();
                         Array y(in[0].shape);
                         for (size_t i = 0; i < y.v.size(); ++i) {
                           const double u = static_cast<double>(random_bits(key, i) >> 11) * 0x1.0p-53;
                           y.v[i] = u < probability ? 0 : in[0].v[i] / (1 - probability);
                         }
                         return y;
                       }});
  return cases;
}

}  // namespace

std::vector<Row> norm_rows() {
  const std::string reason =
      "an offset of 30 rounds x - mean by 30 * 6e-8, of a deviation of 0.5 or more; gradients sum up to 70001 such "
      "terms";
  const std::string rounded = "as in float32, and the result and the gradient of x are rounded once";
  // A gradient of x that cancels is rounded as what it is, but calculated from float32 parts.
  const Tolerance narrow{one_rounding, one_rounding, 0.01, 1e-2};
  return {{"batch_norm", {8e-6, 8e-6, 0.1, 1, 0, 1e-11}, reason, batch_cases(), {{0}, narrow, rounded}},
          {"batch_norm_relu", {8e-6, 8e-6, 0.1, 1, 0, 1e-11}, reason, batch_relu_cases(), {{0, 5}, narrow, rounded}},
          {"layer_norm", {8e-6, 8e-6, 0.1, 1, 0, 1e-11}, reason, layer_cases(), {{0}, narrow, rounded}},
          {"group_norm", {8e-6, 8e-6, 0.1, 1, 0, 1e-11}, reason, group_cases(), {{0}, narrow, rounded}},
          {"dropout",
           {1.2e-7, 1.2e-7},
           "the factor and the product are rounded",
           dropout_cases(),
           {{0}, {one_rounding, one_rounding}, "the product is rounded"}}};
}

}  // namespace tandem::testing
