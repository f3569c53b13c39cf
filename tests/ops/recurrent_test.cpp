// The whole-sequence kernels against their twin: the readable loop, made of simple operations.
#include <gtest/gtest.h>
#include <tandem/autograd/tape.h>
#include <tandem/base/random.h>
#include <tandem/kernels/isa.h>
#include <tandem/ops/activation.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/linear.h>
#include <tandem/ops/recurrent.h>
#include <tandem/ops/shape.h>

#include <cstring>
#include <numeric>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

enum class Cell { rnn, lstm, gru };

// One product for all tokens, then a loop over the steps of each sequence.
Tensor loop(Cell cell, const Tensor& x, const Lengths& lengths, const RecurrentWeights& w) {
  const int64_t n = w.hidden.size(1);
  const Tensor inputs = linear(x, w.input, w.input_bias);
  std::vector<Tensor> rows;
  int64_t at = 0;
  for (const int64_t length : lengths) {
    Tensor h = Tensor::zeros({1, n}), c = h;
    for (int64_t step = 0; step < length; ++step, ++at) {
      const Tensor in = slice(inputs, 0, at, at + 1), state = linear(h, w.hidden, w.hidden_bias);
      const auto gate = [&](const Tensor& of, int64_t g) { return slice(of, 1, g * n, (g + 1) * n); };
      if (cell == Cell::lstm) {
        const Tensor s = in + state;
        c = sigmoid(gate(s, 1)) * c + sigmoid(gate(s, 0)) * tanh(gate(s, 2));
        h = sigmoid(gate(s, 3)) * tanh(c);
      } else if (cell == Cell::gru) {
        const Tensor r = sigmoid(gate(in, 0) + gate(state, 0)), z = sigmoid(gate(in, 1) + gate(state, 1));
        h = (1.0 - z) * tanh(gate(in, 2) + r * gate(state, 2)) + z * h;
      } else {
        h = tanh(in + state);
      }
      rows.push_back(h);
    }
  }
  return concat(rows, 0);
}

Tensor whole(Cell cell, const Tensor& x, const Lengths& lengths, const RecurrentWeights& w,
             const RecurrentOptions& o = {}) {
  return cell == Cell::lstm  ? lstm(x, lengths, w, o)
         : cell == Cell::gru ? gru(x, lengths, w, o)
                             : rnn(x, lengths, w, o);
}

Tensor random(const Shape& shape, const char* name, double size) {
  Rng rng(3, name);
  Tensor t = Tensor::empty(shape);
  for (float& v : t.data<float>()) v = static_cast<float>(rng.uniform(-size, size));
  require_grad(t);
  return t;
}

struct Recurrent : ::testing::TestWithParam<Cell> {
  static constexpr int64_t inputs = 20, hidden = 37;
  [[nodiscard]] static RecurrentWeights weights() {
    const int64_t rows = hidden * (GetParam() == Cell::lstm ? 4 : GetParam() == Cell::gru ? 3 : 1);
    return {random({rows, inputs}, "ih", 0.3), random({rows, hidden}, "hh", 0.3), random({rows}, "bi", 0.3),
            random({rows}, "bh", 0.3)};
  }
};

double worst(const Tensor& a, const Tensor& b) {
  double most = 0;
  for (int64_t i = 0; i < a.numel(); ++i) most = std::max(most, std::abs(a.at(i) - b.at(i)));
  return most;
}

TEST_P(Recurrent, EqualsTheLoopOfSimpleOperations) {
  const Lengths lengths{5, 19, 1, 12, 7, 7, 3};
  std::vector<Tensor> results[2];
  for (const bool fused : {false, true}) {
    const Tensor x = random({54, inputs}, "x", 1);
    const RecurrentWeights w = weights();
    const Tensor y = fused ? whole(GetParam(), x, lengths, w) : loop(GetParam(), x, lengths, w);
    backward(y, random({54, hidden}, "g", 1).detach());
    for (const Tensor& t : {x, w.input, w.hidden, w.input_bias, w.hidden_bias}) results[fused].push_back(grad_of(t));
    results[fused].push_back(y);
  }
  for (size_t i = 0; i < results[0].size(); ++i)  // sums of 54 rows in another order
    EXPECT_LT(worst(results[0][i], results[1][i]), 2e-5) << i;
}

TEST_P(Recurrent, GoesOnWhereItStopped) {
  const Lengths all{5, 0, 4}, begin{2, 0, 4}, rest{3, 0, 0};
  const Tensor x = random({9, inputs}, "x", 1).detach();
  const RecurrentWeights w = weights();
  RecurrentState state, at_once;
  const Tensor y = whole(GetParam(), x, all, w, {.last = &at_once});
  const Tensor first = whole(GetParam(), concat({slice(x, 0, 0, 2), slice(x, 0, 5, 9)}, 0), begin, w, {.last = &state});
  const Tensor second = whole(GetParam(), slice(x, 0, 2, 5), rest, w, {.first = state, .last = &state});
  EXPECT_LT(worst(slice(y, 0, 0, 2), slice(first, 0, 0, 2)), 1e-6);
  EXPECT_LT(worst(slice(y, 0, 2, 5), second), 1e-6);
  EXPECT_LT(worst(state.h, at_once.h), 1e-6);
  EXPECT_EQ(worst(slice(at_once.h, 0, 0, 1), slice(y, 0, 4, 5)), 0);
  EXPECT_EQ(worst(slice(at_once.h, 0, 1, 2), Tensor::zeros({1, hidden})), 0) << "a sequence without tokens";
  if (GetParam() == Cell::lstm) {
    EXPECT_LT(worst(state.c, at_once.c), 1e-6);
  }
}

// A batch is what its sequences are one by one, but for the rounding of products that are cut by their size: nothing
// leaks from a neighbour.
TEST_P(Recurrent, SequencesDoNotSeeEachOther) {
  Lengths lengths;
  for (int64_t i = 0; i < 50; ++i) lengths.push_back(1 + i * 5 % 11);
  int64_t tokens = 0;
  for (const int64_t n : lengths) tokens += n;
  const Tensor x = random({tokens, inputs}, "x", 1).detach();
  const RecurrentWeights w = weights();
  const NoGrad off;
  for (const bool reverse : {false, true}) {
    const Tensor y = whole(GetParam(), x, lengths, w, {.reverse = reverse});
    int64_t at = 0;
    for (const int64_t n : lengths) {
      const Tensor alone = whole(GetParam(), slice(x, 0, at, at + n), {n}, w, {.reverse = reverse});
      EXPECT_LT(worst(alone, slice(y, 0, at, at + n)), 1e-6);
      at += n;
    }
  }
}

// In bfloat16 every product rounds, by up to a part in 256 of each number: results stay near those of float32.
// Sequences of many lengths, none among them, in both directions, with states to begin from and without.
TEST_P(Recurrent, InBfloat16IsNearFloat32) {
  Lengths lengths;
  for (int64_t i = 0; i < 37; ++i) lengths.push_back(i * 5 % 12);
  const int64_t tokens = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  const Shape states{std::ssize(lengths), hidden};
  for (const bool reverse : {false, true})
    for (const bool begins : {false, true}) {
      std::vector<Tensor> results[2];
      for (const bool bf16 : {false, true}) {
        const Tensor x = random({tokens, inputs}, "x", 1);
        const RecurrentWeights w = weights();
        RecurrentState first;
        if (begins) first.h = random(states, "h", 1);
        if (begins && GetParam() == Cell::lstm) first.c = random(states, "c", 1);
        const Tensor y = whole(GetParam(), x, lengths, w, {.reverse = reverse, .first = first, .bf16 = bf16});
        backward(y, random({tokens, hidden}, "g", 1).detach());
        for (const Tensor& t : {x, w.input, w.hidden, w.input_bias, w.hidden_bias, first.h, first.c})
          if (t.defined()) results[bf16].push_back(grad_of(t));
        results[bf16].push_back(y.detach());
      }
      for (size_t i = 0; i < results[0].size(); ++i) {
        const Tensor& right = results[0][i];
        EXPECT_LT(worst(right, results[1][i]), 0.02 * std::max(1.0, worst(right, Tensor::zeros(right.shape())))) << i;
      }
    }
}

// With tiles the states are rounded in each step: inputs of zeros leave nothing else to round.
TEST_P(Recurrent, RoundsItsStatesWithTilesAlone) {
  const Lengths lengths{9, 4};
  const RecurrentWeights w = weights();
  const Tensor x = Tensor::zeros({13, inputs});
  const NoGrad off;
  EXPECT_EQ(worst(whole(GetParam(), x, lengths, w), whole(GetParam(), x, lengths, w, {.bf16 = true})) > 0,
            kernels::has_bf16_tiles());
}

INSTANTIATE_TEST_SUITE_P(OpSpecial, Recurrent, ::testing::Values(Cell::rnn, Cell::lstm, Cell::gru),
                         [](const auto& test) {
                           return test.param == Cell::rnn ? "rnn" : test.param == Cell::lstm ? "lstm" : "gru";
                         });

}  // namespace
}  // namespace tandem::testing
