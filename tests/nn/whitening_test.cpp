// First layers made of the pictures, and layers that hand on what they are given.
#include <gtest/gtest.h>
#include <tandem/data/catalog.h>
#include <tandem/nn/activation.h>
#include <tandem/nn/conv.h>
#include <tandem/nn/whitening.h>
#include <tandem/train/run.h>

#include "tests/testing.h"

namespace tandem::testing {
namespace {

// Pictures whose neighbours and channels go together.
Tensor smooth_pictures(int64_t n, int64_t side, int64_t channels) {
  Rng rng(3, "pictures");
  Tensor out = Tensor::empty({n, side, side, channels});
  const auto v = out.data<float>();
  for (size_t i = 0; i < v.size(); ++i) {
    const float before = i >= static_cast<size_t>(channels) ? v[i - static_cast<size_t>(channels)] : 0;
    v[i] = static_cast<float>(0.8 * static_cast<double>(before) + 0.3 * rng.normal());
    if (i % static_cast<size_t>(channels) > 0) v[i] = 0.5F * (v[i] + v[i - 1]);
  }
  return out;
}

nn::Sequential network(nn::Conv2d conv, const Tensor& images) {
  nn::Sequential net{std::move(conv), nn::ReLU{}};
  nn::Build build{Rng(1, "weights")};
  net.build({images.size(1), images.size(2), images.size(3)}, build);
  return net;
}

nn::Conv2d conv(int64_t filters, int64_t kernel, const std::string& init) {
  nn::Conv2d out{filters, kernel};
  out.init = init;
  out.with_bias = false;
  return out;
}

TEST(Whitening, MakesPatchesWhite) {
  const Tensor images = smooth_pictures(200, 12, 3);
  nn::Sequential net = network(conv(24, 2, "whitened"), images);
  ASSERT_TRUE(nn::begins_whitened(net));
  nn::whiten(net, images);
  nn::Pass pass;
  const Tensor y = net.layers()[0]->forward(images, pass);
  const int64_t rows = y.numel() / 24;
  for (int64_t a = 0; a < 12; ++a) {
    for (int64_t b = 0; b <= a; ++b) {
      double sum = 0;
      for (int64_t r = 0; r < rows; ++r) sum += y.at(r * 24 + a) * y.at(r * 24 + b);
      const double mean = sum / static_cast<double>(rows);
      if (a != b)
        EXPECT_NEAR(mean, 0, 0.01) << a << " and " << b;
      else
        EXPECT_GT(mean, 0.9) << a;
      EXPECT_LT(mean, 1.001) << a;
    }
    for (int64_t r = 0; r < rows; r += 97) EXPECT_EQ(y.at(r * 24 + a), -y.at(r * 24 + 12 + a));
  }
  std::vector<std::string> moved;
  net.visit("", [&](const std::string& name, Tensor&, bool trained) {
    if (trained) moved.push_back(name);
  });
  EXPECT_TRUE(moved.empty()) << "its weight is not trained";
}

TEST(Whitening, RefusesWhatItCannotMake) {
  const Tensor images = smooth_pictures(4, 8, 3);
  for (const int64_t filters : {5, 26}) {
    nn::Sequential net = network(conv(filters, 2, "whitened"), images);
    EXPECT_THROW(nn::whiten(net, images), Error) << filters;
  }
  nn::Sequential empty, other{nn::ReLU{}}, fits = network(conv(4, 2, "whitened"), images);
  for (nn::Sequential* net : {&empty, &other})
    expect_error(ErrorKind::usage, {"whiten", "begins with conv", "(4, 8, 8, 3)"}, [&] { nn::whiten(*net, images); });
  for (const Shape& shape : {Shape{4, 1, 8, 3}, Shape{0, 8, 8, 3}, Shape{4, 8, 8}})
    expect_error(ErrorKind::usage, {"whiten", "that a patch fits in"}, [&] { nn::whiten(fits, Tensor::zeros(shape)); });
  nn::Sequential second{nn::ReLU{}, conv(4, 2, "whitened")};
  EXPECT_THROW((void)nn::begins_whitened(second), Error);
  nn::Sequential none{nn::ReLU{}, conv(4, 2, "he")};
  EXPECT_FALSE(nn::begins_whitened(none));
}

TEST(Whitening, IsPartOfARecipe) {
  const auto model = [](const std::string& privacy) {
    const train::Recipe recipe = train::Recipe::read(Config::parse(
        "data: {source: builtin, train: 60, test: 10}\nnetwork: [conv: {filters: 8, kernel: 2, init: whitened}, relu, "
        "flatten, linear: classes]\n" +
            privacy,
        "recipe"));
    return train::make_model(recipe, data::load("builtin", {.train_examples = 60, .test_examples = 10}).train);
  };
  const tasks::Classifier one = model("");
  EXPECT_EQ(one.net.layers()[0]->kind(), "conv");
  const auto& first = dynamic_cast<const nn::Conv2d&>(*one.net.layers()[0]);
  EXPECT_EQ(first.weight.at(0), -first.weight.at(4 * 4));
  try {
    (void)model("privacy: {epsilon: 3}\ntrain: {keep: last}\n");
    ADD_FAILURE() << "it shows what the pictures have in common";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("init: whitened"), std::string::npos) << e.what();
  }
}

TEST(ConvInit, DiracHandsOn) {
  const Tensor images = smooth_pictures(2, 7, 3);
  nn::Conv2d layer = conv(5, 3, "dirac");
  layer.padding = nn::Conv2d::same;
  nn::Sequential net = network(layer, images);
  nn::Pass pass;
  const Tensor y = net.layers()[0]->forward(images, pass);
  for (int64_t p = 0; p < images.numel() / 3; ++p) {
    for (int64_t c = 0; c < 3; ++c) EXPECT_NEAR(y.at(p * 5 + c), images.at(p * 3 + c), 1e-5);
  }
  EXPECT_NE(y.at(3), 0) << "the filters behind them are drawn";
}

TEST(ConvInit, DiracHandsOnInEachGroupAndWithEvenKernels) {
  nn::Conv2d layer = conv(6, 2, "dirac");
  layer.groups = 2;
  nn::Build build{Rng(1, "weights")};
  layer.build({5, 5, 4}, build);
  for (int64_t f = 0; f < 6; ++f)  // two channels and three filters a group: the third is drawn
    for (int64_t k = 0; k < 8; ++k)
      if (f % 3 < 2)
        EXPECT_EQ(layer.weight.at(f * 8 + k), k == f % 3 * 4 + 3 ? 1 : 0) << f << ", " << k;
      else
        EXPECT_NE(layer.weight.at(f * 8 + k), 0) << f << ", " << k;
}

}  // namespace
}  // namespace tandem::testing
