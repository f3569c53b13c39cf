#include <tandem/autograd/tape.h>
#include <tandem/base/threads.h>
#include <tandem/train/privacy.h>

#include <cmath>

#include "tests/train/small.h"

namespace tandem::testing {
namespace {

using train::epsilon_spent;
using train::noise_for;
using train::renyi;

// The published figures convert to epsilon as Mironov 2017 does: divergence + log(1 / delta) / (alpha - 1).
double by_mironov(double rate, double noise, double steps, double delta) {
  double best = 1e300;
  for (int64_t alpha = 2; alpha <= 256; ++alpha)
    best = std::min(best, steps * renyi(rate, noise, alpha) + std::log(1 / delta) / static_cast<double>(alpha - 1));
  return best;
}

// TensorFlow Privacy's tutorial (60,000 examples, batches of 256, 60 epochs) and the three rows of Opacus' MNIST
// example (rate 0.004).
TEST(Privacy, TheAccountAgreesWithPublishedFigures) {
  EXPECT_NEAR(by_mironov(256.0 / 60000, 1.1, 60 * 60000 / 256, 1e-5), 3.01, 0.005);
  EXPECT_NEAR(by_mironov(0.004, 0.7, 45 * 250, 1e-5), 6.86, 0.03);
  EXPECT_NEAR(by_mironov(0.004, 1.1, 60 * 250, 1e-5), 2.91, 0.01);
  EXPECT_NEAR(by_mironov(0.004, 1.3, 15 * 250, 1e-5), 1.16, 0.01);
}

TEST(Privacy, TheConversionInUseIsTighter) {
  const double ours = epsilon_spent(0.004, 1.1, 60 * 250, 1e-5), theirs = by_mironov(0.004, 1.1, 60 * 250, 1e-5);
  EXPECT_LT(ours, theirs);
  EXPECT_GT(ours, 0.85 * theirs);
}

// Order 2 has a closed form: log(1 + q^2 (exp(1 / noise^2) - 1)); a rate of 1 is the plain Gaussian mechanism.
TEST(Privacy, OneStepHasKnownForms) {
  EXPECT_NEAR(renyi(0.1, 2, 2), std::log1p(0.01 * std::expm1(0.25)), 1e-12);
  EXPECT_NEAR(renyi(1, 3, 7), 7.0 / 18, 1e-12);
  EXPECT_NEAR(renyi(1 - 1e-12, 3, 7), 7.0 / 18, 1e-6);
  EXPECT_EQ(epsilon_spent(0.01, 1, 0, 1e-5), 0);
}

TEST(Privacy, MoreStepsOrLessNoiseSpendMore) {
  EXPECT_LT(epsilon_spent(0.01, 1, 100, 1e-5), epsilon_spent(0.01, 1, 200, 1e-5));
  EXPECT_LT(epsilon_spent(0.01, 1.1, 100, 1e-5), epsilon_spent(0.01, 1, 100, 1e-5));
  EXPECT_LT(epsilon_spent(0.01, 1, 100, 1e-5), epsilon_spent(0.02, 1, 100, 1e-5));
  const double noise = noise_for(3, 1e-5, 0.01, 1000);
  EXPECT_LE(epsilon_spent(0.01, noise, 1000, 1e-5), 3);
  EXPECT_GT(epsilon_spent(0.01, noise * 0.999, 1000, 1e-5), 3);
  expect_error(ErrorKind::usage, {"no noise", "1e-09"}, [] { (void)noise_for(1e-9, 1e-5, 0.5, 1000000); });
}

TEST(Privacy, EachExampleIsDrawnByItself) {
  int64_t total = 0, both = 0, first = 0, second = 0;
  for (uint64_t i = 0; i < 4000; ++i) {
    const auto drawn = train::poisson_sample(50, 0.2, Rng(1, "p").split(i));
    total += std::ssize(drawn);
    const bool a = std::ranges::find(drawn, 3) != drawn.end(), b = std::ranges::find(drawn, 4) != drawn.end();
    first += a, second += b, both += a && b;
  }
  EXPECT_NEAR(static_cast<double>(total) / 4000 / 50, 0.2, 0.005);
  EXPECT_NEAR(static_cast<double>(both) / 4000, 0.04, 0.015);
  EXPECT_NEAR(static_cast<double>(first) / 4000, 0.2, 0.03);
  EXPECT_NEAR(static_cast<double>(second) / 4000, 0.2, 0.03);
}

struct Case {
  nn::Sequential net =
      nn::Sequential::read(Config::parse("[conv: {filters: 3, kernel: 3}, tanh, flatten, linear: classes]", "net"));
  Tensor x;
  std::vector<int32_t> labels;
  Case() {
    nn::Build build{Rng(1, "weights"), 3};
    net.build({8, 8, 1}, build);
    const data::Dataset set = bands(21, 1);
    std::vector<int64_t> all(21);
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
    x = tasks::make_batch(tasks::fit_input(set), set, all, {}, {});
    labels = set.labels;
  }
};

// Against the ordinary gradient of each example alone, clipped and added by hand.
TEST(Privacy, ClipsEachExampleByItself) {
  Case c;
  std::vector<std::vector<double>> want;
  nn::Sequential own = c.net;
  const std::vector<Tensor> leaves = nn::trained(own);
  for (const Tensor& leaf : leaves) want.emplace_back(leaf.numel());
  double clip = 0;  // the norm of the first example: some are longer, some shorter
  int clipped = 0;
  for (int64_t i = 0; i < 21; ++i) {
    nn::Pass pass{true, {}};
    backward(tasks::loss({}, own.forward(c.x.rows(i, i + 1), pass), {c.labels[static_cast<size_t>(i)]}, {}));
    double squares = 0;
    for (const Tensor& leaf : leaves)
      for (const float g : grad_of(leaf).data<const float>())
        squares += static_cast<double>(g) * static_cast<double>(g);
    if (i == 0) clip = std::sqrt(squares);
    const double scale = std::min(1.0, clip / std::sqrt(squares));
    clipped += scale < 1;
    for (size_t p = 0; p < leaves.size(); ++p) {
      for (int64_t j = 0; j < leaves[p].numel(); ++j)
        want[p][static_cast<size_t>(j)] += scale * grad_of(leaves[p]).at(j);
      clear_grad(leaves[p]);
    }
  }
  EXPECT_GT(clipped, 0);
  EXPECT_LT(clipped, 21);
  const auto got = train::private_gradients(c.net, {}, c.x, c.labels, clip, 0, 10, Rng(1, "n"));
  for (size_t p = 0; p < want.size(); ++p)
    for (int64_t j = 0; j < got.grads[p].numel(); ++j)
      EXPECT_NEAR(got.grads[p].at(j), want[p][static_cast<size_t>(j)] / 10, 1e-5) << p << " " << j;
}

TEST(Privacy, TheNoiseHasTheDeviationThatWasPromised) {
  Case c;
  const Tensor none = Tensor::empty({0, 8, 8, 1});
  double squares = 0, sum = 0, count = 0;
  for (uint64_t i = 0; i < 20; ++i)
    for (const Tensor& g : train::private_gradients(c.net, {}, none, {}, 0.5, 2, 4, Rng(1, "n").split(i)).grads)
      for (const float v : g.data<const float>())
        squares += static_cast<double>(v) * static_cast<double>(v), sum += static_cast<double>(v), ++count;
  EXPECT_NEAR(std::sqrt(squares / count), 2 * 0.5 / 4, 0.005);
  EXPECT_NEAR(sum / count, 0, 0.01);
}

TEST(Privacy, IsTheSameForAnyNumberOfThreads) {
  Case c;
  std::vector<uint8_t> first;
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    const auto got = train::private_gradients(c.net, {}, c.x, c.labels, 0.5, 1, 10, Rng(1, "n"));
    std::vector<std::pair<std::string, Tensor>> named;
    for (const Tensor& g : got.grads) named.emplace_back(std::to_string(named.size()), g);
    const auto bytes = format_safetensors({named, {}});
    if (first.empty()) first = bytes;
    EXPECT_EQ(bytes, first) << count;
  }
  set_threads(0);
}

const char* const private_recipe =
    "network: [conv: {filters: 4, kernel: 3, stride: 2}, tanh, flatten, linear: classes]\n"
    "optimizer: {type: sgd, lr: 0.5, momentum: 0.9}\ntrain: {epochs: 6, batch: 60, keep: last}\n";

train::Recipe recipe_with(const std::string& privacy) {
  return train::Recipe::read(Config::parse(private_recipe + privacy + "\n", "private.yaml"));
}

TEST(Privacy, ATrainingSpendsWhatItMayAndLearns) {
  const train::Recipe recipe = recipe_with("privacy: {epsilon: 8, delta: 1e-4, clip: 0.5, repeatable: true}");
  const data::Dataset train = bands(600, 1), none;
  std::vector<uint8_t> first;
  for (int round = 0; round < 2; ++round) {
    tasks::Classifier model = train::make_model(recipe, train);
    EXPECT_EQ(model.image().mean, std::vector<double>{0.5}) << "not the mean of the examples";
    train::Trainer trainer(recipe, model, train, none);
    EXPECT_GT(trainer.noise(), 0.3);
    trainer.run();
    EXPECT_LE(trainer.epsilon(), 8);
    EXPECT_GT(trainer.epsilon(), 7.9);
    EXPECT_GE(train::evaluate_model(model, bands(300, 9), "test").result.accuracy, 0.85);
    if (first.empty()) first = weights(model.net);
    EXPECT_EQ(weights(model.net), first) << "repeatable";
  }
  // Noise of the system's: another network each time, and a resumed training goes on with its own.
  const train::Recipe secret = recipe_with("privacy: {epsilon: 8, clip: 0.5}");
  tasks::Classifier one = train::make_model(secret, train), two = train::make_model(secret, train);
  train::Trainer a(secret, one, train, none), b(secret, two, train, none);
  a.run();
  int steps = 0;
  train::Hooks stop;
  stop.stop = [&] { return ++steps == 7; };
  EXPECT_EQ(b.run(stop), train::Outcome::interrupted);
  const TensorFile half = parse_safetensors(format_safetensors(b.checkpoint()), "half");
  tasks::Classifier again = train::make_model(secret, train);
  train::Trainer c(secret, again, train, none);
  c.restore(half, "half");
  b.run();
  c.run();
  EXPECT_NE(weights(one.net), weights(two.net));
  EXPECT_EQ(weights(again.net), weights(two.net));
}

TEST(Privacy, RefusesWhatWouldGoRoundIt) {
  const auto refuses = [](const std::string& more, const std::vector<std::string>& parts) {
    expect_error(ErrorKind::usage, parts, [&] {
      (void)train::Recipe::read(
          Config::parse("network: [flatten, linear: classes]\nprivacy: {epsilon: 3}\n" + more, "p.yaml"));
    });
  };
  refuses("train: {keep: best}", {"p.yaml", "train.keep: last"});
  refuses("train: {keep: last}\nloss: {balanced: true}", {"loss.balanced"});
  refuses("train: {keep: last}\nschedule: plateau", {"plateau"});
  refuses("train: {keep: last}\npeople: {goal: {share: 0.05}}", {"people"});
  refuses("train: {keep: last, precision: bf16}", {"bf16"});
  Case c;
  c.net = nn::Sequential::read(Config::parse("[batch_norm, flatten, linear: classes]", "net"));
  nn::Build build{Rng(1, "weights"), 3};
  c.net.build({8, 8, 1}, build);
  expect_error(ErrorKind::usage, {"0.running_mean", "group_norm"},
               [&] { (void)train::private_gradients(c.net, {}, c.x, c.labels, 1, 1, 1, {}); });
}

}  // namespace
}  // namespace tandem::testing
