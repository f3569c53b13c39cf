#include <tandem/nn/activation.h>
#include <tandem/nn/conv.h>
#include <tandem/nn/linear.h>
#include <tandem/nn/norm.h>
#include <tandem/nn/weights.h>
#include <tandem/tasks/classifier.h>

#include <cmath>
#include <cstring>

#include "tests/train/small.h"

namespace tandem::testing {
namespace {

using tasks::Classifier;
using tasks::ImageInput;

Classifier small_model(uint64_t seed = 1) {
  Classifier model;
  model.net = nn::Sequential{nn::Conv2d{8, 3, 1}, nn::BatchNorm{}, nn::ReLU{}, nn::MaxPool2d{2},
                             nn::Flatten{},       nn::Linear{32},  nn::ReLU{}, nn::Linear{}};
  model.input = tasks::fit_input(bands(60, 1));
  model.classes = {"top", "middle", "bottom"};
  model.build(Rng(seed, "weights"));
  return model;
}

TEST(ImageInput, FitsMeanAndDeviationOfEachChannel) {
  data::Dataset set = bands(2, 1);
  set.inputs = Tensor::empty({2, 1, 2, 3}, DType::u8);
  const std::vector<uint8_t> bytes{0, 255, 7, 0, 255, 7, 255, 0, 7, 255, 0, 7};
  std::ranges::copy(bytes, set.pixels().data<uint8_t>().begin());
  const ImageInput input = tasks::fit_input(set);
  EXPECT_EQ(input.shape(), (Shape{1, 2, 3}));
  EXPECT_NEAR(input.mean[0], 0.5, 1e-12);
  EXPECT_NEAR(input.std[0], 0.5, 1e-12);
  EXPECT_NEAR(input.mean[2], 7.0 / 255, 1e-12);
  EXPECT_EQ(input.std[2], 1) << "a constant channel is not divided by zero";
  const Tensor x = tasks::make_batch(input, set, std::vector<int64_t>{1}, {}, {});
  for (const auto& [i, value] :
       std::vector<std::pair<int64_t, double>>{{0, 1}, {1, -1}, {2, 0}, {3, 1}, {4, -1}, {5, 0}})
    EXPECT_NEAR(x.at(i), value, 1e-6) << i;
}

TEST(ImageInput, ABatchIsItsExamples) {
  const data::Dataset set = bands(10, 1);
  const ImageInput input = tasks::fit_input(set);
  data::Augment augment;
  augment.shift = 1, augment.rotate = 20, augment.noise = 0.1;
  const std::vector<int64_t> order{7, 2, 2};
  const Tensor batch = tasks::make_batch(input, set, order, augment, Rng(1, "a"));
  EXPECT_EQ(batch.shape(), (Shape{3, 8, 8, 1}));
  for (size_t i = 0; i < order.size(); ++i) {
    const Tensor one = tasks::make_batch(input, set, std::span(order).subspan(i, 1), augment, Rng(1, "a"));
    EXPECT_EQ(std::memcmp(one.bytes(), batch.rows(static_cast<int64_t>(i), static_cast<int64_t>(i) + 1).bytes(),
                          one.byte_count()),
              0)
        << "how an example is changed depends on its index alone";
  }
  const Tensor other = tasks::make_batch(input, set, order, augment, Rng(2, "a"));
  EXPECT_NE(std::memcmp(other.bytes(), batch.bytes(), batch.byte_count()), 0);
  expect_error(ErrorKind::data, {"8x8x1", "takes 9x8x1"}, [&] {
    ImageInput wrong = input;
    wrong.height = 9;
    (void)tasks::make_batch(wrong, set, order, {}, {});
  });
}

// Bilinear between pixel centres: output x of n lies at (x + 1/2) w / n - 1/2 of the input, held inside it.
TEST(ImageInput, ResizesBatches) {
  const Tensor x = Tensor::from<float>({0, 1, 2, 3, 10, 11, 12, 13}, {1, 2, 4, 1});
  const auto expect = [&](int64_t h, int64_t w, const std::vector<double>& values) {
    const Tensor y = tasks::resize_batch(x, h, w);
    ASSERT_EQ(y.shape(), (Shape{1, h, w, 1}));
    for (size_t i = 0; i < values.size(); ++i)
      EXPECT_NEAR(y.at(static_cast<int64_t>(i)), values[i], 1e-5) << h << "x" << w << " at " << i;
  };
  expect(2, 4, {0, 1, 2, 3, 10, 11, 12, 13});
  expect(2, 2, {0.5, 2.5, 10.5, 12.5});
  expect(1, 4, {5, 6, 7, 8});
  expect(1, 1, {6.5});
  expect(4, 4, {0, 1, 2, 3, 2.5, 3.5, 4.5, 5.5, 7.5, 8.5, 9.5, 10.5, 10, 11, 12, 13});
  const data::Dataset set = bands(5, 1);
  const Tensor batch = tasks::make_batch(tasks::fit_input(set), set, std::vector<int64_t>{0, 1, 2, 3, 4}, {}, {});
  const Tensor all = tasks::resize_batch(batch, 5, 3), one = tasks::resize_batch(batch.rows(3, 4).clone(), 5, 3);
  EXPECT_EQ(std::memcmp(all.rows(3, 4).bytes(), one.bytes(), one.byte_count()), 0) << "each example by itself";
  expect_error(ErrorKind::usage, {"resize_batch", "0x3"}, [&] { (void)tasks::resize_batch(batch, 0, 3); });
}

TEST(Classifier, SavedAndLoadedPredictsTheSameBytes) {
  const Folder folder;
  const data::Dataset set = bands(100, 3);
  Classifier model = small_model();
  model.notes = {{"recipe", "name: x\n"}, {"seed", "1"}};
  model.classes = {"null", "\"b\": [", "手写"};
  model.save(folder / "m.safetensors");
  Classifier back = Classifier::load(folder / "m.safetensors");
  EXPECT_EQ(back.classes, model.classes);
  EXPECT_EQ(back.notes, model.notes);
  EXPECT_EQ(back.loss, model.loss);
  EXPECT_EQ(back.image().mean, model.image().mean) << "to the last bit";
  EXPECT_EQ(back.image().std, model.image().std);
  EXPECT_EQ(back.predict(set), model.predict(set));
  back.save(folder / "again.safetensors");
  EXPECT_EQ(read_file(folder / "again.safetensors"), read_file(folder / "m.safetensors"));
}

// Products of other sizes are summed in another order: a few last bits of a float32 (6e-8) may differ, no more.
TEST(Classifier, PredictsTheSameForAnyBatch) {
  const data::Dataset set = bands(300, 3);
  Classifier model = small_model();
  const auto all = model.predict(set, 256);
  ASSERT_EQ(all.size(), 900U);
  for (const int64_t batch : {1, 2, 7, 64, 300}) {
    const auto other = model.predict(set, batch);
    ASSERT_EQ(other.size(), all.size());
    for (size_t i = 0; i < all.size(); ++i) ASSERT_NEAR(other[i], all[i], 5e-7) << "batch " << batch;
  }
  EXPECT_EQ(model.predict(set, 256), all);
  for (size_t i = 0; i < all.size(); i += 3) EXPECT_NEAR(all[i] + all[i + 1] + all[i + 2], 1, 1e-6);
}

TEST(Classifier, FeaturesAreWhatGoesIntoTheLastLayer) {
  const data::Dataset set = bands(20, 3);
  Classifier model = small_model();
  EXPECT_EQ(model.net.head(), 7U);
  EXPECT_EQ(model.feature_count(), 32);
  const evaluate::Outputs out = model.outputs(set);
  ASSERT_EQ(out.features.shape(), (Shape{20, 32}));
  // The last layer by hand, from the features, gives the probabilities.
  const auto parts = nn::named(model.net);
  const Tensor weight = parts[parts.size() - 2].second, bias = parts.back().second;
  for (int64_t i = 0; i < 20; ++i) {
    std::vector<double> z(3);
    double sum = 0;
    for (int64_t c = 0; c < 3; ++c) {
      double logit = bias.at(c);
      for (int64_t j = 0; j < 32; ++j) logit += weight.at(c * 32 + j) * out.features.at(i * 32 + j);
      sum += z[static_cast<size_t>(c)] = std::exp(logit);
    }
    for (int64_t c = 0; c < 3; ++c) EXPECT_NEAR(out.probabilities.at(i * 3 + c), z[static_cast<size_t>(c)] / sum, 1e-5);
  }
  Classifier flat = small_model();
  flat.net = nn::Sequential{nn::Flatten{}, nn::Linear{}, nn::Softmax{}};
  flat.build(Rng(1, "w"));
  EXPECT_EQ(flat.feature_count(), 64);
  // A batch norm at the end is folded into the layer before it for prediction: the features stay what they are.
  Classifier normed = small_model();
  normed.net = nn::Sequential{nn::Flatten{}, nn::Linear{16}, nn::ReLU{}, nn::Linear{}, nn::BatchNorm{}};
  normed.build(Rng(1, "w"));
  EXPECT_EQ(normed.net.head(), 3U);
  EXPECT_EQ(normed.outputs(set).features.shape(), (Shape{20, 16}));
  expect_error(ErrorKind::usage, {"people", "no validation part"}, [&] { flat.check_people(bands(0, 1)); });
}

TEST(Classifier, LoadRefusesDamage) {
  const Folder folder;
  small_model().save(folder / "good.safetensors");
  const TensorFile good = read_safetensors(folder / "good.safetensors");
  const auto refused = [&](const std::vector<std::string>& parts, const std::function<void(TensorFile&)>& change) {
    TensorFile bad = good;
    change(bad);
    write_safetensors(folder / "bad.safetensors", bad);
    std::vector<std::string> all = parts;
    all.emplace_back("bad.safetensors");
    SCOPED_TRACE(parts[0]);
    expect_error(ErrorKind::data, all, [&] { (void)Classifier::load(folder / "bad.safetensors"); });
  };
  const auto put = [](const char* key, const char* value) {
    return [=](TensorFile& f) { f.metadata[std::string("tandem.") + key] = value; };
  };
  for (const char* key : {"format", "task", "loss", "network", "input", "classes"})
    refused({std::string("no 'tandem.") + key + "'", "no model of tandem"},
            [&](TensorFile& f) { f.metadata.erase(std::string("tandem.") + key); });
  refused({"version '2'", "reads 1"}, put("format", "2"));
  refused({"'speech'", "expected image_classification"}, put("task", "speech"));
  refused({"damaged", "'mse'"}, put("loss", "mse"));
  refused({"damaged", "unknown layer 'sorrow'"}, put("network", "[sorrow]"));
  refused({"damaged", "(network):1"}, put("network", "["));
  refused({"damaged"}, put("network", "relu"));
  refused({"damaged"}, put("network", ""));
  refused({"damaged", "expected (3)"}, put("network", "[flatten]"));
  refused({"damaged", "unknown key"}, put("input", "{hight: 8}"));
  refused({"damaged", "preprocessing"}, put("input", "{height: 8, width: 8, channels: 1, mean: [0], std: [0]}"));
  refused({"damaged", "preprocessing"}, put("input", "{height: 8, width: 8, channels: 3, mean: [0], std: [1]}"));
  refused({"damaged", "preprocessing"},
          put("input", "{height: 65536, width: 65536, channels: 1, mean: [0], std: [1]}"));
  refused({"damaged", "outside the valid range"},
          put("input", "{height: -8, width: 8, channels: 1, mean: [0], std: [1]}"));
  refused({"'7.weight'", "(3, 32)", "(2, 32)"}, put("classes", "[a, b]"));
  refused({"damaged"}, put("classes", "[]"));
  refused({"'0.weight'", "missing"}, [](TensorFile& f) { f.tensors.erase(f.tensors.begin()); });
  refused({"'x'", "no layer"}, [](TensorFile& f) { f.tensors.emplace_back("x", Tensor::zeros({1})); });
  // A file of a kilobyte must not make the program fill the memory.
  refused({"damaged", "too large"}, put("network", "[flatten, linear: 10000000, linear: 10000000, linear: 3]"));
  refused({"damaged", "too large"},
          put("network", "[conv: {filters: 65536, padding: same}, batch_norm, flatten, batch_norm, linear: 3]"));
}

TEST(Classifier, BuildSaysWhatDoesNotFit) {
  const auto refused = [](const std::string& loss, const std::string& network, size_t classes,
                          const std::vector<std::string>& parts) {
    Classifier model = small_model();
    model.loss = loss;
    model.classes.assign(classes, "c");
    model.net = nn::Sequential::read(Config::parse(network, "n"));
    SCOPED_TRACE(loss + " " + network);
    expect_error(ErrorKind::usage, parts, [&] { model.build(Rng(1, "w")); });
  };
  refused("cross_entropy", "[flatten, linear: 1]", 1, {"one, 'c'", "two or more"});
  refused("cross_entropy", "[flatten, linear: 4]", 3, {"shape (4)", "expected (3)", "linear: classes"});
  refused("cross_entropy", "[relu]", 3, {"(8, 8, 1)", "expected (3)"});
  refused("binary_cross_entropy_logits", "[flatten, linear: 1]", 3, {"two classes apart", "has 3"});
  refused("binary_cross_entropy_logits", "[flatten, linear: 2]", 2, {"expected (1)", "linear: 1"});
  refused("binary_cross_entropy", "[flatten, linear: 1]", 2, {"probabilities", "sigmoid"});
}

TEST(Classifier, BinaryProbabilitiesAreThoseOfBothClasses) {
  Classifier model;
  model.classes = {"no", "yes"};
  model.loss = "binary_cross_entropy_logits";
  const Tensor p = model.probabilities(Tensor::from<float>({0, 2}, {2, 1}));
  EXPECT_EQ(p.shape(), (Shape{2, 2}));
  EXPECT_NEAR(p.at(0), 0.5, 1e-7);
  EXPECT_NEAR(p.at(3), 1 / (1 + std::exp(-2.0)), 1e-7);
  EXPECT_NEAR(p.at(2) + p.at(3), 1, 1e-7);
  model.loss = "binary_cross_entropy";
  EXPECT_NEAR(model.probabilities(Tensor::from<float>({0.25F}, {1, 1})).at(1), 0.25, 1e-7);
  model.loss = "cross_entropy";
  EXPECT_NEAR(model.probabilities(Tensor::from<float>({0, std::log(3.0F)}, {1, 2})).at(1), 0.75, 1e-6);
}

TEST(Loss, OfABatch) {
  const std::vector<int32_t> labels{0, 1};
  const Tensor logits =
      Tensor::from<float>({0, std::log(3.0F), std::log(3.0F), 0}, {2, 2});  // probabilities 1/4, 3/4; 3/4, 1/4
  EXPECT_NEAR(tasks::loss({}, logits, labels, {}).item(), std::log(4.0), 1e-6);
  const double smooth = -(0.9 * std::log(0.25) + 0.05 * (std::log(0.25) + std::log(0.75)));
  EXPECT_NEAR(tasks::loss({.label_smoothing = 0.1}, logits, labels, {}).item(), smooth, 1e-6);
  const std::vector<int32_t> uneven{0, 0};
  data::Dataset set = bands(4, 1);
  set.classes = {"a", "b"};
  set.labels = {0, 0, 0, 1};
  const Tensor weights = tasks::balanced_weights(set);
  EXPECT_NEAR(weights.at(0), 4.0 / 6, 1e-7);
  EXPECT_NEAR(weights.at(1), 2, 1e-7);
  const Tensor rows = Tensor::from<float>({0, 0, 0, std::log(3.0F)}, {2, 2});  // 1/2, 1/2; 1/4, 3/4
  const double balanced = (4.0 / 6 * std::log(2.0) + 2 * -std::log(0.75)) / (4.0 / 6 + 2);
  EXPECT_NEAR(tasks::loss({.balanced = true}, rows, labels, weights).item(), balanced, 1e-6)
      << "the weighted mean, as PyTorch has it";
  EXPECT_NEAR(
      tasks::loss({.type = "binary_cross_entropy_logits"}, Tensor::from<float>({0, std::log(3.0F)}, {2, 1}), labels, {})
          .item(),
      (std::log(2.0) - std::log(0.75)) / 2, 1e-6);
  EXPECT_NEAR(
      tasks::loss({.type = "binary_cross_entropy"}, Tensor::from<float>({0.5, 0.75}, {2, 1}), labels, {}).item(),
      (std::log(2.0) - std::log(0.75)) / 2, 1e-6);
}

}  // namespace
}  // namespace tandem::testing
