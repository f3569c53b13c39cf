// tandem explain, and what predict and evaluate say of a model with confidence.
#include <tandem/data/digits.h>
#include <tandem/data/formats/image.h>

#include <nlohmann/json.hpp>

#include "tests/cli/program.h"

namespace tandem::testing {
namespace {

using nlohmann::json;

struct WithPeople : ::testing::Test {
  static Folder* home;
  static void SetUpTestSuite() {
    home = new Folder;
    home->write("p.yaml", R"(name: p
data: {train: 400, test: 100, validation: 0.25}
network: [conv: {filters: 6, kernel: 5, stride: 2}, relu, flatten, linear: 16, relu, linear: classes]
optimizer: {lr: 0.01}
train: {epochs: 3, batch: 32}
people: {goal: {share: 0.3}, coverage: 0.8}
)");
    home->write("plain.yaml", R"(name: plain
data: {train: 100, test: 50}
network: [flatten, linear: 8, linear: classes]
train: {epochs: 1}
)");
    for (const char* recipe : {"p.yaml", "plain.yaml"}) {
      const Said trained = tandem(*home, {"train", recipe});
      EXPECT_EQ(trained.code, 0) << trained.err;
    }
    Tensor image = Tensor::empty({28, 28, 1}, DType::u8);
    Rng rng(1, "digit");
    data::draw_digit(7, rng, std::span<uint8_t, 784>(image.data<uint8_t>().data(), 784));
    home->write("seven.png", data::encode_png(image));
    home->write("more/seven.png", data::encode_png(image));
  }
  static void TearDownTestSuite() {
    delete home;
    home = nullptr;
  }
  static Said run(const std::vector<std::string>& arguments) { return tandem(*home, arguments); }
};
Folder* WithPeople::home = nullptr;

void expect_has(const std::string& text, const std::vector<std::string>& parts) {
  for (const auto& part : parts) EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' not in:\n" << text;
}

TEST_F(WithPeople, ExplainWritesPicturesAndALine) {
  for (const char* method :
       {"gradient_input", "integrated_gradients", "smooth_grad", "grad_cam", "occlusion", "shapley", "nearest"}) {
    const Said said = run({"explain", "runs/p", "seven.png", "--method", method, "--out", "why", "--samples", "4"});
    ASSERT_EQ(said.code, 0) << method << said.err;
    const std::string file = std::string("why/seven-") + method + ".png";
    expect_has(said.out, {"seven.png", file});
    const Tensor picture = data::decode_image(read_file(*home / file), 3, file);
    EXPECT_EQ(picture.size(0), 280);
    EXPECT_EQ(picture.size(1), std::string(method) == "nearest" ? 7 * 280 + 6 * 8 : 2 * 280 + 8);
  }
}

TEST_F(WithPeople, ExplainAsJson) {
  const Said said = run({"explain", "runs/p", "seven.png", "more", "--json", "--check", "--target", "7"});
  ASSERT_EQ(said.code, 0) << said.err;
  const json all = json::parse(said.out);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0]["target"], "7");
  EXPECT_LT(all[0]["gap"], 0.01);
  EXPECT_TRUE(all[0]["deletion"].is_number());
  EXPECT_EQ(all[0]["picture"], "explained/seven-integrated_gradients.png");
  EXPECT_EQ(all[1]["picture"], "explained/seven-2-integrated_gradients.png") << "no picture is written over another";
  const json near =
      json::parse(run({"explain", "runs/p", "seven.png", "--method", "nearest", "--count", "3", "--json"}).out);
  ASSERT_EQ(near[0]["nearest"].size(), 3U);
  EXPECT_LE(near[0]["nearest"][0]["similarity"], 1.0001);
}

TEST_F(WithPeople, ExplainRefuses) {
  EXPECT_EQ(run({"explain", "runs/p", "seven.png", "--method", "magic"}).code, 2);
  const Said target = run({"explain", "runs/p", "seven.png", "--target", "x"});
  EXPECT_EQ(target.code, 2);
  expect_has(target.err, {"'x' is no class", "0, 1, 2"});
  const Said cam = run({"explain", "runs/plain", "seven.png", "--method", "grad_cam"});
  EXPECT_EQ(cam.code, 2);
  expect_has(cam.err, {"no layer whose output is a picture"});
}

TEST_F(WithPeople, PredictTellsSetDeferralAndWhy) {
  const json all = json::parse(run({"predict", "runs/p", "seven.png", "--json"}).out);
  for (const char* key : {"label", "probability", "set", "defer", "why", "strangeness"})
    EXPECT_TRUE(all[0].contains(key)) << key;
  EXPECT_EQ(all[0]["defer"].get<bool>(), !all[0]["why"].get<std::string>().empty());
  expect_has(run({"predict", "runs/p", "seven.png", "--format", "csv"}).out,
             {"input,label,probability,set,defer,why,strangeness,p:0"});
  expect_has(run({"predict", "runs/p", "seven.png"}).out, {"set {"});
  EXPECT_FALSE(json::parse(run({"predict", "runs/plain", "seven.png", "--json"}).out)[0].contains("set"))
      << "a model without confidence promises nothing";
}

TEST_F(WithPeople, EvaluateMeasuresStrangers) {
  const Said said = run({"evaluate", "runs/p", "--strangers", "shapes", "--strangers", "noise"});
  ASSERT_EQ(said.code, 0) << said.err;
  expect_has(said.out, {"shapes: 5,000 strangers, AUROC", "noise: 5,000", "both together", "people take at most 30 %"});
  EXPECT_EQ(json::parse(run({"evaluate", "runs/p", "--json"}).out)["people"]["goal"], "people take at most 30 %");
  const Said plain = run({"evaluate", "runs/plain", "--strangers", "noise"});
  EXPECT_EQ(plain.code, 2);
  expect_has(plain.err, {"no confidence", "people:"});
  EXPECT_EQ(run({"evaluate", "runs/p", "--require", "answered>=0.999"}).code, 4);
}

}  // namespace
}  // namespace tandem::testing
