#include <tandem/ops/attention.h>
#include <tandem/ops/shape.h>

#include <cmath>
#include <numeric>

#include "tests/ops/table.h"

namespace tandem::testing {
namespace {

using Tensors = std::vector<Tensor>;
using Arrays = std::vector<Array>;

int64_t total(const Lengths& lengths) { return std::accumulate(lengths.begin(), lengths.end(), int64_t{0}); }

std::string text(const Lengths& lengths) {
  std::string out = lengths.empty() ? "none" : "";
  for (const int64_t n : lengths) out += (out.empty() ? "" : "_") + std::to_string(n);
  return out;
}

struct Size {
  Lengths lengths, keys;
  int64_t heads, key_heads, size;
};

// softmax(q kᵀ / sqrt(size)) v, the whole matrix at once.
Array reference(const Size& s, bool causal, const Array& q, const Array& k, const Array& v) {
  Array y({total(s.lengths), s.heads * s.size});
  int64_t at = 0, key_at = 0;
  for (size_t n = 0; n < s.lengths.size(); at += s.lengths[n], key_at += s.keys[n++])
    for (int64_t h = 0; h < s.heads; ++h) {
      const int64_t column = h * s.size, shared = h / (s.heads / s.key_heads) * s.size;
      for (int64_t i = 0; i < s.lengths[n]; ++i) {
        const int64_t seen = causal ? s.keys[n] - s.lengths[n] + i + 1 : s.keys[n];
        std::vector<double> weights;
        double sum = 0;
        for (int64_t j = 0; j < seen; ++j) {
          double dot = 0;
          for (int64_t c = 0; c < s.size; ++c) dot += q({at + i, column + c}) * k({key_at + j, shared + c});
          weights.push_back(std::exp(dot / std::sqrt(static_cast<double>(s.size))));
          sum += weights.back();
        }
        for (int64_t c = 0; c < s.size; ++c)
          for (int64_t j = 0; j < seen; ++j)
            y({at + i, column + c}) += weights[static_cast<size_t>(j)] / sum * v({key_at + j, shared + c});
      }
    }
  return y;
}

Array columns(const Array& x, int64_t first, int64_t count) {
  Array out({x.size(0), count});
  for (int64_t i = 0; i < x.size(0); ++i)
    for (int64_t c = 0; c < count; ++c) out({i, c}) = x({i, first + c});
  return out;
}

std::string name_of(const char* prefix, const Size& s, bool causal) {
  return prefix + text(s.lengths) + (s.keys == s.lengths ? "" : "_to_" + text(s.keys)) + "_heads_" +
         std::to_string(s.heads) + "_" + std::to_string(s.key_heads) + "_size_" + std::to_string(s.size) +
         (causal ? "_causal" : "");
}

std::vector<Case> attention_cases() {
  // A sequence longer than a panel of keys, than a block and a chunk of queries; heads that end inside of a vector.
  const std::vector<Size> own{{{1}, {1}, 1, 1, 1},
                              {{5}, {5}, 1, 1, 4},
                              {{3, 1, 7}, {3, 1, 7}, 2, 1, 3},
                              {{0, 4}, {0, 4}, 2, 2, 5},
                              {{}, {}, 2, 2, 4},
                              {{70, 9, 130}, {70, 9, 130}, 4, 2, 16},
                              {{65}, {65}, 2, 2, 17},
                              {{13, 6}, {13, 6}, 1, 1, 65},
                              {{300, 2}, {300, 2}, 1, 1, 8},
                              {{64, 48}, {64, 48}, 3, 1, 7}};
  const std::vector<Size> cross{{{3, 1, 7}, {2, 5, 1}, 2, 1, 3}, {{40}, {133}, 2, 2, 16}, {{1, 1}, {9, 70}, 4, 2, 17},
                                {{0, 3}, {4, 2}, 1, 1, 4},       {{7}, {1}, 1, 1, 33},    {{2, 0}, {5, 0}, 2, 2, 4}};
  std::vector<Case> cases;
  const auto width = [](const Size& s) { return (s.heads + 2 * s.key_heads) * s.size; };
  for (const Size& s : own)
    for (const bool causal : {false, true}) {
      const AttentionOptions o{s.heads, s.key_heads, causal};
      cases.push_back({name_of("own_", s, causal),
                       {{{total(s.lengths), width(s)}}},
                       [=](const Tensors& in) { return attention(in[0], s.lengths, o); },
                       [=](const Arrays& in) {
                         const int64_t q = s.heads * s.size, k = s.key_heads * s.size;
                         return reference(s, causal, columns(in[0], 0, q), columns(in[0], q, k),
                                          columns(in[0], q + k, k));
                       },
                       false,
                       total(s.lengths) > 100 ? 4 : 24});
    }
  for (const Size& s : cross)
    for (const bool causal : {false, true}) {
      bool fits = true;
      for (size_t i = 0; i < s.lengths.size(); ++i) fits = fits && s.keys[i] >= s.lengths[i];
      if (causal && !fits) continue;
      const AttentionOptions o{s.heads, s.key_heads, causal};
      const Shape q{total(s.lengths), s.heads * s.size}, k{total(s.keys), s.key_heads * s.size};
      cases.push_back({name_of("other_", s, causal),
                       {{q}, {k}, {k}},
                       [=](const Tensors& in) { return attention(in[0], in[1], in[2], s.lengths, s.keys, o); },
                       [=](const Arrays& in) { return reference(s, causal, in[0], in[1], in[2]); },
                       false,
                       12});
      // What is kept of each sequence has room for more rows.
      Case kept = cases.back();
      kept.name = name_of("kept_", s, causal);
      for (Input& input : kept.inputs) input.differentiable = false;
      kept.call = [=](const Tensors& in) {
        std::vector<KeyValues> all;
        int64_t at = 0;
        for (const int64_t n : s.keys) {
          const Tensor more = Tensor::full({3, k[1]}, 1e9, in[1].dtype());
          all.push_back(
              {concat({slice(in[1], 0, at, at + n), more}, 0), concat({slice(in[2], 0, at, at + n), more}, 0), n});
          at += n;
        }
        return attention(in[0], s.lengths, all, o);
      };
      cases.push_back(kept);
    }
  return cases;
}

std::vector<Case> rotary_cases() {
  struct Sizes {
    std::vector<int64_t> positions;
    int64_t heads, size, columns;
  };
  std::vector<Case> cases;
  for (const Sizes& s : {Sizes{{0}, 1, 2, 2}, Sizes{{0, 1, 2, 0, 1}, 2, 4, 12}, Sizes{{7, 500}, 3, 6, 18},
                         Sizes{{}, 1, 2, 4}, Sizes{{3, 3, 4}, 2, 34, 70}, Sizes{{5, 6}, 0, 2, 3}})
    cases.push_back({"positions_" + std::to_string(s.positions.size()) + "_heads_" + std::to_string(s.heads) +
                         "_size_" + std::to_string(s.size),
                     {{{static_cast<int64_t>(s.positions.size()), s.columns}}},
                     [=](const Tensors& in) { return rotary(in[0], s.positions, s.heads, s.size, 1000); },
                     [=](const Arrays& in) {
                       Array y = in[0];
                       const int64_t half = s.size / 2;
                       for (int64_t i = 0; i < y.size(0); ++i)
                         for (int64_t h = 0; h < s.heads; ++h)
                           for (int64_t c = 0; c < half; ++c) {
                             const double angle = static_cast<double>(s.positions[static_cast<size_t>(i)]) *
                                                  std::pow(1000, -static_cast<double>(c) / static_cast<double>(half));
                             const int64_t a = h * s.size + c, b = a + half;
                             y({i, a}) = in[0]({i, a}) * std::cos(angle) - in[0]({i, b}) * std::sin(angle);
                             y({i, b}) = in[0]({i, a}) * std::sin(angle) + in[0]({i, b}) * std::cos(angle);
                           }
                       return y;
                     }});
  return cases;
}

}  // namespace

std::vector<Row> attention_rows() {
  return {{"attention",
           {3e-6, 1e-5, 0.3, 0.3, 0.3, 1e-11},
           "sums of up to 65 products into an exponential, then of up to 300 weights that sum to 1",
           attention_cases(),
           {{0, 1, 2}, {3e-6, one_rounding, 0.5, 1}, "a float32 result; gradients are rounded on their way back"}},
          {"rotary",
           {4e-7, 4e-7, 0, 1, 1, 1e-12},
           "two products of numbers up to 2 with rounded sines",
           rotary_cases(),
           {{0}, {4e-7, one_rounding, 0, 2}, "a float32 result; the gradient is rounded on its way back"}}};
}

}  // namespace tandem::testing
