#include <tandem/adapt/peft.h>
#include <tandem/autograd/tape.h>
#include <tandem/nn/inference.h>
#include <tandem/nn/weights.h>
#include <tandem/train/run.h>

#include <nlohmann/json.hpp>

#include "tests/python.h"
#include "tests/tasks/language_small.h"
#include "tests/train/small.h"

namespace tandem::testing {
namespace {

using adapt::Base;
using adapt::Options;

Options options_of(const std::string& yaml) {
  Options out;
  Fields::read(Config::parse(yaml, "adapt.yaml"), out, "adapt");
  return out;
}

/// A base on disk, and the text it knows.
struct Known {
  Folder home;
  fs::path text = home.write("text.txt", alphabet_text(60));
  fs::path file = home / "base.safetensors";
  tasks::LanguageModel model = tiny_language_model(tiny_lstm, text, false);
  Known() { model.save(file); }

  [[nodiscard]] tasks::LanguageModel adapted(const Options& options) const {
    const Base base = Base::load(file);
    tasks::LanguageModel out = model;
    out.net = adapt::adapted(base, options);
    out.build(Rng(5, "weights"));
    adapt::transfer(base, options, out.net);
    return out;
  }
  [[nodiscard]] double loss(const tasks::LanguageModel& of) const { return measure(of, stream_of(of, text)).loss; }
};

Tensor scores(nn::Sequential& net) {
  const NoGrad off;
  nn::Pass pass;
  pass.lengths = {3, 2};
  return net.forward(Tensor::from(std::vector<int32_t>{3, 4, 5, 6, 7}, {5}), pass);
}

double largest_difference(const Tensor& a, const Tensor& b) {
  double out = 0;
  for (int64_t i = 0; i < a.numel(); ++i) out = std::max(out, std::abs(a.at(i) - b.at(i)));
  return out;
}

/// Trains a little, and names the tensors that moved.
std::vector<std::string> moved(tasks::LanguageModel& model, const Known& known, const Options& options,
                               int64_t epochs = 1) {
  train::Recipe recipe;
  recipe.start_from = known.file.string();
  recipe.adapt = options;
  recipe.train.epochs = epochs;
  recipe.train.batch = 8;
  recipe.optimizer.lr = 0.01;
  std::vector<std::pair<std::string, Tensor>> before;
  for (const auto& [name, t] : nn::named(model.net)) before.emplace_back(name, t.clone());
  tasks::LanguageModeling task(model, stream_of(model, known.text), std::nullopt, 8);
  train::Trainer(recipe, task).run();
  std::vector<std::string> out;
  const auto after = nn::named(model.net);
  for (size_t i = 0; i < after.size(); ++i)
    if (largest_difference(after[i].second, before[i].second) > 0) out.push_back(after[i].first);
  return out;
}

TEST(Adapt, LoraBeginsAsTheBaseAndMovesItsPairsAlone) {
  const Known known;
  const Options options = options_of("lora: {rank: 2, alpha: 4, layers: ['1', linear], tensors: ['weight*']}");
  tasks::LanguageModel model = known.adapted(options);
  nn::Sequential base = known.model.net;
  EXPECT_EQ(largest_difference(scores(model.net), scores(base)), 0) << "B is zeros at first";
  const std::vector<std::string> changed = moved(model, known, options);
  ASSERT_EQ(changed.size(), 10U) << "four matrices of the LSTM and one of the head, two parts each";
  for (const std::string& name : changed) EXPECT_NE(name.find("lora_"), std::string::npos) << name;
  EXPECT_GT(largest_difference(scores(model.net), scores(base)), 1e-3);
  EXPECT_LT(known.loss(model), known.loss(known.model)) << "and it learned";
}

TEST(Adapt, MergedIsTheSameFunctionWithoutTheAdapter) {
  const Known known;
  const Options options = options_of("lora: {rank: 2, alpha: 4}");
  tasks::LanguageModel model = known.adapted(options);
  (void)moved(model, known, options);
  nn::Sequential merged = adapt::merged(model.net);
  EXPECT_EQ(nn::named(merged).size(), nn::named(const_cast<nn::Sequential&>(known.model.net)).size());
  EXPECT_LT(largest_difference(scores(merged), scores(model.net)), 1e-5);
  nn::Sequential ready = nn::for_inference(model.net);
  EXPECT_LT(largest_difference(scores(ready), scores(model.net)), 1e-5);
  // A file of the adapted network is whole, as is one of the merged.
  model.save(known.home / "a.safetensors");
  tasks::LanguageModel loaded = tasks::LanguageModel::load(known.home / "a.safetensors");
  EXPECT_EQ(largest_difference(scores(loaded.net), scores(model.net)), 0);
}

TEST(Adapt, BottlenecksBeginAsTheBaseAndMoveAlone) {
  const Known known;
  const Options options = options_of("bottleneck: {units: 3, layers: [lstm]}");
  tasks::LanguageModel model = known.adapted(options);
  nn::Sequential base = known.model.net;
  EXPECT_EQ(largest_difference(scores(model.net), scores(base)), 0);
  const std::vector<std::string> changed = moved(model, known, options);
  EXPECT_EQ(changed, (std::vector<std::string>{"1.adapter.down.weight", "1.adapter.down.bias", "1.adapter.up.weight",
                                               "1.adapter.up.bias"}));
}

TEST(Adapt, FreezesByNameAndSwapsTheHead) {
  const Known known;
  const Options options = options_of("{freeze: ['0.*', '*bias*'], head: [tanh, linear: classes]}");
  tasks::LanguageModel model = known.adapted(options);
  EXPECT_EQ(model.net.layers().size(), 4U);
  const auto named = nn::named(model.net), base = nn::named(const_cast<nn::Sequential&>(known.model.net));
  EXPECT_EQ(largest_difference(named[1].second, base[1].second), 0) << "the LSTM knows what it knew";
  const std::vector<std::string> changed = moved(model, known, options);
  EXPECT_EQ(changed, (std::vector<std::string>{"1.weight_ih_l0", "1.weight_hh_l0", "1.weight_ih_l1", "1.weight_hh_l1",
                                               "3.weight"}));
  expect_error(ErrorKind::usage, {"adapt.freeze", "'7.*'"},
               [&] { (void)moved(model, known, options_of("freeze: ['7.*']")); });
  expect_error(ErrorKind::usage, {"all tensors are frozen"},
               [&] { (void)moved(model, known, options_of("freeze: ['*']")); });
  expect_error(ErrorKind::usage, {"no layer", "lora", "0 (embedding)"},
               [&] { (void)known.adapted(options_of("lora: {layers: [gru]}")); });
}

TEST(Adapt, RatesByNameAndGradualUnfreezing) {
  const Known known;
  tasks::LanguageModel model = known.adapted({});
  const adapt::Rates rates(
      options_of("{rates: [{tensors: '0.*', rate: 0.1}, {tensors: '1.*l0', rate: 0}], unfreeze: 2}"), model.net);
  EXPECT_EQ(rates.at("2.weight", 0), 1) << "the head from the first epoch";
  EXPECT_EQ(rates.at("1.weight_ih_l1", 1), 0);
  EXPECT_EQ(rates.at("1.weight_ih_l1", 2), 1);
  EXPECT_EQ(rates.at("1.weight_ih_l0", 9), 0);
  EXPECT_EQ(rates.at("0.weight", 3), 0);
  EXPECT_EQ(rates.at("0.weight", 4), 0.1);
  EXPECT_FALSE(rates.ever("1.weight_ih_l0"));
  EXPECT_EQ(moved(model, known, options_of("unfreeze: 1"), 1), (std::vector<std::string>{"2.weight", "2.bias"}));
  EXPECT_EQ(moved(model, known, options_of("unfreeze: 1"), 3).size(), nn::named(model.net).size());
}

TEST(Adapt, AnAdapterIsKeptAloneUnderPeftsNames) {
  const Known known;
  const Base base = Base::load(known.file);
  const Options options = options_of("lora: {rank: 2, alpha: 4, layers: [lstm, embedding]}");
  tasks::LanguageModel model = known.adapted(options);
  (void)moved(model, known, options);
  const fs::path folder = known.home / "adapter";
  adapt::save_adapter(folder, base, options, model.net);

  const TensorFile file = read_safetensors(folder / "adapter_model.safetensors");
  EXPECT_EQ(file.tensors.size(), 10U);
  EXPECT_EQ(file.find("base_model.model.1.weight_ih_l0.lora_A.weight").shape(), (Shape{2, 16}));
  EXPECT_EQ(file.find("base_model.model.1.weight_ih_l0.lora_B.weight").shape(), (Shape{96, 2}));
  EXPECT_EQ(file.find("base_model.model.0.lora_A.weight").shape(), (Shape{2, 16}));
  const auto config = nlohmann::json::parse(read_text(folder / "adapter_config.json"));
  EXPECT_EQ(config.at("peft_type"), "LORA");
  EXPECT_EQ(config.at("r"), 2);
  EXPECT_EQ(config.at("lora_alpha"), 4);
  EXPECT_TRUE(config.at("task_type").is_null());
  EXPECT_EQ(config.at("target_modules").size(), 5U);

  tasks::LanguageModel put = adapt::load_adapted(known.file, folder);
  EXPECT_EQ(largest_difference(scores(put.net), scores(model.net)), 0);

  // Another base, a damaged adapter.
  tasks::LanguageModel other = tiny_language_model(tiny_lstm, known.text, false, 8, 2);
  other.save(known.home / "other.safetensors");
  expect_error(ErrorKind::data, {"another base", "other.safetensors"},
               [&] { (void)adapt::load_adapted(known.home / "other.safetensors", folder); });
  TensorFile cut = file;
  cut.tensors.pop_back();
  write_safetensors(folder / "adapter_model.safetensors", cut);
  expect_error(ErrorKind::data, {"lora_B.weight", "missing"}, [&] { (void)adapt::load_adapted(known.file, folder); });
  write_text(folder / "adapter_config.json", "{}");
  expect_error(ErrorKind::data, {"adapter_config.json"}, [&] { (void)adapt::load_adapted(known.file, folder); });
  expect_error(ErrorKind::usage, {"no adapter to save"}, [&] { adapt::save_adapter(folder, base, {}, model.net); });
}

TEST(Adapt, AnAdapterOfBottlenecksIsKeptAlone) {
  const Known known;
  const Base base = Base::load(known.file);
  const fs::path folder = known.home / "adapter";
  // The new head has the base's names, or names of its own.
  for (const char* head : {"[linear: classes]", "[tanh, linear: classes]"}) {
    const Options options = options_of(std::string("{bottleneck: {units: 3, layers: [lstm]}, head: ") + head + "}");
    tasks::LanguageModel model = known.adapted(options);
    (void)moved(model, known, options);
    adapt::save_adapter(folder, base, options, model.net);
    const auto config = nlohmann::json::parse(read_text(folder / "adapter_config.json"));
    EXPECT_EQ(config.at("peft_type"), "BOTTLENECK");
    EXPECT_EQ(config.at("r"), 3);
    EXPECT_TRUE(config.at("target_modules").empty());
    tasks::LanguageModel put = adapt::load_adapted(known.file, folder);
    EXPECT_EQ(largest_difference(scores(put.net), scores(model.net)), 0) << head;
  }
  TensorFile file = read_safetensors(folder / "adapter_model.safetensors");
  file.tensors.front().first = "model.1.weight";
  write_safetensors(folder / "adapter_model.safetensors", file);
  expect_error(ErrorKind::data, {"tensor 'model.1.weight' does not begin with base_model.model."},
               [&] { (void)adapt::load_adapted(known.file, folder); });
}

// PEFT puts an adapter on the same network in PyTorch: the new head, and LoRA's pairs of the other layers.
TEST(Adapt, PeftPutsItOnTheSameNetwork) {
  const auto python = python_with("peft, safetensors");
  if (!python) GTEST_SKIP() << "there is no Python with peft";
  const Folder home;
  tasks::Classifier model;
  model.net = nn::Sequential::read(Config::parse("[flatten, linear: 9, relu, linear: 7, tanh, linear: 5]", "base"));
  model.input = tasks::ImageInput{2, 3, 1, {0}, {1}};
  model.classes = {"a", "b", "c", "d", "e"};
  model.build(Rng(1, "base"));
  model.save(home / "base.safetensors");
  const Base base = Base::load(home / "base.safetensors");
  const Options options = options_of("{lora: {rank: 3, alpha: 5}, head: [linear: classes]}");
  nn::Sequential net = adapt::adapted(base, options);
  nn::Build build{Rng(2, "adapter"), 4, 10'000};
  (void)net.build(Shape{2, 3, 1}, build);
  adapt::transfer(base, options, net);
  Rng rng(3, "moved");
  for (auto& [name, tensor] : nn::named(net))
    if (name.find("lora_") != std::string::npos)
      for (float& value : tensor.data<float>()) value = static_cast<float>(rng.normal());
  adapt::save_adapter(home / "adapter", base, options, net);
  Tensor x = Tensor::empty({8, 2, 3, 1});
  for (float& value : x.data<float>()) value = static_cast<float>(rng.normal());
  TensorFile examples;
  examples.tensors.emplace_back("x", x);
  write_safetensors(home / "x.safetensors", examples);

  const char* script =
      "import sys, torch\nfrom torch import nn\nfrom peft import PeftModel\n"
      "from safetensors.torch import load_file, save_file\n"
      "net = nn.Sequential(nn.Flatten(), nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 7), nn.Tanh(), nn.Linear(7, 4))\n"
      "known = load_file('base.safetensors')\n"
      "net.load_state_dict({k: v for k, v in known.items() if k[0] in '13'}, strict=False)\n"
      "model = PeftModel.from_pretrained(net, 'adapter').eval()\n"
      "with torch.no_grad(): save_file({'y': model(load_file('x.safetensors')['x'])}, 'y.safetensors')\n";
  const Said said = Program(home.path(), {"-c", script}, {}, "/dev/null", *python).wait();
  ASSERT_EQ(said.code, 0) << said.err;
  const NoGrad off;
  nn::Pass pass;
  EXPECT_LT(largest_difference(read_safetensors(home / "y.safetensors").find("y"), net.forward(x, pass)), 1e-5);
}

TEST(Adapt, ARecipeStartsFromARun) {
  const Known known;
  const auto recipe_of = [&](const std::string& more) {
    return train::Recipe::read(
        Config::parse("name: on\ntask: language_model\ndata: {source: " + known.text.string() +
                          ", validation: 0.2, test_share: 0}\nlanguage: {context: 8, prompts: []}\n"
                          "train: {epochs: 1, batch: 8}\n" +
                          more,
                      "on.yaml"));
  };
  train::Recipe recipe = recipe_of("start_from: " + known.file.string() + "\nadapt: {lora: {rank: 2}}\n");
  const train::RunFolder folder = train::RunFolder::create(known.home / "runs", "on");
  (void)train::run(recipe, folder, known.home.path(), "x", false, {});
  tasks::LanguageModel whole = tasks::LanguageModel::load(folder.model());
  tasks::LanguageModel put = adapt::load_adapted(known.file, folder.path / "adapter");
  EXPECT_EQ(largest_difference(scores(put.net), scores(whole.net)), 0);
  EXPECT_EQ(train::Recipe::read(Config::load(folder.recipe())).write().str(), recipe.write().str());

  expect_error(ErrorKind::usage, {"adapt", "start_from"},
               [&] { (void)recipe_of("network: [embedding: 4, linear: classes]\nadapt: {freeze: ['*']}\n"); });
  train::Recipe gone = recipe_of("start_from: nowhere.safetensors\n");
  expect_error(ErrorKind::file, {"nowhere.safetensors"},
               [&] { (void)train::run(gone, folder, known.home.path(), "x", false, {}); });
  // A network of its own that has nothing of the base.
  train::Recipe strange =
      recipe_of("start_from: " + known.file.string() + "\nnetwork: [embedding: 5, linear: classes]\n");
  expect_error(ErrorKind::data, {"base.safetensors", "0.weight", "shape"},
               [&] { (void)train::run(strange, folder, known.home.path(), "x", false, {}); });
}

TEST(Adapt, PatternsFit) {
  EXPECT_TRUE(nn::fits("3.query.weight", "*query*"));
  EXPECT_TRUE(nn::fits("", "*"));
  EXPECT_TRUE(nn::fits("abc", "a*c"));
  EXPECT_TRUE(nn::fits("aXbXc", "a*X*c"));
  EXPECT_FALSE(nn::fits("abcd", "a*c"));
  EXPECT_FALSE(nn::fits("abc", "ab"));
  EXPECT_FALSE(nn::fits("ab", "abc"));
  EXPECT_FALSE(nn::fits("", "a"));
}

}  // namespace
}  // namespace tandem::testing
