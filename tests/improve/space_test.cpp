#include <tandem/improve/options.h>
#include <tandem/train/recipe.h>

#include <array>
#include <cmath>
#include <set>

#include "tests/testing.h"

namespace tandem::improve {
namespace {

using tandem::testing::expect_error;

const char* const base = R"(name: small
network: [flatten, linear: 32, relu, linear: classes]
optimizer: adam
train: {epochs: 9}
)";

Config recipe(const std::string& search) { return Config::parse(base + search, "small.yaml"); }
SearchOptions options(const std::string& search) { return SearchOptions::read(recipe(search)); }

TEST(Space, ChangesAnyKeyOfARecipe) {
  const std::string text = R"(search:
  space:
    optimizer.lr: {low: 1e-4, high: 1e-1, log: true}
    optimizer.type: {choices: [sgd, adamw]}
    optimizer.momentum: {low: 0.5, high: 0.99, when: {optimizer.type: sgd}}
    train.batch: {choices: [32, 64, 128]}
    network.1.linear: {low: 16, high: 64, step: 16}
    data.augment: {choices: [{}, {shift: 2, rotate: 10}]}
)";
  const SearchOptions o = options(text);
  const Config config = recipe(text);
  Rng rng(1, "space");
  std::set<std::string> batches, units;
  bool with = false, without = false;
  for (int i = 0; i < 60; ++i) {
    const Point point = o.space.draw(rng);
    const Config made = o.space.recipe(config, point);
    const train::Recipe r = train::Recipe::read(made);
    EXPECT_TRUE(made.get("search").is_null());
    EXPECT_TRUE(r.optimizer.lr >= 1e-4 && r.optimizer.lr <= 1e-1);
    if (r.optimizer.type == "sgd")
      EXPECT_TRUE(r.optimizer.momentum >= 0.5 && r.optimizer.momentum <= 0.99);
    else
      EXPECT_EQ(r.optimizer.momentum, 0) << "it depends on sgd";
    batches.insert(std::to_string(r.train.batch));
    units.insert(made.get("network").items()[1].get("linear").text());
    (r.data.augment.image.rotate > 0 ? with : without) = true;
    std::map<std::string, std::string> texts;
    for (const auto& [name, value] : o.space.texts(point)) texts[name] = value;
    const Point back = o.space.point(texts, "x");
    for (size_t k = 0; k < point.size(); ++k)
      EXPECT_TRUE(back[k] == point[k] || (std::isnan(back[k]) && std::isnan(point[k])));
  }
  EXPECT_EQ(batches, (std::set<std::string>{"32", "64", "128"}));
  EXPECT_EQ(units, (std::set<std::string>{"16", "32", "48", "64"}));
  EXPECT_TRUE(with && without);
}

TEST(Space, TemplatesGiveTheNumberOfLayersAndTheUnitsOfEach) {
  const std::string text = R"(search:
  space:
    $layers: {low: 0, high: 3, step: 1}
    $units: {low: 16, high: 128, step: 16, each: $layers}
    $activation: {choices: [relu, tanh]}
  set:
    network:
      - flatten
      - repeat: $layers
        layers: [linear: $units, $activation, dropout: {probability: 0.1}]
      - linear: classes
)";
  const SearchOptions o = options(text);
  EXPECT_EQ(o.space.size(), 5u);  // $layers, $units.1 to $units.3, $activation
  Rng rng(2, "templates");
  std::set<size_t> sizes;
  for (int i = 0; i < 40; ++i) {
    const Point point = o.space.draw(rng);
    const Config made = o.space.recipe(recipe(text), point);
    const auto layers = made.get("network").items();
    sizes.insert(layers.size());
    const auto texts = o.space.texts(point);
    const auto text_of = [&](const std::string& name) {
      for (const auto& [key, value] : texts)
        if (key == name) return value;
      return std::string();
    };
    const size_t n = static_cast<size_t>(std::stoi(text_of("$layers")));
    ASSERT_EQ(layers.size(), 2 + 3 * n);
    for (size_t k = 0; k < 3; ++k) {
      const std::string units = text_of("$units." + std::to_string(k + 1));
      EXPECT_EQ(units.empty(), k >= n);
      if (k >= n) continue;
      EXPECT_EQ(layers[1 + 3 * k].get("linear").text(), units);
      EXPECT_EQ(layers[2 + 3 * k].text(), text_of("$activation"));
    }
    EXPECT_EQ(train::Recipe::read(made).network.layers().size(), layers.size());
  }
  EXPECT_EQ(sizes, (std::set<size_t>{2, 5, 8, 11}));
}

TEST(Parameter, EveryStepHasItsShare) {
  const Parameter p{.name = "x", .low = 1, .high = 4, .step = 1};
  EXPECT_EQ(p.levels(), 4);
  std::array<int, 5> seen{};
  for (int i = 0; i < 1000; ++i) ++seen[static_cast<size_t>(p.at((i + 0.5) / 1000))];
  for (size_t v = 1; v <= 4; ++v) EXPECT_NEAR(seen[v], 250, 2);
  const Parameter log{.name = "x", .low = 1e-5, .high = 1e-1, .log = true};
  EXPECT_NEAR(log.at(0.5), 1e-3, 1e-8);
  for (const double u : {0.0, 0.1, 0.7, 1.0}) EXPECT_NEAR(log.unit(log.at(u)), u, 1e-5);
}

struct Bad {
  const char* search;
  std::vector<std::string> parts;
};

TEST(Space, RefusesWhatIsEmptyUnknownOrContradictsItself) {
  const std::vector<Bad> all{
      {"", {"small.yaml:1:1", "has no search: section", "optimizer.lr: {low"}},
      {"search: {trials: 3}\n", {"small.yaml:5:9", "search.space is empty"}},
      {"search: {space: {optimizer.lr: {low: 1, high: 0.1}}}\n",
       {"small.yaml:5:32", "low 1 lies above high 0.1", "swap them"}},
      {"search: {space: {optimizer.lr: {low: 0, high: 0.1, log: true}}}\n", {":5:", "a log scale starts above 0"}},
      {"search: {space: {optimizer.lr: {low: 0.1}}}\n", {":5:", "needs low and high, or choices"}},
      {"search: {space: {optimizer.lr: 0.1}}\n", {":5:", "expected {low: …, high: …}"}},
      {"search: {space: {optimizer.lr: {lo: 1, high: 2}}}\n", {":5:", "unknown key 'lo'", "did you mean 'low'"}},
      {"search: {space: {optimizer.lr: {low: 1, high: 2, choices: [1]}}}\n", {":5:", "choices and a range"}},
      {"search: {space: {train.batch: {choices: []}}}\n", {":5:", "choices must be a list with at least one value"}},
      {"search: {space: {train.batch: {choices: [32, 32]}}}\n", {":5:", "the choice 32 stands twice"}},
      {"search: {space: {train.batch: {choices: [32, 0]}}}\n",
       {"small.yaml:5:31", "train.batch = 0 makes no valid recipe", "outside the valid range"}},
      {"search: {space: {train.batch: {low: 8, high: 64}}}\n", {":5:", "train.batch", "whole numbers need step: 1"}},
      {"search: {space: {optimizer.rate: {low: 0.1, high: 1}}}\n",
       {":5:", "optimizer.rate", "unknown key 'rate'"}},
      {"search: {space: {optimizer.lr: {low: -2, high: -1}}}\n", {":5:", "optimizer.lr = -2", "outside the valid range"}},
      {"search: {space: {network.9.linear: {choices: [1, 2]}}}\n", {":5:", "network", "a list of 4 items"}},
      {"search: {space: {optimizer.momentum: {low: 0, high: 1, when: {optimizer.type: sgd}}}}\n",
       {":5:", "depends on optimizer.type, which is not in search.space"}},
      {"search: {space: {optimizer.type: {choices: [sgd, adam]}, optimizer.lr: {low: 0.1, high: 1, when: "
       "{optimizer.type: sdg}}}}\n",
       {":5:", "its choices are sgd, adam", "did you mean sgd"}},
      {"search: {space: {train.epochs: {low: 1, high: 3, step: 1}, optimizer.lr: {low: 0.1, high: 1, when: "
       "{train.epochs: {low: 5}}}}}\n",
       {":5:", "optimizer.lr is never there", "train.epochs goes from 1 to 3"}},
      {"search: {space: {optimizer.lr: {low: 0.1, high: 1, when: {optimizer.alpha: {low: 0}}}, optimizer.alpha: {low: 0, "
       "high: 1, when: {optimizer.lr: {low: 0}}}}}\n",
       {":5:", "depends, by way of others, on itself"}},
      {"search: {space: {$units: {low: 1, high: 8, step: 1}}}\n", {":5:", "$units is used nowhere"}},
      {"search: {space: {$u: {low: 1, high: 8, step: 1}}, set: {network: [flatten, linear: $u, linear: $v]}}\n",
       {":5:", "$v is not in search.space", "there: $u"}},
      {"search: {space: {$u: {low: 1, high: 8, step: 1, each: $n}}, set: {network: [flatten, linear: $u]}}\n",
       {":5:", "each: $n must name a number of the space"}},
      {"search: {space: {network.1.linear: {choices: [1, 2]}, $u: {choices: [1]}}, set: {network: [linear: $u]}}\n",
       {":5:", "network.1.linear lies inside network"}},
      {"search: {sampler: tpa, space: {optimizer.lr: {low: 0.1, high: 1}}}\n", {":5:", "'tpa'", "did you mean 'tpe'"}},
      {"search: {sampler: cma_es, space: {train.batch: {choices: [1, 2]}}}\n", {":5:", "cma_es takes numbers only"}},
      {"search: {objectives: [accurracy], space: {optimizer.lr: {low: 0.1, high: 1}}}\n",
       {":5:", "'accurracy' is not known", "did you mean 'accuracy'"}},
      {"search: {objectives: [loss, loss], space: {optimizer.lr: {low: 0.1, high: 1}}}\n", {":5:", "loss stands twice"}},
      {"search: {trials: 0, space: {optimizer.lr: {low: 0.1, high: 1}}}\n", {":5:", "search.trials", "outside"}},
      {"data: {validation: 0}\nsearch: {space: {optimizer.lr: {low: 0.1, high: 1}}}\n",
       {":6:", "data.validation", "set it to 0.1"}},
  };
  for (const Bad& bad : all) {
    SCOPED_TRACE(bad.search);
    expect_error(ErrorKind::usage, bad.parts, [&] { (void)options(bad.search); });
  }
}

}  // namespace
}  // namespace tandem::improve
