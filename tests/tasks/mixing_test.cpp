// MixUp and CutMix: what is mixed, in which shares, and that targets follow.
#include <tandem/base/threads.h>
#include <tandem/tasks/classification.h>
#include <tandem/tasks/mixing.h>

#include <cmath>
#include <cstring>
#include <set>

#include "tests/train/small.h"

namespace tandem::testing {
namespace {

using tasks::mixed;
using tasks::MixedBatch;
using tasks::MixingOptions;

Tensor pictures(int64_t n, int64_t h, int64_t w, int64_t c, uint64_t seed = 1) {
  Tensor x = Tensor::empty({n, h, w, c});
  Rng rng(seed, "pictures");
  for (float& value : x.data<float>()) value = static_cast<float>(rng.normal());
  return x;
}

bool same(const Tensor& a, const Tensor& b) { return std::memcmp(a.bytes(), b.bytes(), a.byte_count()) == 0; }

TEST(Mixing, MixUpIsTheWeightedSumOfTwoExamples) {
  for (const Tensor& x : {pictures(32, 5, 4, 3), pictures(32, 60, 1, 1).view({32, 60})}) {
    const MixedBatch got = mixed({.mixup = 1}, x, Rng(1, "mix"));
    const int64_t size = x.numel() / 32;
    std::set<int64_t> partners(got.mixture.partner.begin(), got.mixture.partner.end());
    EXPECT_EQ(partners.size(), 32U) << "each example is somebody's partner";
    std::set<float> shares;
    for (int64_t i = 0; i < 32; ++i) {
      const double share = got.mixture.share[static_cast<size_t>(i)];
      shares.insert(static_cast<float>(share));
      for (int64_t k = 0; k < size; ++k)
        EXPECT_NEAR(
            got.x.at(i * size + k),
            share * x.at(i * size + k) + (1 - share) * x.at(got.mixture.partner[static_cast<size_t>(i)] * size + k),
            1e-6);
    }
    EXPECT_EQ(shares.size(), 32U) << "each draws its own";
  }
}

TEST(Mixing, SharesAreDrawnFromTheBetaDistribution) {
  for (const double alpha : {0.1, 0.4, 1.0, 5.0}) {
    double sum = 0, squares = 0;
    const int64_t n = 20000;
    for (const float share : mixed({.mixup = alpha}, Tensor::zeros({n, 1}), Rng(3, "mix")).mixture.share) {
      EXPECT_TRUE(share >= 0 && share <= 1) << share;
      sum += static_cast<double>(share), squares += std::pow(static_cast<double>(share) - 0.5, 2);
    }
    const double variance = 1 / (4 * (2 * alpha + 1));
    EXPECT_NEAR(sum / n, 0.5, 4 * std::sqrt(variance / n)) << alpha;
    // The squared distance from 1/2 lies in 0 … 1/4, so its deviation is at most 1/8: four standard errors.
    EXPECT_NEAR(squares / n, variance, 4 * 0.125 / std::sqrt(n)) << alpha;
  }
  // Of the smallest there are only whole examples, and no number that is none.
  for (const float share : mixed({.mixup = 1e-300}, Tensor::zeros({200, 1}), Rng(3, "mix")).mixture.share)
    EXPECT_TRUE(share < 1e-6F || share > 1 - 1e-6F) << share;
}

TEST(Mixing, CutMixPutsARectangleOfTheOtherIn) {
  const int64_t n = 300, h = 9, w = 12, c = 3;
  const Tensor x = pictures(n, h, w, c);
  const MixedBatch got = mixed({.cutmix = 1}, x, Rng(1, "mix"));
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t other = got.mixture.partner[static_cast<size_t>(i)];
    if (other == i) continue;
    int64_t top = h, bottom = -1, left = w, right = -1, taken = 0;
    for (int64_t p = 0; p < h * w; ++p) {
      const auto from = [&](int64_t example) {
        for (int64_t k = 0; k < c; ++k)
          if (got.x.at((i * h * w + p) * c + k) != x.at((example * h * w + p) * c + k)) return false;
        return true;
      };
      if (from(i)) continue;
      ASSERT_TRUE(from(other)) << "a pixel comes from one of the two, all of it";
      top = std::min(top, p / w), bottom = std::max(bottom, p / w);
      left = std::min(left, p % w), right = std::max(right, p % w);
      ++taken;
    }
    EXPECT_EQ(taken, taken == 0 ? 0 : (bottom - top + 1) * (right - left + 1)) << "a whole rectangle";
    EXPECT_NEAR(got.mixture.share[static_cast<size_t>(i)], 1 - static_cast<double>(taken) / (h * w), 1e-6);
    sum += static_cast<double>(taken) / (h * w);
  }
  EXPECT_GT(sum / n, 0.2);  // a half, less what lies outside
  EXPECT_LT(sum / n, 0.5);
}

TEST(Mixing, WithBothACoinDecides) {
  const int64_t n = 2000;
  const MixedBatch both = mixed({.mixup = 1, .cutmix = 1}, pictures(n, 2, 2, 1), Rng(1, "mix"));
  int64_t cut = 0;  // shares of pictures of four pixels are quarters
  for (const float share : both.mixture.share) cut += std::fmod(share * 4, 1.0F) == 0 ? 1 : 0;
  EXPECT_NEAR(static_cast<double>(cut) / n, 0.5, 4 * 0.5 / std::sqrt(n));
}

TEST(Mixing, TargetsFollow) {
  const Tensor one = tasks::one_hot({2, 0, 1}, 3);
  const tasks::Mixture mixture{{1, 0, 2}, {0.75F, 0.5F, 0.25F}};
  const Tensor got = mixture.of(one);
  const std::vector<double> wanted{0.25, 0, 0.75, 0.5, 0, 0.5, 0, 1, 0};
  for (int64_t i = 0; i < 9; ++i)
    EXPECT_FLOAT_EQ(static_cast<float>(got.at(i)), static_cast<float>(wanted[static_cast<size_t>(i)])) << i;
}

TEST(Mixing, SameBytesForAnyNumberOfThreads) {
  const Tensor x = pictures(64, 28, 28, 3);
  std::vector<MixedBatch> all;
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    all.push_back(mixed({.mixup = 0.4, .cutmix = 1}, x, Rng(5, "mix")));
    EXPECT_TRUE(same(all.back().x, all[0].x));
    EXPECT_EQ(all.back().mixture.share, all[0].mixture.share);
  }
  set_threads(0);
  EXPECT_FALSE(same(mixed({.mixup = 0.4, .cutmix = 1}, x, Rng(6, "mix")).x, all[0].x));
}

TEST(Mixing, RefusesWhatItCannotMix) {
  expect_error(ErrorKind::usage, {"mixup and cutmix are 0"}, [] { (void)mixed({}, Tensor::zeros({2, 3}), Rng()); });
  expect_error(ErrorKind::usage, {"takes pictures (n, h, w, c), got (2, 3)"}, [] {
    (void)mixed({.cutmix = 1}, Tensor::zeros({2, 3}), Rng());
  });
  expect_error(ErrorKind::usage, {"or rows (n, width), got (2)"},
               [] { (void)mixed({.mixup = 1}, Tensor::zeros({2}), Rng()); });
  EXPECT_EQ(mixed({.mixup = 1, .cutmix = 1}, Tensor::zeros({0, 4, 4, 1}), Rng()).x.numel(), 0);
  const Tensor alone = pictures(1, 3, 3, 1);
  EXPECT_TRUE(same(mixed({.cutmix = 1}, alone, Rng()).x, alone)) << "one example has nobody but itself";
}

// The task's loss is that of mixed examples against mixed targets, and its labels are those of the larger share.
TEST(Mixing, AClassificationLearnsMixedExamples) {
  const data::Dataset set = bands(30, 1), none;
  const train::Recipe recipe = small_recipe();
  tasks::Classifier model = train::make_model(recipe, set);
  const std::vector<int64_t> batch{0, 1, 2, 3, 4, 5, 6, 7};
  for (const MixingOptions& mixing : {MixingOptions{.mixup = 1}, MixingOptions{.cutmix = 1}}) {
    tasks::ClassificationOptions options;
    options.augmentation.mixing = mixing;
    tasks::Classification task(model, set, none, options);
    const tasks::Moment at{.seed = 3, .epoch = 2, .step = 5};
    const auto examples = task.read(batch, at);
    ASSERT_EQ(examples.shares.shape(), Shape({8, 3}));
    for (int64_t i = 0; i < 8; ++i) {
      double sum = 0, largest = 0;
      for (int64_t c = 0; c < 3; ++c) {
        sum += examples.shares.at(i * 3 + c);
        largest = std::max(largest, examples.shares.at(i * 3 + c));
      }
      EXPECT_NEAR(sum, 1, 1e-6);
      EXPECT_EQ(examples.shares.at(i * 3 + examples.labels[static_cast<size_t>(i)]), largest);
    }
    nn::Pass pass;
    const double got = task.loss(batch, at, pass).loss.item();
    const Tensor p = model.probabilities(model.net.forward(examples.batch.x, pass));
    double wanted = 0;
    for (int64_t i = 0; i < 24; ++i) wanted -= examples.shares.at(i) * std::log(p.at(i)) / 8;
    EXPECT_NEAR(got, wanted, 1e-5);
    EXPECT_FALSE(same(task.read(batch, {.seed = 3, .epoch = 2, .step = 6}).batch.x, examples.batch.x));
    EXPECT_TRUE(same(task.read(batch, at).batch.x, examples.batch.x));
  }
}

TEST(Mixing, OfTwoClassesWithOneOutput) {
  const Tensor logits = Tensor::from<float>({0.5F, -1.0F}, {2, 1}),
               shares = Tensor::from<float>({0.3F, 0.7F, 1, 0}, {2, 2});
  const auto entropy = [](double z, double t) {
    return std::log1p(std::exp(-z)) * t + std::log1p(std::exp(z)) * (1 - t);
  };
  EXPECT_NEAR(tasks::loss({.type = "binary_cross_entropy_logits"}, logits, shares, {}).item(),
              (entropy(0.5, 0.7) + entropy(-1, 0)) / 2, 1e-6);
}

}  // namespace
}  // namespace tandem::testing
