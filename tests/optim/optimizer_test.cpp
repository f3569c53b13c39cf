#include <tandem/autograd/tape.h>
#include <tandem/base/random.h>
#include <tandem/ops/shape.h>
#include <tandem/optim/optimizer.h>
#include <tandem/tensor/safetensors.h>

#include <cmath>
#include <cstring>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

using optim::Optimizer;
using optim::Options;

struct Row {
  const char* name;
  Options options;
  double clip = 0;
};

std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }

const TensorFile& steps() {
  static const TensorFile file = read_safetensors(fs::path(TANDEM_SOURCE_DIR) / "tests/optim/steps.safetensors");
  return file;
}

/// Elements [first, last) of a row, as a tensor of this shape.
Tensor piece(const Tensor& row, size_t first, const Shape& shape) {
  return Tensor::from(row.data<const float>().subspan(first, static_cast<size_t>(shape.numel())), shape);
}

std::vector<Tensor> parameters() {
  std::vector<Tensor> out{piece(steps().find("start"), 0, {2, 3}), piece(steps().find("start"), 6, {4})};
  for (Tensor& p : out) require_grad(p);
  return out;
}

void give_grad(const Tensor& p, const Tensor& g) { backward(reshape(p, p.shape()), g); }

void give_grads(const std::vector<Tensor>& p, int64_t step) {
  const Tensor row = steps().find("grads").rows(step, step + 1);
  give_grad(p[0], piece(row, 0, {2, 3}));
  give_grad(p[1], piece(row, 6, {4}));
}

struct AgainstPyTorch : ::testing::TestWithParam<Row> {};

// Float32 rounds at 6e-8; 20 steps, a division and a square root each, leave about 1e-6 of the largest step or value.
TEST_P(AgainstPyTorch, TwentySteps) {
  const Tensor expected = steps().find(GetParam().name);
  ASSERT_TRUE(expected.defined());
  const std::vector<Tensor> p = parameters();
  Optimizer optimizer(GetParam().options, p);
  for (int64_t t = 0; t < 20; ++t) {
    give_grads(p, t);
    if (GetParam().clip > 0) (void)optimizer.clip(GetParam().clip);
    optimizer.step(0.05 * (1 - static_cast<double>(t) / 40));
    optimizer.clear_grads();
    for (int64_t i = 0; i < 10; ++i) {
      const double got = i < 6 ? p[0].at(i) : p[1].at(i - 6), want = expected.at(t * 10 + i);
      ASSERT_LE(std::abs(got - want), 1e-5 * std::max(std::abs(want), 0.05))
          << "step " << t << ", element " << i << ": " << got << " and " << want;
    }
  }
  EXPECT_EQ(optimizer.steps(), 20);
}

INSTANTIATE_TEST_SUITE_P(
    All, AgainstPyTorch,
    ::testing::Values(
        Row{"sgd", {.type = "sgd"}}, Row{"sgd_momentum", {.type = "sgd", .momentum = 0.9}},
        Row{"sgd_nesterov", {.type = "sgd", .momentum = 0.9, .nesterov = true, .weight_decay = 0.1}},
        Row{"sgd_l2", {.type = "sgd", .weight_decay = 0.1}}, Row{"adam", {.type = "adam"}},
        Row{"adam_l2", {.type = "adam", .weight_decay = 0.1, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3}},
        Row{"adamw", {.type = "adamw", .weight_decay = 0.1}},
        Row{"adamw_matrix", {.type = "adamw", .weight_decay = 0.1, .decay_all = false}},
        Row{"rmsprop", {.type = "rmsprop"}},
        Row{"rmsprop_momentum",
            {.type = "rmsprop", .momentum = 0.5, .weight_decay = 0.1, .alpha = 0.9, .epsilon = 1e-3}},
        Row{"muon", {.type = "muon", .momentum = 0.9, .weight_decay = 0.1}},
        Row{"muon_nesterov",
            {.type = "muon", .momentum = 0.95, .nesterov = true, .weight_decay = 0.1, .decay_all = false}},
        Row{"clipped", {.type = "sgd", .momentum = 0.9}, 2.5}),
    [](const auto& test) { return test.param.name; });

// The rows differ from each other: one optimiser cannot stand for another.
TEST(Optimizer, TheNumbersTellTheOptionsApart) {
  const auto last = [](const char* name) { return steps().find(name).rows(19, 20); };
  const std::vector<const char*> names{"sgd",     "sgd_momentum", "sgd_nesterov", "sgd_l2",  "adam",
                                       "adam_l2", "adamw",        "adamw_matrix", "rmsprop", "rmsprop_momentum",
                                       "clipped", "muon",         "muon_nesterov"};
  for (size_t a = 0; a < names.size(); ++a)
    for (size_t b = 0; b < a; ++b) {
      double most = 0;
      for (int64_t i = 0; i < 10; ++i) most = std::max(most, std::abs(last(names[a]).at(i) - last(names[b]).at(i)));
      EXPECT_GT(most, 1e-3) << names[a] << " and " << names[b];
    }
}

TEST(Optimizer, ClipReportsTheNormAndHoldsForOneStep) {
  Tensor p = Tensor::zeros({2});
  require_grad(p);
  Optimizer optimizer({.type = "sgd"}, {p});
  const Tensor g = Tensor::from<float>({3, 4}, {2});
  give_grad(p, g);
  EXPECT_DOUBLE_EQ(optimizer.clip(0), 5) << "no limit";
  EXPECT_DOUBLE_EQ(optimizer.clip(10), 5) << "not above it";
  optimizer.step(1);
  EXPECT_FLOAT_EQ(static_cast<float>(p.at(0)), -3);
  optimizer.clear_grads();
  give_grad(p, g);
  EXPECT_DOUBLE_EQ(optimizer.clip(1), 5);
  optimizer.step(1);
  EXPECT_FLOAT_EQ(static_cast<float>(p.at(0)), -3.6F);
  EXPECT_FLOAT_EQ(static_cast<float>(p.at(1)), -4.8F);
  optimizer.clear_grads();
  give_grad(p, g);
  (void)optimizer.clip(1);
  optimizer.clear_grads();  // this step was given up
  give_grad(p, g);
  optimizer.step(1);
  EXPECT_FLOAT_EQ(static_cast<float>(p.at(0)), -6.6F) << "the next is not scaled by the limit of the last";
  optimizer.clear_grads();
  give_grad(p, g);
  (void)optimizer.clip(1);
  (void)optimizer.clip(100);
  optimizer.step(1);
  EXPECT_FLOAT_EQ(static_cast<float>(p.at(0)), -9.6F) << "the last clip counts";
}

TEST(Optimizer, AParameterWithoutGradientStays) {
  for (const char* type : {"sgd", "adam", "adamw", "rmsprop", "muon"}) {
    const std::vector<Tensor> p = parameters();
    const double momentum = std::string_view(type) == "muon" ? 0.9 : 0;
    Optimizer optimizer({.type = type, .momentum = momentum, .weight_decay = 0.1}, p);
    give_grad(p[0], Tensor::full({2, 3}, 1));
    const Tensor before = p[1].clone(), moved = p[0].clone();
    optimizer.step(0.1);
    EXPECT_EQ(std::memcmp(before.bytes(), p[1].bytes(), before.byte_count()), 0) << type;
    EXPECT_NE(std::memcmp(moved.bytes(), p[0].bytes(), moved.byte_count()), 0) << type;
    optimizer.clear_grads();
    EXPECT_FALSE(grad_of(p[0]).defined());
  }
}

TEST(Optimizer, StateGoesAcross) {
  for (const Options& options :
       {Options{.type = "sgd", .momentum = 0.9}, Options{.type = "adam"}, Options{.type = "rmsprop", .momentum = 0.5},
        Options{.type = "muon", .momentum = 0.9}}) {
    const std::vector<Tensor> a = parameters(), b = parameters();
    Optimizer first(options, a), second(options, b);
    for (int64_t t = 0; t < 5; ++t) give_grads(a, t), first.step(0.1), first.clear_grads();
    std::map<std::string, Tensor> state;
    first.visit([&](const std::string& name, Tensor& tensor) { state[name] = tensor.clone(); });
    second.visit([&](const std::string& name, Tensor& tensor) {
      std::memcpy(tensor.bytes(), state.at(name).bytes(), tensor.byte_count());
    });
    second.set_steps(first.steps());
    for (size_t i = 0; i < a.size(); ++i) std::memcpy(b[i].bytes(), a[i].bytes(), a[i].byte_count());
    give_grads(a, 5), give_grads(b, 5);
    first.step(0.1), second.step(0.1);
    for (size_t i = 0; i < a.size(); ++i)
      EXPECT_EQ(std::memcmp(a[i].bytes(), b[i].bytes(), a[i].byte_count()), 0) << options.type;
  }
}

// A convolution's weight turns and keeps its norm; a matrix has no norm layer behind it, and grows.
TEST(Optimizer, MuonKeepsTheNormOfConvolutions) {
  Rng rng(3, "weights");
  std::vector<Tensor> p{Tensor::empty({4, 3, 3, 3}), Tensor::empty({4, 27})};
  for (Tensor& t : p) {
    for (float& v : t.data<float>()) v = static_cast<float>(rng.normal());
    require_grad(t);
  }
  const auto norm = [](const Tensor& t) {
    double sum = 0;
    for (const float v : t.data<const float>()) sum += double{v} * v;
    return std::sqrt(sum);
  };
  const std::vector<Tensor> start{p[0].clone(), p[1].clone()};
  Optimizer optimizer({.type = "muon", .momentum = 0.9, .keep_norm = true}, p);
  for (int step = 0; step < 50; ++step) {
    for (const Tensor& t : p) give_grad(t, Tensor::full(t.shape(), 1));
    optimizer.step(0.5);
    optimizer.clear_grads();
  }
  EXPECT_NEAR(norm(p[0]), norm(start[0]), 1e-4 * norm(start[0]));
  double along = 0;
  for (int64_t i = 0; i < p[0].numel(); ++i) along += p[0].at(i) * start[0].at(i);
  EXPECT_LT(along, 0.8 * norm(p[0]) * norm(start[0])) << "it turned";
  EXPECT_GT(norm(p[1]), 1.5 * norm(start[1]));
}

TEST(Optimizer, RefusesImpossibleOptions) {
  const auto refused = [](const Options& options, const std::vector<std::string>& parts) {
    expect_error(ErrorKind::usage, parts, [&] { Optimizer(options, {}); });
  };
  refused({.type = "lion"}, {"'lion'", "sgd, adam"});
  refused({.type = "sgd", .nesterov = true}, {"nesterov", "momentum"});
  refused({.type = "muon"}, {"muon", "momentum", "0.95"});
  refused({.type = "adam", .nesterov = true}, {"nesterov"});
  refused({.type = "sgd", .keep_norm = true}, {"keep_norm", "muon"});
  refused({.type = "adamw", .momentum = 0.9}, {"momentum", "beta1"});
}

}  // namespace
}  // namespace tandem::testing
