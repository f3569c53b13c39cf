// Explanations of a small network that reads bands: where the bright band lies decides, and the map must show it.
#include <tandem/autograd/tape.h>
#include <tandem/data/formats/image.h>
#include <tandem/nn/activation.h>
#include <tandem/nn/conv.h>
#include <tandem/nn/linear.h>
#include <tandem/nn/weights.h>
#include <tandem/people/explain.h>
#include <tandem/train/fit.h>

#include <cmath>

#include "tests/train/small.h"

namespace tandem::testing {
namespace {

Tensor picture_of(const data::Dataset& set, int64_t i) { return set.pixels().rows(i, i + 1).view({8, 8, 1}); }

struct Explained : ::testing::Test {
  static tasks::Classifier* model;
  static void SetUpTestSuite() {
    auto net = nn::Sequential{nn::Conv2d{8, 3, nn::Conv2d::same},
                              nn::ReLU{},
                              nn::MaxPool2d{2},
                              nn::Flatten{},
                              nn::Linear{16},
                              nn::ReLU{},
                              nn::Linear{}};
    const auto fit = train::fit(net, {.train = bands(600, 1), .validation = bands(90, 2), .test = {}},
                                {.optimizer = {.type = "adam", .lr = 5e-3}, .epochs = 6, .batch = 32});
    model = new tasks::Classifier(fit.model);
  }
  static void TearDownTestSuite() {
    delete model;
    model = nullptr;
  }
};
tasks::Classifier* Explained::model = nullptr;

TEST_F(Explained, EveryMethodIsMoreFaithfulThanChance) {
  const data::Dataset set = bands(12, 5);
  for (const auto& method : people::explain_methods()) {
    double deletion = 0, insertion = 0, random_deletion = 0, random_insertion = 0;
    for (int64_t i = 0; i < set.size(); ++i) {
      const Tensor picture = picture_of(set, i);
      const auto e = people::explain(*model, picture, {.method = method});
      ASSERT_EQ(e.map.shape(), (Shape{8, 8})) << method;
      const auto score = people::score_of(*model, e.target);
      const Tensor x = people::input_of(*model, picture), black = people::black_input(*model);
      const auto own = people::faithfulness(score, x, black, people::ranking_of(e.map), 1);
      deletion += own.deletion_area;
      insertion += own.insertion_area;
      for (uint64_t draw = 0; draw < 3; ++draw) {
        const auto order = Rng(draw, "order").split(static_cast<uint64_t>(i)).permutation(64);
        const auto chance = people::faithfulness(score, x, black, order, 1);
        random_deletion += chance.deletion_area / 3;
        random_insertion += chance.insertion_area / 3;
      }
    }
    EXPECT_LT(deletion, random_deletion) << method;
    EXPECT_GT(insertion, random_insertion) << method;
  }
}

TEST_F(Explained, WhatMustSumUpDoes) {
  const data::Dataset set = bands(9, 6);
  for (int64_t i = 0; i < set.size(); ++i) {
    const auto integrated = people::explain(*model, picture_of(set, i), {.method = "integrated_gradients"});
    EXPECT_LT(integrated.gap, 0.01);
    EXPECT_LT(people::explain(*model, picture_of(set, i), {.method = "shapley", .samples = 4}).gap, 1e-4);
    EXPECT_TRUE(std::isnan(people::explain(*model, picture_of(set, i), {.method = "grad_cam"}).gap));
    double sum = 0;
    for (const float v : integrated.map.data<const float>()) sum += static_cast<double>(v);
    EXPECT_NEAR(sum, integrated.output - integrated.black_output, 0.01 * std::abs(sum));
  }
}

TEST_F(Explained, ShapleyOfTilesAgreesWithEnumeration) {
  const Tensor picture = picture_of(bands(3, 7), 1);
  const auto e = people::explain(*model, picture, {.method = "shapley", .target = 1, .samples = 400, .window = 4});
  const auto score = people::score_of(*model, 1);
  const Tensor x = people::input_of(*model, picture), black = people::black_input(*model);
  const auto exact = people::shapley_exact(
      [&](std::span<const uint8_t> coalitions, int64_t players) {
        std::vector<double> out;
        for (size_t at = 0; at < coalitions.size(); at += static_cast<size_t>(players)) {
          Tensor input = x.clone();
          for (int64_t p = 0; p < 64; ++p)
            if (coalitions[at + static_cast<size_t>(p / 32 * 2 + p % 8 / 4)] == 0)
              input.data<float>()[static_cast<size_t>(p)] = static_cast<float>(black.at(p));
          out.push_back(score(input.view({1, 8, 8, 1})).item());
        }
        return out;
      },
      4);
  double largest = 0;
  for (const double v : exact) largest = std::max(largest, std::abs(v));
  for (int64_t tile = 0; tile < 4; ++tile) {
    const int64_t corner = tile / 2 * 32 + tile % 2 * 4;
    EXPECT_NEAR(16 * e.map.at(corner), exact[static_cast<size_t>(tile)], 0.05 * largest) << tile;
  }
}

double correlation(const Tensor& a, const Tensor& b) {
  double ab = 0, aa = 0, bb = 0, ma = 0, mb = 0;
  const auto n = static_cast<double>(a.numel());
  for (int64_t i = 0; i < a.numel(); ++i) ma += a.at(i) / n, mb += b.at(i) / n;
  for (int64_t i = 0; i < a.numel(); ++i) {
    ab += (a.at(i) - ma) * (b.at(i) - mb);
    aa += (a.at(i) - ma) * (a.at(i) - ma);
    bb += (b.at(i) - mb) * (b.at(i) - mb);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

// A map that looks the same for a network with random weights shows the picture, not the network (Adebayo et al. 2018).
TEST_F(Explained, MapsDependOnWhatTheNetworkLearned) {
  const data::Dataset set = bands(9, 8);
  for (const auto& method : people::explain_methods()) {
    double mean = 0;
    int64_t count = 0;
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      tasks::Classifier random = *model;
      random.build(Rng(seed, "random"));
      for (int64_t i = 0; i < set.size(); ++i, ++count) {
        const int64_t target = set.labels[static_cast<size_t>(i)];
        mean += correlation(people::explain(*model, picture_of(set, i), {.method = method, .target = target}).map,
                            people::explain(random, picture_of(set, i), {.method = method, .target = target}).map);
      }
    }
    EXPECT_LT(std::abs(mean) / static_cast<double>(count), 0.5) << method;
  }
}

TEST_F(Explained, NeighboursAreOfTheSameKind) {
  const data::Dataset known = bands(300, 1), fresh = bands(30, 9);
  const people::Neighbours neighbours(*model, known);
  const Tensor features = model->outputs(fresh).features, own = model->outputs(known).features;
  int64_t same = 0;
  for (int64_t i = 0; i < 30; ++i) {
    const auto near = neighbours.nearest(features.rows(i, i + 1).data<const float>(), 5);
    ASSERT_EQ(near.size(), 5U);
    for (size_t k = 1; k < near.size(); ++k) EXPECT_LE(near[k].similarity, near[k - 1].similarity);
    for (const auto& n : near) same += n.label == fresh.labels[static_cast<size_t>(i)];
  }
  EXPECT_GT(same, 135) << "of 150";
  const auto itself = neighbours.nearest(own.rows(7, 8).data<const float>(), 1);
  EXPECT_NEAR(itself[0].similarity, 1, 1e-5);
  EXPECT_EQ(neighbours.nearest(own.rows(7, 8).data<const float>(), 1000).size(), 300U);
  expect_error(ErrorKind::usage, {"3 numbers", "16"}, [&] {
    (void)neighbours.nearest(std::vector<float>{1, 2, 3}, 1);
  });
}

TEST_F(Explained, LeavesTheNetworkAlone) {
  const auto parameters = nn::trained(model->net);  // as in the middle of a training
  const auto before = weights(model->net);
  for (const auto& method : people::explain_methods())
    (void)people::explain(*model, picture_of(bands(1, 1), 0), {.method = method});
  for (const Tensor& p : parameters) EXPECT_FALSE(grad_of(p).defined());
  EXPECT_EQ(weights(model->net), before);
}

TEST_F(Explained, SaysWhatItCannotDo) {
  const Tensor picture = picture_of(bands(1, 1), 0);
  expect_error(ErrorKind::usage, {"'grad_cm'", "did you mean 'grad_cam'"},
               [&] { (void)people::explain(*model, picture, {.method = "grad_cm"}); });
  expect_error(ErrorKind::usage, {"class 3", "0 to 2"}, [&] { (void)people::explain(*model, picture, {.target = 3}); });
  expect_error(ErrorKind::data, {"9x8x1", "8x8x1"}, [&] {
    (void)people::explain(*model, Tensor::zeros({9, 8, 1}, DType::u8));
  });
  tasks::Classifier flat = *model;
  flat.net = nn::Sequential{nn::Flatten{}, nn::Linear{}};
  flat.build(Rng(1, "w"));
  expect_error(ErrorKind::usage, {"no layer whose output is a picture"},
               [&] { (void)people::explain(flat, picture, {.method = "grad_cam"}); });
}

// One output speaks for the second class; for the first it is turned round.
TEST_F(Explained, NetworksOfOneOutput) {
  tasks::Classifier two = *model;
  two.classes = {"no", "yes"};
  two.loss = "binary_cross_entropy_logits";
  two.net = nn::Sequential{nn::Flatten{}, nn::Linear{1}};
  two.build(Rng(1, "w"));
  const Tensor picture = picture_of(bands(1, 1), 0);
  const auto yes = people::explain(two, picture, {.target = 1}), no = people::explain(two, picture, {.target = 0});
  EXPECT_DOUBLE_EQ(yes.output, -no.output);
  for (int64_t i = 0; i < 64; ++i) EXPECT_NEAR(yes.map.at(i), -no.map.at(i), 1e-6);
  EXPECT_EQ(people::explain(two, picture).target, yes.output > 0 ? 1 : 0);
  // What is explained is the answer, and that is the threshold's.
  for (const int32_t answer : {0, 1}) {
    two.threshold = evaluate::Threshold{.goal = {}, .value = answer == 1 ? 0.0 : 2.0};
    EXPECT_EQ(people::explain(two, picture).target, answer);
  }
}

TEST(ExplainPicture, ColoursSayForAndAgainst) {
  const Tensor picture = Tensor::full({2, 3, 1}, 128, DType::u8);
  const Tensor map = Tensor::from<float>({1, 0, -1, 0, 0, 0}, {2, 3});
  const Tensor out = people::overlay(picture, map, 30);
  ASSERT_EQ(out.shape(), (Shape{20, 30, 3}));
  const auto at = [&](int64_t y, int64_t x, int64_t c) { return out.at((y * 30 + x) * 3 + c); };
  EXPECT_GT(at(5, 5, 2), at(5, 5, 0) + 50) << "blue speaks for";
  EXPECT_GT(at(5, 25, 0), at(5, 25, 2) + 50) << "orange speaks against";
  EXPECT_EQ(at(5, 15, 0), at(5, 15, 2)) << "grey: nothing";
  EXPECT_EQ(people::beside({out, out}, 4).shape(), (Shape{20, 64, 3}));
  const Tensor nothing = people::overlay(picture, Tensor::zeros({2, 3}), 2);
  EXPECT_EQ(nothing.shape(), (Shape{2, 3, 3}));
  expect_error(ErrorKind::usage, {"(2, 2)", "(2, 3, 1)"}, [&] {
    (void)people::overlay(picture, Tensor::zeros({2, 2}));
  });
  expect_error(ErrorKind::usage, {"one height"}, [&] { (void)people::beside({out, nothing}); });
}

}  // namespace
}  // namespace tandem::testing
