// Networks over packed sequences as a whole: nothing leaks between texts, a text may go on in parts, weights are
// shared.
#include <gtest/gtest.h>
#include <tandem/autograd/tape.h>
#include <tandem/nn/catalog.h>
#include <tandem/nn/inference.h>
#include <tandem/nn/memory.h>
#include <tandem/nn/norm.h>
#include <tandem/nn/recurrent.h>
#include <tandem/nn/transformer.h>
#include <tandem/nn/weights.h>
#include <tandem/ops/loss.h>
#include <tandem/ops/norm.h>
#include <tandem/ops/sequence.h>
#include <tandem/ops/shape.h>
#include <tandem/optim/optimizer.h>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

constexpr int64_t words = 11;

nn::Sequential network(const std::string& text, uint64_t seed = 1) {
  nn::Sequential net = nn::Sequential::read(Config::parse(text, "net.yaml"));
  nn::Build build{Rng(seed, "weights"), 4};
  build.vocabulary = words;
  (void)net.build({}, build);
  return net;
}

Tensor ids(int64_t count, uint64_t seed = 2) {
  Rng rng(seed, "ids");
  Tensor out = Tensor::empty({count}, DType::i32);
  for (int32_t& id : out.data<int32_t>()) id = static_cast<int32_t>(rng.below(words));
  return out;
}

Tensor run(nn::Sequential& net, const Tensor& x, const Lengths& lengths, nn::Memory* memory = nullptr) {
  const NoGrad off;
  nn::Pass pass;
  pass.lengths = lengths, pass.memory = memory;
  return net.forward(x, pass);
}

double worst(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  double most = 0;
  for (int64_t i = 0; i < a.numel(); ++i) most = std::max(most, std::abs(a.at(i) - b.at(i)));
  return most;
}

const std::string decoder_only =
    "[embedding: {width: 12}, positions: {most: 40}, transformer: {layers: 2, heads: 3, causal: true}, tied_head]";
const std::string rotary_one =
    "[embedding: 12, transformer: {layers: 2, heads: 6, key_heads: 2, causal: true, rotary: true, norm_kind: rms, "
    "activation: swiglu, bias: false}, linear: 11]";
const std::string recurrent_one = "[embedding: 12, lstm: {units: 9, layers: 2}, gru: 7, rnn: 5, linear: 11]";

class Texts : public ::testing::TestWithParam<std::string> {};

TEST_P(Texts, DoNotSeeEachOther) {
  nn::Sequential net = network(GetParam());
  const Lengths lengths{5, 1, 9, 3};
  const Tensor x = ids(18), y = run(net, x, lengths);
  int64_t at = 0;
  for (const int64_t n : lengths) {
    EXPECT_LT(worst(run(net, slice(x, 0, at, at + n), {n}), slice(y, 0, at, at + n)), 1e-5);
    at += n;
  }
}

// In parts of several tokens, then one at a time, with texts of different lengths, one of which stops and one of which
// begins twice.
TEST_P(Texts, GoOnInParts) {
  nn::Sequential net = network(GetParam());
  const Tensor x = ids(12), all = run(net, x, {12}), other = ids(7, 3), all_other = run(net, other, {7});
  nn::Memory memory;
  const auto part = [&](int64_t first, int64_t last, int64_t other_first, int64_t other_last) {
    return run(net, concat({slice(x, 0, first, last), slice(other, 0, other_first, other_last)}, 0),
               {last - first, other_last - other_first}, &memory);
  };
  const auto expect_part = [&](const Tensor& got, int64_t first, int64_t last, int64_t other_first,
                               int64_t other_last) {
    EXPECT_LT(worst(slice(got, 0, 0, last - first), slice(all, 0, first, last)), 1e-5) << first;
    EXPECT_LT(worst(slice(got, 0, last - first, got.size(0)), slice(all_other, 0, other_first, other_last)), 1e-5);
  };
  expect_part(part(0, 5, 0, 2), 0, 5, 0, 2);
  expect_part(part(5, 6, 2, 3), 5, 6, 2, 3);
  expect_part(part(6, 6, 3, 7), 6, 6, 3, 7);
  expect_part(part(6, 7, 7, 7), 6, 7, 7, 7);
  memory.keep(std::vector<int64_t>{0, 0});  // the other has ended; the first goes on in two ways
  const Tensor two = run(net, concat({slice(x, 0, 7, 8), slice(other, 0, 0, 1)}, 0), {1, 1}, &memory);
  EXPECT_LT(worst(slice(two, 0, 0, 1), slice(all, 0, 7, 8)), 1e-5);
  const Tensor end = run(net, concat({slice(x, 0, 8, 9), slice(other, 0, 1, 2)}, 0), {1, 1}, &memory);
  EXPECT_LT(worst(slice(end, 0, 0, 1), slice(all, 0, 8, 9)), 1e-5);
  const Tensor branch = run(net, concat({slice(x, 0, 0, 7), slice(other, 0, 0, 2)}, 0), {9});
  EXPECT_LT(worst(slice(end, 0, 1, 2), slice(branch, 0, 8, 9)), 1e-5);
}

TEST_P(Texts, PredictTheSameWhenMadeForInference) {
  nn::Sequential net = network(GetParam());
  const Tensor x = ids(9), y = run(net, x, {4, 5});
  nn::Sequential ready = nn::for_inference(net);
  for (auto& [name, t] : nn::named(net)) std::ranges::fill(t.data<float>(), 0.0F);
  EXPECT_LT(worst(run(ready, x, {4, 5}), y), 1e-6) << "later changes of the network do not reach it";
}

// A language model of a text that repeats learns it.
TEST_P(Texts, AreLearned) {
  nn::Sequential net = network(GetParam());
  Tensor x = Tensor::empty({30}, DType::i32), next = Tensor::empty({30}, DType::i32);
  for (size_t i = 0; i < 30; ++i)
    x.data<int32_t>()[i] = static_cast<int32_t>(i * i % 7),
    next.data<int32_t>()[i] = static_cast<int32_t>((i + 1) * (i + 1) % 7);
  optim::Optimizer optimizer({.type = "adam", .lr = 1e-2}, nn::trained(net));
  double first = 0, last = 0;
  for (int step = 0; step < 200; ++step) {
    nn::Pass pass;
    pass.training = true, pass.lengths = {20, 10};
    const Tensor loss = cross_entropy(net.forward(x, pass), next);
    optimizer.clear_grads();
    backward(loss);
    optimizer.step(1e-2);
    (step == 0 ? first : last) = loss.item();
  }
  EXPECT_GT(first, 1.9);
  EXPECT_LT(last, 0.8);
}

INSTANTIATE_TEST_SUITE_P(Networks, Texts, ::testing::Values(decoder_only, rotary_one, recurrent_one),
                         [](const auto& test) {
                           return test.param == decoder_only ? "decoder"
                                  : test.param == rotary_one ? "rotary"
                                                             : "recurrent";
                         });

// The layer with dropout is the layer whose numbers were left out by hand, drawn from the same stream.
TEST(RecurrentDropout, LeavesOutWeightsAndLockedColumnsInTrainingAlone) {
  nn::LSTM layer(7, 2);
  nn::Build build{Rng(1, "weights"), 4};
  (void)layer.build({5}, build);
  Rng rng(3, "x");
  Tensor x = Tensor::empty({9, 5});
  for (float& v : x.data<float>()) v = static_cast<float>(rng.uniform(-1, 1));
  const Lengths lengths{4, 5};
  const auto through = [&](bool training) {
    const NoGrad off;
    nn::Pass pass;
    pass.training = training, pass.rng = Rng(5, "dropout"), pass.lengths = lengths;
    return layer.forward(x, pass);
  };
  const Tensor plain = through(true);
  layer.dropout = 0.5, layer.locked = true, layer.weight_dropout = 0.3;
  EXPECT_EQ(worst(through(false), plain), 0);

  Rng draw(5, "dropout");
  const NoGrad off;
  RecurrentWeights first = layer.weights[0], second = layer.weights[1];
  first.hidden = dropout(first.hidden, 0.3, draw);
  const Tensor between = locked_dropout(lstm(x, lengths, first), lengths, 0.5, draw);
  second.hidden = dropout(second.hidden, 0.3, draw);
  EXPECT_EQ(worst(through(true), lstm(between, lengths, second)), 0);
  EXPECT_GT(worst(through(true), plain), 0.01);
}

TEST(TiedWeights, AreOneParameterWithBothGradients) {
  nn::Sequential net = network("[embedding: 6, tied_head: {bias: true}]");
  std::vector<std::string> names;
  for (const auto& [name, t] : nn::named(net)) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"0.weight", "1.bias"}));
  const auto parameters = nn::trained(net);
  nn::Pass pass;
  pass.lengths = {3};
  backward(net.forward(Tensor::from(std::vector<int32_t>{1, 2, 2}, {3}), pass), Tensor::full({3, words}, 1));
  // With w the table and a gradient of ones: each row w_j gets sum of the inputs' rows, rows 1, 2, 2 also sum_j w_j.
  const Tensor w = parameters[0], g = grad_of(parameters[0]);
  for (int64_t j = 0; j < words; ++j)
    for (int64_t c = 0; c < 6; ++c) {
      double want = w.at(6 + c) + 2 * w.at(12 + c);
      for (int64_t i = 0; i < words; ++i) want += (j == 1 ? 1 : j == 2 ? 2 : 0) * w.at(i * 6 + c);
      EXPECT_NEAR(g.at(j * 6 + c), want, 1e-5);
    }
}

TEST(EncoderDecoders, DecodeInPartsAsAtOnce) {
  nn::EncoderDecoder net;
  const char* side = "[embedding: 8, positions: {how: sinusoidal, most: 20}, transformer: {layers: 2, heads: 2%s}%s]";
  const auto read = [&](const char* more, const char* head) {
    char text[200];
    std::snprintf(text, sizeof text, side, more, head);
    return nn::Sequential::read(Config::parse(text, "net.yaml"));
  };
  net.encoder = read("", ""), net.decoder = read(", causal: true, cross: true", ", tied_head");
  nn::Build build{Rng(1, "weights")};
  EXPECT_EQ(net.build(13, words, build), (Shape{words}));
  const NoGrad off;
  nn::Pass pass;
  net.encode(ids(9), {4, 5}, pass);
  const Tensor x = ids(7, 3), y = net.decode(x, {3, 4}, pass);
  nn::Memory memory;
  nn::Pass again;
  again.memory = &memory;
  net.encode(ids(9), {4, 5}, again);
  const Tensor begin = net.decode(concat({slice(x, 0, 0, 2), slice(x, 0, 3, 6)}, 0), {2, 3}, again);
  again.source = {};  // its keys and values are kept
  const Tensor end = net.decode(concat({slice(x, 0, 2, 3), slice(x, 0, 6, 7)}, 0), {1, 1}, again);
  EXPECT_LT(
      worst(concat({slice(begin, 0, 0, 2), slice(end, 0, 0, 1), slice(begin, 0, 2, 5), slice(end, 0, 1, 2)}, 0), y),
      1e-5);
  nn::Pass without;
  expect_error(ErrorKind::usage, {"attention", "the pass has no source"}, [&] {
    (void)net.decode(x, {3, 4}, without);
  });
}

TEST(Sequences, WrongOnesAreRefused) {
  nn::Sequential net = network(decoder_only);
  const auto refused = [](const std::vector<std::string>& parts, const std::function<void()>& call) {
    expect_error(ErrorKind::usage, parts, call);
  };
  refused({"positions", "2 sequences sum to 5", "7 rows"}, [&] { (void)run(net, ids(7), {2, 3}); });
  refused({"positions", "more than the 40 tokens", "cut it to 40"}, [&] { (void)run(net, ids(41), {41}); });
  refused({"embedding", "index 11"}, [&] { (void)run(net, Tensor::from(std::vector<int32_t>{11}, {1}), {1}); });
  nn::Memory memory;
  (void)run(net, ids(2), {1, 1}, &memory);
  refused({"positions", "memory holds 2 sequences, the batch 1", "keep()"},
          [&] { (void)run(net, ids(1), {1}, &memory); });
  nn::Memory fresh;
  nn::Sequential both = network("[embedding: 4, lstm: {units: 3, bidirectional: true}]");
  refused({"lstm", "both ends"}, [&] { (void)run(both, ids(2), {2}, &fresh); });
  nn::Sequential open = network("[embedding: 4, attention: 2]");
  refused({"attention", "set causal: true"}, [&] { (void)run(open, ids(2), {2}, &fresh); });
  nn::Sequential uneven =
      network("[embedding: 4, parallel: {branches: [[linear: 2], [conv1d: {filters: 2, padding: valid}]]}]");
  refused({"parallel", "different lengths", "padding: same"}, [&] { (void)run(uneven, ids(5), {5}); });
  nn::Dropout locked(0.5);
  locked.locked = true;
  nn::Pass training;
  training.training = true;
  refused({"dropout", "locked", "texts", "(2, 3)", "leave it out"}, [&] {
    (void)locked.forward(Tensor::zeros({2, 3}), training);
  });
  nn::Sequential pooled = network("[embedding: 4, pool_sequence: max, gru: 3]");
  refused({"gru", "0 sequences sum to 0"}, [&] { (void)run(pooled, ids(5), {5}); });
}

}  // namespace
}  // namespace tandem::testing
