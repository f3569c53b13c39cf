#include "tests/testing.h"

#include <gtest/gtest.h>
#include <tandem/autograd/tape.h>
#include <tandem/ops/activation.h>
#include <tandem/ops/arithmetic.h>
#include <tandem/ops/reduce.h>
#include <tandem/ops/shape.h>

#include <thread>

namespace tandem::testing {
namespace {

Tensor leaf(std::initializer_list<float> values) {
  Tensor t = Tensor::from(std::vector<float>(values), {static_cast<int64_t>(values.size())});
  require_grad(t);
  return t;
}

std::vector<float> grad(const Tensor& t) {
  const Tensor g = grad_of(t);
  if (!g.defined()) return {};
  return {g.data<const float>().begin(), g.data<const float>().end()};
}

using Floats = std::vector<float>;

TEST(Tape, MillionOperationsNeitherOverflowNorLeak) {
  const size_t before = memory_use().now;
  {
    Tensor x = leaf({1});
    Tensor y = x;
    for (int i = 0; i < 1'000'000; ++i) y = -y;
    backward(y);
    EXPECT_EQ(grad(x), Floats{1});
    y = x;
    for (int i = 0; i < 1'000'000; ++i) y = -y;  // freed without a backward pass
  }
  EXPECT_EQ(memory_use().now, before);
}

TEST(Tape, Diamond) {
  Tensor x = leaf({2});
  const Tensor a = x * x, b = a * 3.0, c = square(a);
  backward(sum(b + c));  // 3x^2 + x^4
  EXPECT_EQ(grad(x), Floats{12 + 32});
}

// Without an order the shared part would run before all that follows it had sent its share.
TEST(Tape, DeepDiamondRunsEachNodeOnce) {
  Tensor x = leaf({1});
  Tensor y = x;
  for (int i = 0; i < 40; ++i) y = y + y;  // 2^40 ways, 40 nodes
  backward(y);
  EXPECT_EQ(grad(x), Floats{static_cast<float>(int64_t{1} << 40)});
}

TEST(Tape, LongAndShortWayMeet) {
  Tensor x = leaf({3});
  Tensor longer = x;
  for (int i = 0; i < 10; ++i) longer = longer * 1.0;
  backward(sum(longer * x));
  EXPECT_EQ(grad(x), Floats{6});
}

TEST(Tape, TensorUsedTwice) {
  Tensor x = leaf({5});
  backward(x * x);
  EXPECT_EQ(grad(x), Floats{10});
  Tensor z = leaf({4});
  backward(z - z);
  EXPECT_EQ(grad(z), Floats{0});
}

TEST(Tape, GradientsAccumulateAndClear) {
  Tensor x = leaf({1, 2});
  EXPECT_FALSE(grad_of(x).defined());
  backward(sum(x * 2.0));
  backward(sum(x * 3.0));
  EXPECT_EQ(grad(x), (Floats{5, 5}));
  clear_grad(x);
  EXPECT_FALSE(grad_of(x).defined());
  backward(sum(x));
  EXPECT_EQ(grad(x), (Floats{1, 1}));
}

TEST(Tape, AccumulationLeavesSharedMemoryAlone) {
  Tensor a = leaf({1}), b = leaf({1});
  const Tensor start = Tensor::full({1}, 1.0);
  backward(a + b, start);  // both gradients may be `start` itself
  backward(a * 2.0, start);
  EXPECT_EQ(grad(a), Floats{3});
  EXPECT_EQ(grad(b), Floats{1});
  EXPECT_EQ(start.at(0), 1);
}

TEST(Tape, SecondBackwardThrows) {
  Tensor x = leaf({1});
  const Tensor y = exp(x);
  backward(y);
  const Floats once = grad(x);
  expect_error(ErrorKind::usage, {"the tape behind 'exp' was used before: run the forward pass again"},
               [&] { backward(y); });
  expect_error(ErrorKind::usage, {"was used before"}, [&] { backward(y * 2.0); });
  EXPECT_EQ(grad(x), once);
}

TEST(Tape, FailedBackwardLeavesNoGradientBehind) {
  Tensor x = leaf({1}), z = leaf({1});
  const Tensor middle = x * 2.0;  // fed from `bad` and `good`
  bool fails = true;
  const Tensor bad = with_grad("bad", Tensor::full({1}, 0.0), {z}, [&](const Tensor& g, Wanted) -> Grads {
    if (fails) fail("bad", "on purpose");
    return {g};
  });
  const Tensor last = middle + bad;
  expect_error(ErrorKind::usage, {"bad: on purpose"}, [&] { backward(last); });
  backward(middle);  // would send nothing, or twice as much, if a gradient had stayed behind
  EXPECT_EQ(grad(x), Floats{2});
}

TEST(Tape, WhatCannotStartABackward) {
  expect_error(ErrorKind::usage, {"backward: the output does not depend on any tensor that requires a gradient"},
               [] { backward(Tensor::full({1}, 1.0)); });
  Tensor x = leaf({1, 2});
  expect_error(ErrorKind::usage,
               {"backward: an output of shape (2) needs a gradient to start from; only a single number does not"},
               [&] { backward(x * 2.0); });
  expect_error(ErrorKind::usage,
               {"backward: gradient (3) float32 does not have the shape and type of the output (2) float32"},
               [&] { backward(x * 2.0, Tensor::zeros({3})); });
  expect_error(ErrorKind::usage,
               {"backward: gradient (2) float64 does not have the shape and type of the output (2) float32"},
               [&] { backward(x * 2.0, Tensor::zeros({2}, DType::f64)); });
  Tensor labels = Tensor::zeros({2}, DType::i64);
  expect_error(ErrorKind::usage, {"require_grad: only float32 and float64 tensors have gradients, got int64"},
               [&] { require_grad(labels); });
}

TEST(Tape, BackwardFromALeaf) {
  Tensor x = leaf({7});
  backward(x);
  EXPECT_EQ(grad(x), Floats{1});
}

TEST(Tape, GivenGradientIsSent) {
  Tensor x = leaf({1, 2});
  backward(x * 3.0, Tensor::from(Floats{10, 100}, {2}));
  EXPECT_EQ(grad(x), (Floats{30, 300}));
}

TEST(Tape, NoGradRecordsNothing) {
  Tensor x = leaf({1});
  {
    const NoGrad off;
    EXPECT_FALSE(recording({x}));
    EXPECT_FALSE(requires_grad(x * 2.0));
    { const NoGrad inner; }
    EXPECT_FALSE(requires_grad(x * 2.0)) << "the inner scope switched recording on";
  }
  EXPECT_TRUE(recording({x}));
  EXPECT_TRUE(requires_grad(x * 2.0));
}

TEST(Tape, BackwardInsideNoGradWorks) {
  Tensor x = leaf({1});
  const Tensor y = x * 2.0;
  const NoGrad off;
  backward(y);
  EXPECT_EQ(grad(x), Floats{2});
}

TEST(Tape, OnlyWhatDependsOnALeafIsRecorded) {
  Tensor x = leaf({1});
  const Tensor plain = Tensor::full({1}, 2.0);
  EXPECT_FALSE(requires_grad(plain * plain));
  EXPECT_TRUE(requires_grad(plain * x));
  EXPECT_FALSE(requires_grad((plain * x).detach()));
  require_grad(x, false);
  EXPECT_FALSE(requires_grad(x * 2.0));
}

TEST(Tape, UnwantedGradientsAreNotAskedFor) {
  Tensor x = leaf({1});
  const Tensor plain = Tensor::full({1}, 2.0);
  std::vector<bool> asked;
  const Tensor y =
      with_grad("probe", Tensor::full({1}, 0.0), {plain, x, Tensor{}}, [&](const Tensor& g, Wanted wanted) {
        asked = {wanted[0], wanted[1], wanted[2]};
        return Grads{Tensor{}, g, Tensor{}};
      });
  backward(y);
  EXPECT_EQ(asked, (std::vector<bool>{false, true, false}));
}

TEST(Tape, ManyInputs) {  // more than a word has bits
  std::vector<Tensor> parts;
  for (int i = 0; i < 200; ++i) parts.push_back(Tensor::full({1}, 1.0));
  require_grad(parts[3]), require_grad(parts[67]), require_grad(parts[199]);
  backward(sum(concat(parts, 0)));
  for (const size_t i : {0U, 64U, 131U, 195U}) EXPECT_FALSE(grad_of(parts[i]).defined()) << i;
  for (const size_t i : {3U, 67U, 199U}) EXPECT_EQ(grad(parts[i]), Floats{1}) << i;
}

// Parts of one graph may come from several threads: their order must be one.
TEST(Tape, GraphFromTwoThreads) {
  Tensor x = leaf({2});
  for (int i = 0; i < 50; ++i) static_cast<void>(x * 1.0);  // this thread is ahead
  Tensor there;
  std::thread([&] { there = square(x); }).join();
  Tensor elsewhere;
  std::thread([&] { elsewhere = there * 3.0 + there; }).join();
  backward(elsewhere * there);  // 4 x^4
  EXPECT_EQ(grad(x), Floats{128});
}

TEST(Tape, GradientsThatDoNotFitAreOurFault) {
  Tensor x = leaf({1, 2});
  const auto send = [](const Tensor& g) { return [g](const Tensor&, Wanted) { return Grads{g}; }; };
  const Tensor a = with_grad("a", Tensor::full({}, 0.0), {x}, send(Tensor::zeros({2})));
  const Tensor b = with_grad("b", Tensor::full({}, 0.0), {x}, send(Tensor::zeros({1})));
  expect_error(ErrorKind::internal, {"of one tensor do not fit"}, [&] { backward(a + b); });
}

TEST(Tape, MemoryReturnsAfterBackward) {
  Tensor x = Tensor::full({1 << 14}, 0.5);
  require_grad(x);
  const size_t before = memory_use().now;
  {
    Tensor y = x;
    for (int i = 0; i < 10; ++i) y = gelu(y) * sigmoid(y);
    const Tensor loss = sum(y);
    y = Tensor{};
    const size_t full = memory_use().now;
    EXPECT_GT(full, before + 20 * x.byte_count());
    backward(loss);
    // The loss still links the nodes, but what they kept is gone; the leaf has its gradient.
    EXPECT_LE(memory_use().now, before + x.byte_count() + 4096);
  }
  clear_grad(x);
  EXPECT_EQ(memory_use().now, before);
}

}  // namespace
}  // namespace tandem::testing
