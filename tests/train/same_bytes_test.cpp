// What the house promises of bytes: an example gets the same answer wherever it stands in a batch, on any number of
// threads, each time; a training becomes the same network each time.
#include <tandem/base/threads.h>
#include <tandem/tasks/quantise.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <set>

#include "tests/train/courses.h"

namespace tandem::testing {
namespace {

bool torture() { return std::getenv("TANDEM_TORTURE") != nullptr; }
int threads_of(int run) { return std::array{1, 2, 5, 8}[static_cast<size_t>(run) % 4]; }

struct Network {
  std::string name, layers, of = "pictures";  // or texts, rows
  bool int8 = false;                          // predicts in 8-bit integers
};

const std::vector<Network> networks{
    {"forward", "[flatten, linear: 200, relu, linear: 64, tanh, linear: classes]"},
    {"convolutions",
     "[conv: {filters: 16, padding: same}, batch_norm, relu, conv: {filters: 32, padding: same}, max_pool: 2, "
     "batch_norm, gelu, conv: {filters: 24, kernel: 5, stride: 2}, relu, flatten, linear: classes]"},
    {"winograd",
     "[conv: {filters: 32, padding: same}, relu, conv: {filters: 32, padding: same}, batch_norm, relu, "
     "global_avg_pool, linear: classes]"},
    {"residual",
     "[conv: {filters: 16, padding: same}, residual: {body: [conv: {filters: 16, padding: same}, batch_norm, relu, "
     "conv: {filters: 16, padding: same}]}, group_norm: 4, silu, avg_pool: 2, global_avg_pool, linear: classes]"},
    {"int8",
     "[conv: {filters: 16, padding: same}, batch_norm, relu, max_pool: 2, conv: {filters: 24, padding: same}, relu, "
     "flatten, linear: 64, relu, linear: classes]",
     "pictures", true},
    {"rows", "[linear: 200, batch_norm, relu, linear: classes]", "rows"},
    {"lstm", "[embedding: 24, lstm: {units: 32, layers: 2, bidirectional: true}, pool_sequence: last, linear: classes]",
     "texts"},
    {"gru", "[embedding: 24, gru: 32, pool_sequence: max, linear: classes]", "texts"},
    {"words", "[embedding: 24, conv1d: {filters: 32, kernel: 3}, relu, pool_sequence: max, linear: classes]", "texts"},
    {"transformer",
     "[embedding: 32, positions: {most: 16}, transformer: {layers: 2, heads: 4}, pool_sequence: mean, linear: classes]",
     "texts"}};

struct SameBytes : ::testing::TestWithParam<Network> {
  static constexpr int64_t examples = 64;
  data::Dataset set = GetParam().of == "texts"  ? sayings(examples, 1, 0, 9)
                      : GetParam().of == "rows" ? rows(examples, 1)
                                                : bands(examples, 1, 28);
  train::Recipe recipe =
      train::Recipe::read(Config::parse("network: " + GetParam().layers + "\ntrain: {epochs: 1, batch: 16}\n" +
                                            (GetParam().of == "texts"  ? "task: text_classification\n"
                                             : GetParam().of == "rows" ? "task: table_classification\n"
                                                                       : ""),
                                        "n.yaml"));
  tasks::Classifier model = [&] {
    tasks::Classifier made = train::make_model(recipe, set);
    return GetParam().int8 ? tasks::quantised(made, set) : made;
  }();
  /// The probabilities of each of these examples, from one batch.
  std::vector<std::vector<float>> answers(const std::vector<int64_t>& which) {
    const std::vector<float> p = model.predict(data::subset(set, which));
    std::vector<std::vector<float>> out;
    for (size_t i = 0; i < which.size(); ++i)
      out.emplace_back(p.begin() + static_cast<std::ptrdiff_t>(3 * i),
                       p.begin() + static_cast<std::ptrdiff_t>(3 * i + 3));
    return out;
  }
  static bool same(const std::vector<float>& a, const std::vector<float>& b) {
    return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
  }
};

TEST_P(SameBytes, WhereverAnExampleStandsAndOnAnyThreads) {
  std::vector<int64_t> order(examples);
  std::iota(order.begin(), order.end(), 0);
  const auto first = answers(order);
  const int runs = torture() ? 100 : 10;
  for (int run = 0; run < runs; ++run) {
    set_threads(threads_of(run));
    order = Rng(static_cast<uint64_t>(run), "order").permutation(examples);
    const auto now = answers(order);
    for (size_t i = 0; i < order.size(); ++i)
      ASSERT_TRUE(same(now[i], first[static_cast<size_t>(order[i])]))
          << "example " << order[i] << " at place " << i << ", run " << run;
  }
  set_threads(0);
}

// A batch of another size may be summed in another order. From four examples on it is not; below that answers differ
// by what such an order does to a float.
TEST_P(SameBytes, InBatchesOfAnySizeFromFourOn) {
  std::vector<int64_t> all(examples);
  std::iota(all.begin(), all.end(), 0);
  const auto first = answers(all);
  for (const int64_t size :
       {int64_t{1}, int64_t{2}, int64_t{3}, int64_t{4}, int64_t{5}, int64_t{7}, int64_t{16}, int64_t{33}}) {
    for (int64_t begin = 0; begin + size <= examples; begin += 17) {
      const auto now = answers({all.begin() + begin, all.begin() + begin + size});
      for (int64_t i = 0; i < size; ++i) {
        const auto &a = now[static_cast<size_t>(i)], &b = first[static_cast<size_t>(begin + i)];
        EXPECT_TRUE(size < 4 || same(a, b)) << "size " << size << ", example " << begin + i;
        for (size_t c = 0; c < a.size(); ++c) EXPECT_NEAR(a[c], b[c], 2e-6);
      }
    }
  }
}

TEST_P(SameBytes, ATrainingBecomesTheSameNetwork) {
  std::vector<uint8_t> first;
  const data::Dataset none{.inputs = set.inputs, .labels = {}, .classes = set.classes, .source = ""};
  for (int run = 0; run < (torture() ? 100 : 4); ++run) {
    set_threads(threads_of(run));
    tasks::Classifier learner = train::make_model(recipe, set);
    train::Trainer(recipe, learner, set, none).run();
    const auto now = weights(learner.net);
    if (run == 0) first = now;
    ASSERT_TRUE(now == first) << "run " << run;
  }
  set_threads(0);
}

INSTANTIATE_TEST_SUITE_P(Networks, SameBytes, ::testing::ValuesIn(networks),
                         [](const auto& p) { return p.param.name; });

struct SameBytesOfCourses : ::testing::TestWithParam<Course> {};

TEST_P(SameBytesOfCourses, ATrainingEndsInTheSameState) {
  std::vector<uint8_t> first;
  for (int run = 0; run < (torture() ? 100 : 4); ++run) {
    set_threads(threads_of(run));
    const Training training(GetParam());
    training.run();
    const auto now = training.state();
    if (run == 0) first = now;
    ASSERT_TRUE(now == first) << "run " << run;
  }
  set_threads(0);
}

INSTANTIATE_TEST_SUITE_P(Courses, SameBytesOfCourses, ::testing::ValuesIn(courses()),
                         [](const auto& p) { return p.param.name; });

TEST(SameBytesOfText, IsWrittenOnAnyThreads) {
  const Folder home;
  const fs::path text = home.write("text.txt", alphabet_text(60));
  for (const auto& [network, carry] : {std::pair{tiny_lstm, true}, std::pair{tiny_transformer, false}}) {
    const tasks::LanguageModel model = tiny_language_model(network, text, carry);
    std::set<std::string> written, measured;
    for (int run = 0; run < (torture() ? 100 : 8); ++run) {
      set_threads(threads_of(run));
      written.insert(generate(model, "abc", {.tokens = 60, .temperature = 0.9, .cache = run % 8 < 4}).text);
      measured.insert(fmt::format("{:a}", measure(model, stream_of(model, text)).loss));
    }
    set_threads(0);
    EXPECT_EQ(written.size(), 1U);
    EXPECT_EQ(measured.size(), 1U);
  }
}

}  // namespace
}  // namespace tandem::testing
