#include <tandem/nn/activation.h>
#include <tandem/nn/conv.h>
#include <tandem/nn/linear.h>
#include <tandem/people/choose.h>
#include <tandem/people/labelling.h>

#include <set>

#include "tests/train/small.h"

namespace tandem::people {
namespace {

using tandem::testing::bands;

// One linear layer whose scores are the pixels: what the network thinks of a picture is painted into it.
tasks::Classifier reader(int64_t side = 2) {
  tasks::Classifier model;
  model.net = nn::Sequential{nn::Flatten{}, nn::Linear{}};
  model.input = tasks::ImageInput{side, side, 1, {0}, {0.1}};
  for (int64_t c = 0; c < side * side; ++c) model.classes.push_back(std::to_string(c));
  model.build(Rng(1, "x"));
  for (auto& [name, t] : nn::named(model.net)) {
    std::ranges::fill(t.data<float>(), 0.0F);
    if (t.rank() == 2)
      for (int64_t i = 0; i < t.size(0); ++i) t.data<float>()[static_cast<size_t>(i * t.size(1) + i)] = 1;
  }
  return model;
}

data::Dataset painted(const std::vector<std::vector<uint8_t>>& pictures) {
  data::Dataset set{.inputs = Tensor::empty({std::ssize(pictures), 2, 2, 1}, DType::u8),
                    .labels = std::vector<int32_t>(pictures.size(), 0),
                    .classes = {"0", "1", "2", "3"},
                    .source = "painted"};
  for (size_t i = 0; i < pictures.size(); ++i)
    std::ranges::copy(pictures[i], set.pixels().data<uint8_t>().begin() + static_cast<int64_t>(4 * i));
  return set;
}

TEST(MostUseful, AsksWhereTheNetworkIsUnsure) {
  std::vector<std::vector<uint8_t>> pictures(60, {255, 0, 0, 0});  // sure: class 0
  pictures[17] = {200, 200, 0, 0};                                 // 0 or 1
  pictures[42] = {0, 0, 200, 200};                                 // 2 or 3
  for (const uint64_t seed : {1, 2, 3, 4, 5}) {
    const auto chosen = most_useful(reader(), painted(pictures), 2, seed);
    EXPECT_EQ(std::set<int64_t>(chosen.begin(), chosen.end()), (std::set<int64_t>{17, 42})) << seed;
  }
}

// Twenty pictures of one doubt and one of another: both doubts are asked about, not the same twice.
TEST(MostUseful, DoesNotAskTheSameTwice) {
  std::vector<std::vector<uint8_t>> pictures(20, {200, 200, 0, 0});
  pictures.push_back({0, 0, 200, 200});
  for (const uint64_t seed : {1, 2, 3, 4, 5}) {
    const auto chosen = most_useful(reader(), painted(pictures), 2, seed);
    ASSERT_EQ(chosen.size(), 2U);
    EXPECT_TRUE(chosen[0] == 20 || chosen[1] == 20) << seed;
  }
}

// The distances of gradients come from their parts: against the products written out.
TEST(MostUseful, IsKMeansSeedingOnTheGradientsOfTheLastLayer) {
  tasks::Classifier model = reader();
  const data::Dataset pool = painted({{200, 190, 0, 0}, {10, 12, 9, 8}, {90, 80, 70, 60}, {255, 0, 255, 0}});
  const std::vector<float> p = model.predict(pool);
  std::vector<std::vector<double>> g;
  for (size_t i = 0; i < 4; ++i) {
    const auto row = std::span(p).subspan(i * 4, 4);
    const auto best = std::ranges::max_element(row) - row.begin();
    std::vector<double> one;
    for (int64_t c = 0; c < 4; ++c)
      for (size_t f = 0; f < 4; ++f)
        one.push_back((static_cast<double>(row[static_cast<size_t>(c)]) - (c == best ? 1 : 0)) *
                      static_cast<double>(pool.pixels().data<uint8_t>()[i * 4 + f]) / 255 / 0.1);
    g.push_back(one);
  }
  const auto square = [&](size_t i, size_t j, bool origin) {
    double sum = 0;
    for (size_t d = 0; d < 16; ++d) sum += std::pow(g[i][d] - (origin ? 0 : g[j][d]), 2);
    return sum;
  };
  // How often each is drawn first, and second after it, is its share of the squares.
  std::vector<double> first(4), want(4);
  double total = 0;
  for (size_t i = 0; i < 4; ++i) total += want[i] = square(i, 0, true);
  constexpr int draws = 4000;
  double zero_then_three = 0, zero = 0;
  for (int seed = 0; seed < draws; ++seed) {
    const auto chosen = most_useful(model, pool, 2, static_cast<uint64_t>(seed));
    first[static_cast<size_t>(chosen[0])] += 1;
    zero += chosen[0] == 0, zero_then_three += chosen[0] == 0 && chosen[1] == 3;
  }
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(first[i] / draws, want[i] / total, 0.03) << i;
  double rest = 0;
  for (size_t i = 1; i < 4; ++i) rest += std::min(square(i, 0, true), square(i, 0, false));
  EXPECT_NEAR(zero_then_three / zero, std::min(square(3, 0, true), square(3, 0, false)) / rest, 0.05);
}

TEST(MostDiverse, TakesWhatIsFarFromWhatThereIs) {
  std::vector<std::vector<uint8_t>> pictures(30, {0, 0, 0, 0});
  pictures[11] = {255, 255, 0, 0};
  pictures[23] = {0, 0, 255, 255};
  const std::vector<int64_t> there{0};
  for (const uint64_t seed : {1, 2, 3}) {
    const auto chosen = most_diverse(painted(pictures), there, 2, seed);
    EXPECT_EQ(std::set<int64_t>(chosen.begin(), chosen.end()), (std::set<int64_t>{11, 23})) << seed;
  }
  const auto all = most_diverse(painted(pictures), {}, 99, 1);  // equal ones too, each once
  EXPECT_EQ(std::set<int64_t>(all.begin(), all.end()).size(), 30U);
}

TEST(LabelCurve, UsefulQuestionsLearnMoreFromAsManyAnswers) {
  const train::Recipe recipe = train::Recipe::read(Config::parse(R"(
network: [conv: {filters: 8, kernel: 5, stride: 2}, batch_norm, relu, flatten, linear: classes]
data: {source: builtin, train: 1000, test: 500, validation: 0, size: [14, 14]}
optimizer: {lr: 0.01}
train: {epochs: 1, batch: 32}
)",
                                                                 "curve.yaml"));
  data::Splits data = train::prepare(recipe, "");
  // Nine of ten pictures are copies of ten: random questions hear of little else.
  for (int64_t i = 10; i < data.train.size(); ++i)
    if (i / 10 % 10 != 0)
      std::ranges::copy(data.train.pixels().rows(i % 10, i % 10 + 1).data<const uint8_t>(),
                        data.train.pixels().rows(i, i + 1).data<uint8_t>().begin());
  const std::vector<int64_t> sizes{20, 60, 100};
  std::vector<int64_t> heard;
  const auto useful = label_curve(recipe, data.train, data.test, sizes, true, 60, 2,
                                  [&](const CurvePoint& p) { heard.push_back(p.labels); });
  const auto random = label_curve(recipe, data.train, data.test, sizes, false, 60);
  EXPECT_EQ(heard, sizes);
  EXPECT_EQ(useful[0].accuracy, random[0].accuracy) << "they start alike";
  EXPECT_GT(useful[2].accuracy, random[2].accuracy + 0.05);
  EXPECT_EQ(label_curve(recipe, data.train, data.test, sizes, false, 60, random[0].accuracy).size(), 1U) << "enough";
}

TEST(LabelCurve, LabelsForAnAccuracyLieBetweenTwoPoints) {
  const std::vector<CurvePoint> curve{{100, 0.8}, {200, 0.9}, {300, 0.92}};
  EXPECT_EQ(labels_for(curve, 0.7), 100);
  EXPECT_NEAR(*labels_for(curve, 0.85), 150, 1e-9);
  EXPECT_FALSE(labels_for(curve, 0.95).has_value());
}

}  // namespace
}  // namespace tandem::people
