#include <tandem/ops/linear.h>

#include <cmath>

#include "tests/ops/table.h"

namespace tandem::testing {
namespace {

using Tensors = std::vector<Tensor>;
using Arrays = std::vector<Array>;

Array product(const Array& a, const Array& b) {
  const bool batched = a.shape.rank() == 3;
  const int64_t batch = batched ? a.size(0) : 1, m = a.size(-2), k = a.size(-1), n = b.size(-1);
  Array c(batched ? Shape{batch, m, n} : Shape{m, n});
  for (int64_t i = 0; i < batch; ++i)
    for (int64_t r = 0; r < m; ++r)
      for (int64_t s = 0; s < n; ++s)
        for (int64_t l = 0; l < k; ++l)
          c.v[static_cast<size_t>((i * m + r) * n + s)] +=
              a.v[static_cast<size_t>((i * m + r) * k + l)] * b.v[static_cast<size_t>((i * k + l) * n + s)];
  return c;
}

Array affine(const Arrays& in) {
  const Array &x = in[0], &w = in[1];
  const int64_t rows = x.shape.product(0, x.shape.rank() - 1), out = w.size(0), width = w.size(1);
  Array y(x.shape.with(-1, out));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t o = 0; o < out; ++o) {
      double sum = in.size() > 2 ? in[2].v[static_cast<size_t>(o)] : 0;
      for (int64_t i = 0; i < width; ++i)
        sum += x.v[static_cast<size_t>(r * width + i)] * w.v[static_cast<size_t>(o * width + i)];
      y.v[static_cast<size_t>(r * out + o)] = sum;
    }
  return y;
}

// Fewer differences where a forward pass is long.
int picks(int64_t products) { return products > 1'000'000 ? 2 : products > 100'000 ? 5 : 24; }

std::vector<Case> matmul_cases() {
  std::vector<std::pair<Shape, Shape>> list{
      {{1, 130}, {130, 1}},    {{130, 1}, {1, 130}},    {{17, 300}, {300, 513}},
      {{513, 300}, {300, 17}}, {{400, 200}, {200, 90}},  // enough work to be cut by rows
      {{90, 200}, {200, 400}},                           // and by columns
      {{0, 2, 3}, {0, 3, 4}},  {{1, 2, 3}, {1, 3, 4}},  {{5, 17, 16}, {5, 16, 33}},
      {{3, 1, 8}, {3, 8, 1}},  {{2, 0, 3}, {2, 3, 4}},  {{2, 3, 0}, {2, 0, 4}}};
  for (const int64_t n : awkward_sizes)
    list.insert(list.end(), {{{n, 5}, {5, 7}}, {{7, n}, {n, 5}}, {{5, 7}, {7, n}}, {{n, n}, {n, n}}});
  std::vector<Case> cases;
  for (const auto& [a, b] : list)
    cases.push_back({text(a) + "_" + text(b),
                     {{a}, {b}},
                     [](const Tensors& in) { return matmul(in[0], in[1]); },
                     [](const Arrays& in) { return product(in[0], in[1]); },
                     false,
                     picks(a.numel() * b[-1])});
  Case same = cases.back();
  same.name = "same_17";
  same.inputs = {{{17, 17}}, {{17, 17}}};
  same.same_tensor = true;
  cases.push_back(same);
  return cases;
}

std::vector<Case> linear_cases() {
  struct Size {
    Shape x;
    int64_t out;
  };
  std::vector<Size> list{{{5}, 3},        {{1}, 1},         {{2, 3, 7}, 4},     {{2, 0, 7}, 4},       {{4, 0}, 3},
                         {{64, 784}, 50}, {{300, 120}, 84}, {{2, 150, 33}, 65}, {{2, 2, 2, 2, 3}, 4}, {{3, 7}, 0}};
  for (const int64_t n : awkward_sizes) list.insert(list.end(), {{{n, 5}, 6}, {{6, n}, 5}, {{5, 6}, n}});
  std::vector<Case> cases;
  for (const auto& [x, out] : list)
    for (const bool bias : {false, true}) {
      Case c{text(x) + "_to_" + std::to_string(out) + (bias ? "_bias" : ""),
             {{x}, {{out, x[-1]}}},
             [](const Tensors& in) { return linear(in[0], in[1], in.size() > 2 ? in[2] : Tensor{}); },
             affine,
             false,
             picks(x.numel() * out)};
      if (bias) c.inputs.push_back({{out}});
      cases.push_back(c);
    }
  // With a function behind it. For ReLU all sums are well above or well below its kink, by the sign of their row.
  struct Function {
    const char* name;
    kernels::Unary op;
    double (*value)(double);
    Draw weights;
  };
  const Draw by_row = [](Rng& rng, int64_t i, int64_t) { return (i / 6 % 2 ? 1 : -1) * rng.uniform(0.2, 1); };
  for (const Function& f :
       {Function{"tanh", kernels::Unary::tanh, [](double v) { return std::tanh(v); }, uniform(-1, 1)},
        Function{"sigmoid", kernels::Unary::sigmoid, [](double v) { return 1 / (1 + std::exp(-v)); }, uniform(-1, 1)},
        Function{"relu", kernels::Unary::relu, [](double v) { return std::max(v, 0.0); }, by_row}})
    for (const int64_t out : {1, 7, 33})
      cases.push_back({std::string(f.name) + "_" + std::to_string(out),
                       {{{9, 6}, uniform(0.2, 1)}, {{out, 6}, f.weights}, {{out}, uniform(-0.05, 0.05)}},
                       [op = f.op](const Tensors& in) { return linear(in[0], in[1], in[2], op); },
                       [value = f.value](const Arrays& in) {
                         Array y = affine(in);
                         for (double& v : y.v) v = value(v);
                         return y;
                       }});
  return cases;
}

std::vector<Case> embedding_cases() {
  const auto index = [](int64_t entries) -> Draw {
    return [=](Rng& rng, int64_t, int64_t) { return static_cast<double>(rng.below(entries)); };
  };
  std::vector<Case> cases;
  for (const int64_t width : awkward_sizes)
    for (const Shape& shape : {Shape{}, Shape{9}, Shape{2, 3, 2}, Shape{0}, Shape{130}})
      for (const DType type : {DType::i32, DType::i64})
        cases.push_back({"width_" + std::to_string(width) + "_at_" + text(shape) + "_" + std::string(name_of(type)),
                         {{{4, width}}, {shape, index(4), false, type}},
                         [](const Tensors& in) { return embedding(in[0], in[1]); },
                         [](const Arrays& in) {
                           std::vector<int64_t> sizes(in[1].shape.begin(), in[1].shape.end());
                           sizes.push_back(in[0].size(1));
                           Array y{Shape(sizes)};
                           size_t at = 0;
                           for (const double i : in[1].v)
                             for (int64_t c = 0; c < in[0].size(1); ++c)
                               y.v[at++] = in[0]({static_cast<int64_t>(i), c});
                           return y;
                         }});
  return cases;
}

}  // namespace

std::vector<Row> linear_rows() {
  return {
      {"matmul",
       {1.5e-6, 1.5e-6, 0.5, 0, 0, 1e-12},
       "one sum of up to 384 products of both signs after another",
       matmul_cases()},
      {"linear",
       {1.5e-6, 1.5e-6, 0.5, 0, 0, 1e-12},
       "one sum of up to 384 products of both signs after another",
       linear_cases(),
       {{0}, {1.5e-6, one_rounding, 0.5}, "a float32 result; the gradient of x is rounded"}},
      {"embedding", {0, 5e-7, 0, 0, 2, 0}, "a copy; the gradient sums the rows that an entry got", embedding_cases()}};
}

}  // namespace tandem::testing
