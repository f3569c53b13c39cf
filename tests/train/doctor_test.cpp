// The doctor speaks of sick trainings, and of no other.
#include <nlohmann/json.hpp>

#include "tests/train/small.h"

namespace tandem::testing {
namespace {

using train::Trainer;

std::vector<evaluate::Remark> remarks_of(const std::string& text,
                                         const std::function<void(nn::Sequential&)>& make_sick = {}) {
  const train::Recipe recipe = train::Recipe::read(Config::parse(text, "sick.yaml"));
  const data::Dataset train = bands(384, 1), held = bands(60, 2);
  tasks::Classifier model = train::make_model(recipe, train);
  if (make_sick) make_sick(model.net);
  Trainer trainer(recipe, model, train, held);
  try {
    trainer.run();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::numeric) << e.what();
  }
  return trainer.remarks();
}

void expect_complaint(const std::vector<evaluate::Remark>& remarks, const std::string& about, const std::string& part) {
  const auto found = std::ranges::find_if(remarks, [&](const auto& r) { return r.about.starts_with(about); });
  std::string all;
  for (const auto& r : remarks) all += r.en + "\n";
  ASSERT_NE(found, remarks.end()) << about << " is not among:\n" << all;
  EXPECT_NE(found->en.find(part), std::string::npos) << found->en;
  EXPECT_NE(found->en.find("epoch "), std::string::npos);
  EXPECT_FALSE(found->zh.empty());
  EXPECT_EQ(std::ranges::count(remarks, found->about, &evaluate::Remark::about), 1) << "said once:\n" << all;
}

std::string deep(const std::string& function, int layers) {
  std::string out = "network: [flatten";
  for (int i = 0; i < layers; ++i) out += ", linear: 16, " + function;
  return out + ", linear: classes]\n";
}
const std::string training = "train: {epochs: 5, batch: 64}\n";

TEST(Doctor, HearsThatGradientsVanish) {
  const auto remarks = remarks_of(deep("sigmoid", 30) + "optimizer: {type: sgd, lr: 0.1}\n" + training);
  expect_complaint(remarks, "vanishing", "1.weight");
  expect_complaint(remarks, "stuck", "does not move");
}

TEST(Doctor, HearsThatGradientsExplode) {
  const auto remarks =
      remarks_of(deep("relu", 12) + "optimizer: {type: sgd, lr: 1e-12}\n" + training, [](nn::Sequential& net) {
        net.visit("", [](const std::string&, Tensor& t, bool) {
          for (float& v : t.data<float>()) v *= 6;
        });
      });
  expect_complaint(remarks, "exploding", "their norm is");
}

TEST(Doctor, HearsThatStepsAreTooLong) {
  for (const char* optimizer : {"{type: sgd, lr: 100}", "{type: adam, lr: 100}"})
    expect_complaint(remarks_of(deep("relu", 2) + "optimizer: " + optimizer + "\n" + training), "leaping",
                     "times its own size");
}

TEST(Doctor, HearsThatUnitsAreDead) {
  const auto kill = [](nn::Sequential& net) {
    net.visit("", [](const std::string& name, Tensor& t, bool) {
      if (name == "1.bias") std::ranges::fill(t.data<float>(), -100.0F);
    });
  };
  expect_complaint(remarks_of(deep("relu", 1) + "optimizer: {type: sgd, lr: 0.01}\n" + training, kill), "silent:2",
                   "16 of 16 units of layer 2 (relu) are dead");
  expect_complaint(remarks_of(deep("sigmoid", 1) + "optimizer: {type: sgd, lr: 0.01}\n" + training, kill), "silent:2",
                   "stuck at an end");
}

TEST(Doctor, HearsThatNothingMoves) {
  const auto remarks = remarks_of(deep("relu", 1) + "optimizer: {lr: 0}\n" + training);
  expect_complaint(remarks, "still", "is optimizer.lr 0");
  expect_complaint(remarks, "stuck", "does not move");
}

TEST(Doctor, LeavesHealthyTrainingsAlone) {
  const std::string convolutions =
      "network: [conv: {filters: 8, padding: same}, batch_norm, relu, max_pool: 2, flatten, dropout: 0.3, linear: 16, "
      "relu, linear: classes]\ndata: {augment: {shift: 1, noise: 0.05}}\n";
  for (const std::string& network :
       {deep("relu", 1), deep("tanh", 2), deep("sigmoid", 1), deep("relu", 3), convolutions})
    for (const char* optimizer :
         {"{type: sgd, lr: 0.1, momentum: 0.9}", "{type: adam, lr: 0.01}", "{type: adamw, lr: 2e-3, weight_decay: 0.1}",
          "{type: rmsprop, lr: 1e-3}", "{type: muon, lr: 0.02, momentum: 0.95}"}) {
      const auto remarks = remarks_of(network + "optimizer: " + optimizer +
                                      "\nschedule: {type: cosine, warmup: 1}\ntrain: {epochs: 16, batch: 64}\n");
      for (const auto& r : remarks) ADD_FAILURE() << network << optimizer << ": " << r.en;
    }
}

TEST(Doctor, IsHeardInTheReport) {
  const Folder home;
  train::Recipe recipe = train::Recipe::read(Config::parse(
      "name: still\nnetwork: [flatten, linear: classes]\ndata: {train: 200, test: 50}\noptimizer: {lr: 0}\ntrain: "
      "{epochs: 1, batch: 20}\n",
      "still.yaml"));
  const train::RunFolder folder = train::RunFolder::create(home / "runs", "still");
  std::vector<std::string> heard;
  train::Hooks hooks;
  hooks.remark = [&](const std::string& text) { heard.push_back(text); };
  (void)train::run(recipe, folder, home.path(), "test", false, hooks);
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_NE(read_text(folder.log()).find(heard[0]), std::string::npos);
  const auto report = nlohmann::json::parse(read_text(folder.report_json()));
  EXPECT_EQ(report.at("remarks").at(0).at("en"), heard[0]);
  const std::string page = read_text(folder.report_page());
  EXPECT_NE(page.find("所有权重都没有变化"), std::string::npos);
  EXPECT_NE(page.find("no weight moves at all"), std::string::npos);
}

}  // namespace
}  // namespace tandem::testing
