#include <tandem/base/random.h>
#include <tandem/ops/norm.h>
#include <tandem/ops/recurrent.h>
#include <tandem/ops/sequence.h>

#include <cmath>
#include <numeric>

#include "tests/ops/table.h"

namespace tandem::testing {
namespace {

using Tensors = std::vector<Tensor>;
using Arrays = std::vector<Array>;

int64_t total(const Lengths& lengths) { return std::accumulate(lengths.begin(), lengths.end(), int64_t{0}); }

std::string name_of(const Lengths& lengths) {
  std::string out = lengths.empty() ? "none" : "";
  for (const int64_t n : lengths) out += (out.empty() ? "" : "_") + std::to_string(n);
  return lengths.size() > 8 ? std::to_string(lengths.size()) + "_sequences" : out;
}

// 40 sequences of 0 to 8 tokens.
Lengths ragged() {
  Lengths out;
  for (int64_t i = 0; i < 40; ++i) out.push_back(i * 7 % 9);
  return out;
}

// ---- recurrent layers

enum class Kind { rnn, rnn_relu, lstm, gru };

double sigmoid(double v) { return 1 / (1 + std::exp(-v)); }

// One sequence after another, one token, one unit: the formulas as they stand in the papers and PyTorch's pages.
Array recurrent_reference(Kind kind, const Lengths& lengths, bool reverse, const Arrays& in) {
  const Array &x = in[0], &wi = in[1], &wh = in[2], &bi = in[3], &bh = in[4];
  const bool with_state = in.size() > 5, with_bias = bi.shape.numel() > 0;
  const int64_t hidden = wh.size(1), inputs = x.size(1);
  Array y({x.size(0), hidden});
  int64_t start = 0;
  for (size_t s = 0; s < lengths.size(); start += lengths[s++]) {
    std::vector<double> h(static_cast<size_t>(hidden), 0), c = h;
    if (with_state)
      for (int64_t u = 0; u < hidden; ++u) {
        h[static_cast<size_t>(u)] = in[5]({static_cast<int64_t>(s), u});
        if (kind == Kind::lstm) c[static_cast<size_t>(u)] = in[6]({static_cast<int64_t>(s), u});
      }
    for (int64_t step = 0; step < lengths[s]; ++step) {
      const int64_t row = start + (reverse ? lengths[s] - 1 - step : step);
      const auto side = [&](int64_t g, int64_t u, bool state) {  // of gate g's sum, without the other side
        const int64_t r = g * hidden + u;
        const auto at = static_cast<size_t>(r);
        double sum = with_bias ? (state ? bh : bi).v[at] : 0;
        if (state)
          for (int64_t k = 0; k < hidden; ++k) sum += wh({r, k}) * h[static_cast<size_t>(k)];
        else
          for (int64_t k = 0; k < inputs; ++k) sum += wi({r, k}) * x({row, k});
        return sum;
      };
      const auto sum = [&](int64_t g, int64_t u) { return side(g, u, false) + side(g, u, true); };
      std::vector<double> next(h.size());
      for (int64_t u = 0; u < hidden; ++u) {
        const auto i = static_cast<size_t>(u);
        if (kind == Kind::lstm) {
          c[i] = sigmoid(sum(1, u)) * c[i] + sigmoid(sum(0, u)) * std::tanh(sum(2, u));
          next[i] = sigmoid(sum(3, u)) * std::tanh(c[i]);
        } else if (kind == Kind::gru) {
          const double r = sigmoid(sum(0, u)), z = sigmoid(sum(1, u));
          next[i] = (1 - z) * std::tanh(side(2, u, false) + r * side(2, u, true)) + z * h[i];
        } else {
          next[i] = kind == Kind::rnn ? std::tanh(sum(0, u)) : std::max(0.0, sum(0, u));
        }
        y({row, u}) = next[i];
      }
      h = next;
    }
  }
  return y;
}

Tensor run(Kind kind, const Lengths& lengths, bool reverse, const Tensors& in) {
  RecurrentWeights w{in[1], in[2], in[3], in[4]};
  if (w.input_bias.numel() == 0) w.input_bias = w.hidden_bias = Tensor{};
  RecurrentOptions o{.reverse = reverse, .relu = kind == Kind::rnn_relu};
  if (in.size() > 5) o.first.h = in[5];
  if (in.size() > 6) o.first.c = in[6];
  if (kind == Kind::lstm) return lstm(in[0], lengths, w, o);
  return kind == Kind::gru ? gru(in[0], lengths, w, o) : rnn(in[0], lengths, w, o);
}

std::vector<Case> recurrent_cases(Kind kind, const std::string& prefix) {
  struct Size {
    Lengths lengths;
    int64_t inputs, hidden;
  };
  std::vector<Size> sizes{{{}, 3, 2}, {{0}, 3, 2}, {{3, 1, 2}, 1, 1}, {{0, 4, 0, 2}, 5, 3}, {ragged(), 7, 33}};
  for (const int64_t hidden : awkward_sizes)
    if (hidden > 0 && hidden < 100) sizes.push_back({{2, 3, 1}, 4, hidden});
  const int64_t gates = kind == Kind::lstm ? 4 : kind == Kind::gru ? 3 : 1;
  std::vector<Case> cases;
  for (const Size& size : sizes)
    for (const bool reverse : {false, true})
      for (const bool state : {false, true}) {
        if (reverse != state && size.hidden > 3 && size.hidden != 17) continue;
        const bool bias = size.hidden != 3;
        const int64_t rows = gates * size.hidden, tokens = total(size.lengths);
        const auto sequences = static_cast<int64_t>(size.lengths.size());
        // For ReLU every sum is well above or well below 0, by its row.
        const Draw weights = kind == Kind::rnn_relu ? Draw([n = size.hidden](Rng& rng, int64_t i, int64_t count) {
          return (i / (count / n) % 2 ? -1 : 1) * rng.uniform(0.1, 1) / static_cast<double>(n);
        })
                                                    : uniform(-0.5, 0.5);
        const Draw values = kind == Kind::rnn_relu ? uniform(0.5, 1) : uniform(-1, 1);
        const Draw biases = kind == Kind::rnn_relu ? uniform(-0.001, 0.001) : uniform(-1, 1);
        Case c{prefix + name_of(size.lengths) + "_hidden_" + std::to_string(size.hidden) + (reverse ? "_reverse" : "") +
                   (state ? "_state" : ""),
               {{{tokens, size.inputs}, values},
                {{rows, size.inputs}, weights},
                {{rows, size.hidden}, weights},
                {{bias ? rows : 0}, biases, bias},
                {{bias ? rows : 0}, biases, bias}},
               [=](const Tensors& in) { return run(kind, size.lengths, reverse, in); },
               [=](const Arrays& in) { return recurrent_reference(kind, size.lengths, reverse, in); },
               false,
               size.hidden > 20 ? 4 : 12};
        if (state) c.inputs.push_back({{sequences, size.hidden}, values});
        if (state && kind == Kind::lstm) c.inputs.push_back({{sequences, size.hidden}, values});
        cases.push_back(c);
      }
  return cases;
}

// ---- convolution and pooling

std::vector<Case> conv1d_cases() {
  struct Size {
    Lengths lengths;
    int64_t channels, filters, kernel, dilation;
  };
  const std::vector<Size> sizes{{{1}, 1, 1, 1, 1},        {{3, 1, 2}, 2, 3, 3, 1}, {{0, 5, 0}, 3, 2, 2, 1},
                                {{5, 9}, 17, 16, 4, 1},   {{7, 2}, 4, 5, 3, 2},    {{}, 3, 2, 3, 1},
                                {ragged(), 33, 31, 5, 1}, {{200, 3}, 65, 64, 3, 1}};
  std::vector<Case> cases;
  for (const Size& size : sizes)
    for (const bool same : {true, false}) {
      const Conv1dOptions options{size.dilation, same};
      const bool bias = size.kernel != 2;
      Case c{name_of(size.lengths) + "_kernel_" + std::to_string(size.kernel) + (same ? "_same" : "_valid"),
             {{{total(size.lengths), size.channels}}, {{size.filters, size.channels, size.kernel}}},
             [=](const Tensors& in) {
               return conv1d(in[0], size.lengths, in[1], in.size() > 2 ? in[2] : Tensor{}, options);
             },
             [=](const Arrays& in) {
               const int64_t reach = (size.kernel - 1) * size.dilation, before = same ? reach / 2 : 0;
               std::vector<double> rows;
               int64_t start = 0, count = 0;
               for (const int64_t n : size.lengths) {
                 const int64_t outs = same || n == 0 ? n : std::max<int64_t>(1, n - reach);
                 for (int64_t i = 0; i < outs; ++i, ++count)
                   for (int64_t f = 0; f < size.filters; ++f) {
                     double sum = in.size() > 2 ? in[2].v[static_cast<size_t>(f)] : 0;
                     for (int64_t k = 0; k < size.kernel; ++k) {
                       const int64_t at = i - before + k * size.dilation;
                       if (at < 0 || at >= n) continue;
                       for (int64_t ch = 0; ch < size.channels; ++ch)
                         sum += in[0]({start + at, ch}) * in[1]({f, ch, k});
                     }
                     rows.push_back(sum);
                   }
                 start += n;
               }
               Array y({count, size.filters});
               y.v = rows;
               return y;
             },
             false,
             size.channels > 16 ? 6 : 24};
      if (bias) c.inputs.push_back({{size.filters}});
      cases.push_back(c);
    }
  return cases;
}

std::vector<Case> pooling_cases() {
  std::vector<Case> cases;
  const std::vector<std::pair<const char*, Pooling>> ways{
      {"mean_", Pooling::mean}, {"max_", Pooling::max}, {"last_", Pooling::last}, {"first_", Pooling::first}};
  for (const auto& [name, how] : ways)
    for (const Lengths& lengths :
         {Lengths{}, Lengths{1}, Lengths{3, 1, 2}, Lengths{17, 5}, Lengths{1, 1, 1, 1}, Lengths{400, 1, 90, 200}})
      for (const int64_t width : {1, 3, 16, 33, 129}) {
        if (total(lengths) > 100 && width != 129) continue;
        cases.push_back({name + name_of(lengths) + "_width_" + std::to_string(width),
                         {{{total(lengths), width}, distinct()}},
                         [lengths, how = how](const Tensors& in) { return pool_sequences(in[0], lengths, how); },
                         [lengths, how = how, width](const Arrays& in) {
                           Array y({static_cast<int64_t>(lengths.size()), width});
                           int64_t start = 0;
                           for (size_t s = 0; s < lengths.size(); start += lengths[s++])
                             for (int64_t c = 0; c < width; ++c) {
                               double sum = 0, most = -INFINITY;
                               for (int64_t i = 0; i < lengths[s]; ++i) {
                                 sum += in[0]({start + i, c});
                                 most = std::max(most, in[0]({start + i, c}));
                               }
                               y({static_cast<int64_t>(s), c}) =
                                   how == Pooling::mean ? sum / static_cast<double>(lengths[s])
                                   : how == Pooling::max
                                       ? most
                                       : in[0]({how == Pooling::first ? start : start + lengths[s] - 1, c});
                             }
                           return y;
                         }});
      }
  return cases;
}

std::vector<Case> rms_cases() {
  std::vector<Shape> shapes{{1, 1, 3}, {2, 3, 5, 4}, {0, 5}, {300, 257}, {3, 20000}};
  for (const int64_t n : awkward_sizes)
    if (n > 0) shapes.push_back({3, n});
  std::vector<Case> cases;
  for (const Shape& shape : shapes)
    cases.push_back({text(shape),
                     {{shape, away_from_zero(2, 0.5)}, {{shape[-1]}, uniform(0.5, 1.5)}},
                     [](const Tensors& in) { return rms_norm(in[0], in[1], 1e-3); },
                     [](const Arrays& in) {
                       Array y(in[0].shape);
                       const auto width = static_cast<size_t>(in[1].shape.numel());
                       for (size_t row = 0; row < y.v.size(); row += width) {
                         double squares = 0;
                         for (size_t c = 0; c < width; ++c) squares += in[0].v[row + c] * in[0].v[row + c];
                         const double rms = std::sqrt(squares / static_cast<double>(width) + 1e-3);
                         for (size_t c = 0; c < width; ++c) y.v[row + c] = in[0].v[row + c] / rms * in[1].v[c];
                       }
                       return y;
                     },
                     false,
                     12});
  return cases;
}

std::vector<Case> locked_dropout_cases() {
  std::vector<Case> cases;
  for (const double probability : {0.0, 0.1, 0.9})
    for (const Lengths& lengths : {Lengths{}, Lengths{1}, Lengths{3, 0, 2}, ragged()})
      for (const int64_t width : {1, 7, 64})
        cases.push_back({name_of(lengths) + "_w" + std::to_string(width) + "_p" +
                             std::to_string(static_cast<int>(probability * 10)),
                         {{{total(lengths), width}}},
                         [=](const Tensors& in) {
                           Rng rng(5, "dropout");
                           return locked_dropout(in[0], lengths, probability, rng);
                         },
                         [=](const Arrays& in) {
                           const uint64_t key = Rng(5, "dropout").bits();
                           Array y(in[0].shape);
                           int64_t row = 0;
                           for (size_t s = 0; s < lengths.size(); ++s)
                             for (int64_t i = 0; i < lengths[s]; ++i, ++row)
                               for (int64_t c = 0; c < width; ++c) {
                                 const uint64_t draw =
                                     random_bits(key, s * static_cast<uint64_t>(width) + static_cast<uint64_t>(c));
                                 const bool out = static_cast<double>(draw >> 11) * 0x1.0p-53 < probability;
                                 y({row, c}) = out ? 0 : in[0]({row, c}) / (1 - probability);
                               }
                           return y;
                         }});
  return cases;
}

}  // namespace

std::vector<Row> sequence_rows() {
  const Tolerance steps{3e-6, 1e-5, 0.1, 0.3, 0.3, 1e-11};
  const std::string chain = "up to 9 steps, each of two sums of up to 33 products and three functions of 2e-7";
  const Mixed first{{0}, {3e-6, one_rounding, 0.5, 1}, "a float32 result; the gradient of x is rounded"};
  return {{"rnn", steps, chain, recurrent_cases(Kind::rnn, "tanh_") + recurrent_cases(Kind::rnn_relu, "relu_"), first},
          {"lstm", steps, chain, recurrent_cases(Kind::lstm, ""), first},
          {"gru", steps, chain, recurrent_cases(Kind::gru, ""), first},
          {"conv1d",
           {1.5e-6, 1.5e-6, 0.5, 0, 0, 1e-12},
           "sums of up to 195 products of both signs; gradients of weights sum over tokens",
           conv1d_cases(),
           {{0}, {1.5e-6, one_rounding, 0.5}, "a float32 result; the gradient of x is rounded"}},
          {"pool_sequences",
           {5e-7, 2e-7, 0.1},
           "a mean of up to 400 numbers of both signs; else copies",
           pooling_cases(),
           {{0}, {5e-7, one_rounding, 0.1}, "a float32 result; the gradient of x is rounded"}},
          {"locked_dropout",
           {2.4e-7, 2.4e-7},
           "the factor, its product with 1 and that with x are rounded",
           locked_dropout_cases(),
           {{0}, {2 * one_rounding, 2 * one_rounding}, "the factor and the product are rounded"}},
          {"rms_norm",
           {2e-6, 4e-6, 0.1, 0.1, 0.5, 1e-11},
           "sums of up to 20000 squares, and gradients of gamma over 300 rows",
           rms_cases(),
           {{0}, {one_rounding, one_rounding, 0.01, 1e-2}, "as in float32, and the gradient of x is rounded once"}}};
}

}  // namespace tandem::testing
