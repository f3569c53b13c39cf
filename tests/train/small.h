// A training small enough to run many times: three kinds of 8x8 pictures, and a network with every kind of state.
#pragma once
#include <tandem/nn/weights.h>
#include <tandem/train/run.h>

#include <cmath>

#include "tests/testing.h"

namespace tandem::testing {

/// n pictures: class c has a bright band in rows 2c … 2c+2; noise everywhere.
inline data::Dataset bands(int64_t n, uint64_t seed, int64_t side = 8) {
  data::Dataset set{.inputs = Tensor::empty({n, side, side, 1}, DType::u8),
                    .labels = {},
                    .classes = {"top", "middle", "bottom"},
                    .source = "bands"};
  Rng rng(seed, "bands");
  for (int64_t i = 0; i < n; ++i) {
    const auto c = static_cast<int32_t>(i % 3);
    set.labels.push_back(c);
    const auto row = set.pixels().rows(i, i + 1).data<uint8_t>();
    for (int64_t y = 0; y < side; ++y)
      for (int64_t x = 0; x < side; ++x) {
        const bool bright = y * 8 / side >= 2 * c && y * 8 / side <= 2 * c + 2;
        row[static_cast<size_t>(y * side + x)] = static_cast<uint8_t>((bright ? 110 : 30) + rng.below(120));
      }
  }
  return set;
}

inline train::Recipe small_recipe(const std::string& more = "") {
  return train::Recipe::read(Config::parse(R"(
network:
  - conv: {filters: 4, kernel: 3, padding: same}
  - batch_norm
  - relu
  - max_pool: 2
  - flatten
  - dropout: 0.3
  - linear: 16
  - relu
  - linear: classes
data: {augment: {shift: 1, rotate: 10, scale: 0.1, noise: 0.05}}
)" + more,
                                           "small.yaml"));
}

/// The bytes of all tensors.
inline std::vector<uint8_t> weights(nn::Module& net) { return format_safetensors({nn::named(net), {}}); }

inline void expect_same(double a, double b, const std::string& what) {
  EXPECT_TRUE(a == b || (std::isnan(a) && std::isnan(b))) << what << ": " << a << " and " << b;
}

/// Equal in everything but seconds.
inline void expect_same_history(const std::vector<evaluate::EpochPoint>& a,
                                const std::vector<evaluate::EpochPoint>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    const std::string at = " of epoch " + std::to_string(i + 1);
    EXPECT_EQ(a[i].epoch, b[i].epoch);
    expect_same(a[i].train_loss, b[i].train_loss, "train loss" + at);
    expect_same(a[i].train_accuracy, b[i].train_accuracy, "train accuracy" + at);
    expect_same(a[i].validation_loss, b[i].validation_loss, "validation loss" + at);
    expect_same(a[i].validation_accuracy, b[i].validation_accuracy, "validation accuracy" + at);
    expect_same(a[i].learning_rate, b[i].learning_rate, "learning rate" + at);
  }
}

}  // namespace tandem::testing
