#include <tandem/ops/image.h>

#include <cmath>

#include "tests/ops/table.h"

namespace tandem::testing {
namespace {

using Tensors = std::vector<Tensor>;
using Arrays = std::vector<Array>;

// Gathers, for each output, the inputs under the kernel; outside of the image there are zeros.
Array correlate(const Arrays& in, const Conv2dOptions& o) {
  const Array &x = in[0], &w = in[1];
  const int64_t height = x.size(1), width = x.size(2), out = w.size(0), share = w.size(1), kh = w.size(2),
                kw = w.size(3);
  const auto outputs = [&](int64_t n, int64_t k) {
    return (n + 2 * o.padding - o.dilation * (k - 1) - 1) / o.stride + 1;
  };
  Array y({x.size(0), outputs(height, kh), outputs(width, kw), out});
  for (int64_t n = 0; n < y.size(0); ++n)
    for (int64_t r = 0; r < y.size(1); ++r)
      for (int64_t s = 0; s < y.size(2); ++s)
        for (int64_t k = 0; k < out; ++k) {
          double sum = in.size() > 2 ? in[2].v[static_cast<size_t>(k)] : 0;
          const int64_t group = k / (out / o.groups);
          for (int64_t i = 0; i < kh; ++i)
            for (int64_t j = 0; j < kw; ++j) {
              const int64_t row = r * o.stride + i * o.dilation - o.padding,
                            col = s * o.stride + j * o.dilation - o.padding;
              if (row < 0 || row >= height || col < 0 || col >= width) continue;
              for (int64_t c = 0; c < share; ++c) sum += x({n, row, col, group * share + c}) * w({k, c, i, j});
            }
          y({n, r, s, k}) = sum;
        }
  return y;
}

std::vector<Case> conv_cases() {
  struct Conv {
    Shape x;
    int64_t out, kernel_h, kernel_w;
    Conv2dOptions options = {};
    bool bias = true;
  };
  std::vector<Conv> list;
  for (const int64_t n : {1, 2, 33})
    for (const int64_t channels : {1, 3, 16, 17})
      for (const int64_t kernel : {1, 3, 5})
        list.push_back({{n, 6, 7, channels},
                        channels == 3    ? 8
                        : channels == 16 ? 16
                                         : 5,
                        kernel,
                        kernel,
                        {.padding = kernel / 2},
                        n != 2});
  const std::vector<Conv> special{{{2, 9, 8, 3}, 6, 3, 3, {.stride = 2}},
                                  {{2, 9, 8, 3}, 6, 3, 3, {.stride = 2, .padding = 1}},
                                  {{2, 8, 8, 16}, 32, 3, 3, {.stride = 2, .padding = 1}, false},
                                  {{2, 9, 11, 5}, 4, 2, 2, {.stride = 3, .padding = 1}},
                                  {{2, 8, 8, 16}, 16, 1, 1, {.stride = 2}},
                                  {{2, 12, 12, 1}, 5, 1, 1, {.stride = 2}},  // few channels: see conv2d_grad_weight
                                  {{33, 9, 12, 3}, 8, 1, 1, {.stride = 3}},
                                  {{2, 9, 9, 8}, 8, 1, 1, {.stride = 2, .groups = 4}},
                                  {{2, 9, 9, 3}, 4, 1, 1, {.stride = 2, .padding = 1}},
                                  {{2, 9, 9, 4}, 6, 3, 3, {.padding = 2, .dilation = 2}},
                                  {{2, 11, 9, 16}, 16, 3, 3, {.stride = 2, .padding = 3, .dilation = 3}},
                                  {{2, 6, 6, 8}, 12, 3, 3, {.padding = 1, .groups = 2}},
                                  {{2, 6, 6, 32}, 32, 3, 3, {.padding = 1, .groups = 4}, false},
                                  {{2, 6, 6, 16}, 16, 3, 3, {.padding = 1, .groups = 16}},  // depthwise
                                  {{33, 6, 6, 17}, 17, 3, 3, {.padding = 1, .groups = 17}},
                                  {{2, 7, 7, 8}, 16, 3, 3, {.padding = 1, .groups = 8}},  // two outputs a channel
                                  {{2, 7, 7, 16}, 16, 5, 5, {.stride = 2, .padding = 2, .groups = 16}},
                                  {{2, 3, 12, 3}, 4, 1, 5},
                                  {{2, 12, 3, 3}, 4, 5, 1},
                                  {{2, 5, 1, 3}, 4, 3, 1},
                                  {{2, 3, 3, 2}, 3, 3, 3},  // a single output
                                  {{2, 1, 1, 7}, 5, 1, 1},
                                  {{2, 2, 2, 3}, 4, 3, 3, {.padding = 3}},  // more padding than image
                                  {{2, 28, 28, 1}, 6, 5, 5},                // LeNet's first and second
                                  {{2, 12, 12, 6}, 16, 5, 5},
                                  {{1, 14, 14, 1}, 3, 7, 7, {.stride = 2, .padding = 3}},
                                  {{0, 6, 6, 3}, 4, 3, 3},
                                  {{1, 4, 4, 16}, 16, 3, 3, {.padding = 1}},  // from here on Winograd's tiles
                                  {{2, 5, 7, 16}, 32, 3, 3, {.padding = 1}},
                                  {{3, 6, 5, 32}, 16, 3, 3},
                                  {{2, 1, 1, 16}, 16, 3, 3, {.padding = 1}},
                                  {{1, 3, 3, 16}, 64, 3, 3, {.padding = 2}},
                                  {{2, 8, 8, 64}, 64, 3, 3, {.padding = 1}, false},
                                  {{2, 7, 11, 32}, 48, 3, 3, {.padding = 1}, false},  // tiles of 4x4, some half outside
                                  {{9, 16, 15, 16}, 16, 3, 3, {.padding = 1}, false},  // several blocks and pieces
                                  {{0, 6, 6, 16}, 16, 3, 3, {.padding = 1}},
                                  {{64, 3, 3, 129}, 33, 1, 1}};
  list.insert(list.end(), special.begin(), special.end());
  std::vector<Case> cases;
  for (const auto& [x, out, kh, kw, o, bias] : list) {
    const Shape weight{out, x[3] / o.groups, kh, kw};
    const int64_t products = x.numel() * kh * kw * out / o.groups;
    Case c{text(x) + "_w" + text(weight) + "_s" + std::to_string(o.stride) + "_p" + std::to_string(o.padding) + "_d" +
               std::to_string(o.dilation) + "_g" + std::to_string(o.groups),
           {{x}, {weight}},
           [o = o](const Tensors& in) { return conv2d(in[0], in[1], in.size() > 2 ? in[2] : Tensor{}, o); },
           [o = o](const Arrays& in) { return correlate(in, o); },
           false,
           products > 1'000'000 ? 2
           : products > 100'000 ? 4
                                : 12};
    if (bias) c.inputs.push_back({{out}});
    // Winograd's large tiles: four times what the products of an output add up to passes through the transforms.
    if (kh == 3 && o.groups == 1 && x[3] >= 32 && out >= 32) c.terms = 4 * std::sqrt(9 * static_cast<double>(x[3]));
    cases.push_back(c);
  }
  return cases;
}

Array pool(const Array& x, const PoolOptions& o, bool maximum) {
  const int64_t stride = o.stride ? o.stride : o.kernel;
  const auto outputs = [&](int64_t n) { return (n + 2 * o.padding - o.kernel) / stride + 1; };
  Array y({x.size(0), outputs(x.size(1)), outputs(x.size(2)), x.size(3)});
  for (int64_t n = 0; n < y.size(0); ++n)
    for (int64_t r = 0; r < y.size(1); ++r)
      for (int64_t s = 0; s < y.size(2); ++s)
        for (int64_t c = 0; c < y.size(3); ++c) {
          double best = -INFINITY, sum = 0;
          int count = 0;
          for (int64_t row = r * stride - o.padding; row < r * stride - o.padding + o.kernel; ++row)
            for (int64_t col = s * stride - o.padding; col < s * stride - o.padding + o.kernel; ++col)
              if (row >= 0 && row < x.size(1) && col >= 0 && col < x.size(2)) {
                best = std::max(best, x({n, row, col, c}));
                sum += x({n, row, col, c});
                ++count;
              }
          y({n, r, s, c}) = maximum ? best : sum / count;
        }
  return y;
}

std::vector<Case> pool_cases(const std::function<Tensor(const Tensor&, const PoolOptions&)>& call, bool maximum,
                             bool with_relu = false) {
  const std::vector<std::pair<Shape, PoolOptions>> list{{{2, 6, 8, 3}, {}},
                                                        {{2, 7, 5, 3}, {}},  // the last row and column are left out
                                                        {{1, 2, 2, 1}, {}},
                                                        {{2, 7, 7, 17}, {.kernel = 3, .stride = 2}},
                                                        {{2, 7, 7, 17}, {.kernel = 3, .stride = 2, .padding = 1}},
                                                        {{2, 5, 5, 16}, {.kernel = 3, .stride = 1, .padding = 1}},
                                                        {{2, 5, 6, 2}, {.kernel = 2, .stride = 1}},
                                                        {{2, 6, 6, 2}, {.kernel = 2, .stride = 3}},
                                                        {{2, 3, 3, 2}, {.kernel = 2, .stride = 2, .padding = 1}},
                                                        {{2, 4, 4, 5}, {.kernel = 1}},
                                                        {{2, 4, 4, 5}, {.kernel = 4}},
                                                        {{0, 4, 4, 2}, {}},
                                                        {{33, 8, 8, 33}, {}},
                                                        {{3, 28, 28, 33}, {.kernel = 3, .stride = 2, .padding = 1}}};
  std::vector<Case> cases;
  for (const auto& [x, o] : list)
    cases.push_back({text(x) + "_k" + std::to_string(o.kernel) + "_s" + std::to_string(o.stride) + "_p" +
                         std::to_string(o.padding) + (with_relu ? "_relu" : ""),
                     {{x, distinct(with_relu ? 0.02 : 0)}},
                     [call, o = o](const Tensors& in) { return call(in[0], o); },
                     [=, o = o](const Arrays& in) {
                       Array y = pool(in[0], o, maximum);
                       for (double& v : y.v) v = with_relu && v < 0 ? 0 : v;
                       return y;
                     },
                     false,
                     x.numel() > 10000 ? 4 : 24});
  return cases;
}

std::vector<Case> global_cases() {
  std::vector<Case> cases;
  for (const Shape& shape : {Shape{2, 1, 1, 3}, Shape{2, 3, 5, 1}, Shape{1, 7, 7, 17}, Shape{0, 2, 2, 3},
                             Shape{33, 8, 8, 33}, Shape{2, 130, 130, 3}})
    cases.push_back({text(shape),
                     {{shape}},
                     [](const Tensors& in) { return global_avg_pool2d(in[0]); },
                     [](const Arrays& in) {
                       const Array& x = in[0];
                       Array y({x.size(0), x.size(3)});
                       for (int64_t n = 0; n < x.size(0); ++n)
                         for (int64_t r = 0; r < x.size(1); ++r)
                           for (int64_t s = 0; s < x.size(2); ++s)
                             for (int64_t c = 0; c < x.size(3); ++c)
                               y({n, c}) += x({n, r, s, c}) / static_cast<double>(x.size(1) * x.size(2));
                       return y;
                     },
                     false,
                     8});
  return cases;
}

}  // namespace

std::vector<Row> image_rows() {
  return {{"conv2d",
           {1.5e-6, 1.5e-6, 0.5, 0, 0, 1e-12},
           "sums of up to 425 products; the weight's gradient sums over all positions",
           conv_cases(),
           {{0},
            {8e-3, 8e-3, 1},
            "weights, and the transformed numbers of Winograd's tiles, are rounded to bfloat16 before products: each "
            "errs by up to 2^-8, and the errors of a sum grow with its root as the sum does"}},
          {"max_pool2d",
           {0, 3e-7, 0, 1, 0, 0},
           "a choice; gradients of overlapping windows are added",
           pool_cases([](const Tensor& x, const PoolOptions& o) { return max_pool2d(x, o); }, true) +
               pool_cases([](const Tensor& x, const PoolOptions& o) { return max_pool2d(x, o, true); }, true, true),
           {{0}, {0, 3 * one_rounding, 0, 1}, "each of up to 9 gradients that meet is added in bfloat16"}},
          {"avg_pool2d",
           {5e-7, 5e-7, 0.5},
           "sums of up to 16 values",
           pool_cases(avg_pool2d, false),
           {{0}, {5e-7, one_rounding, 0.5}, "a float32 result; the gradient is rounded"}},
          {"global_avg_pool2d",
           {3e-7, 2e-7, 0, 0.3},
           "sums of up to 16900 values of both signs",
           global_cases(),
           {{0}, {3e-7, one_rounding, 0, 0.3}, "a float32 result; the gradient is rounded"}}};
}

}  // namespace tandem::testing
