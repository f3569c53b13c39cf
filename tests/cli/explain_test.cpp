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

// A network of texts: what each word adds, for a terminal, as JSON and as a page.
TEST(ExplainTexts, SaysWhichWordsAnAnswerRestsOn) {
  const Folder home;
  std::string csv = "text,label\n";
  for (int i = 0; i < 120; ++i)
    csv += i % 2 ? "the film was great and the music fine,good\n" : "the film was dull and the plot poor,bad\n";
  home.write("films.csv", csv);
  home.write("films.yaml", R"(name: films
task: text_classification
data: {source: films.csv, test_share: 0.1}
network: [embedding: {width: 8, deviation: 0.3}, pool_sequence: mean, linear: classes]
optimizer: {lr: 0.05}
train: {epochs: 20, batch: 16}
)");
  ASSERT_EQ(tandem(home, {"train", "films.yaml"}).code, 0);
  const fs::path lines = home.write("new.txt", "the great film <indeed>\nIt was DULL, dull\n");
  Said said = tandem(home, {"explain", "runs/films", "new.txt", "--check"});
  ASSERT_EQ(said.code, 0) << said.err;
  expect_has(said.out, {"good  ", "great[+++]", "DULL[+++]", "indeed", "integrated_gradients for bad: ", "deletion ",
                        "explained/new-integrated_gradients.html"});
  EXPECT_EQ(said.out.find('\x1b'), std::string::npos) << "no colour where no terminal is";
  const std::string page = read_text(home / "explained/new-integrated_gradients.html");
  expect_has(page, {"<mark class=\"for\"", ">great</mark>", "&lt;", "蓝色"});
  EXPECT_EQ(page.find("<indeed>"), std::string::npos);

  for (const char* method : {"gradient_input", "smooth_grad", "occlusion", "shapley"}) {
    said = tandem(home, {"explain", "runs/films", "-", "--method", method, "--target", "bad", "--json"}, {}, lines);
    ASSERT_EQ(said.code, 0) << method << said.err;
    const json all = json::parse(said.out);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0]["label"], "good");
    EXPECT_EQ(all[0]["target"], "bad");
    const json word = all[0]["parts"][1];
    EXPECT_EQ(word["text"], "great");
    EXPECT_EQ(word["begin"], 4);
    EXPECT_EQ(word["end"], 9);
    EXPECT_LT(word["adds"].get<double>(), 0) << method;
  }
  // What speaks most may speak against: bars are drawn beside its size.
  said = tandem(home, {"explain", "runs/films", "new.txt", "--target", "bad"});
  ASSERT_EQ(said.code, 0) << said.err;
  EXPECT_LT(said.out.size(), 5000U);
  said = tandem(home, {"explain", "runs/films", "new.txt", "--method", "nearest", "--count", "2"});
  ASSERT_EQ(said.code, 0) << said.err;
  expect_has(said.out, {"  good  the film was great", "  bad  the film was dull"});
  said = tandem(home, {"explain", "runs/films", "new.txt", "--method", "nearest", "--count", "2", "--json"});
  EXPECT_EQ(json::parse(said.out)[1]["nearest"][0]["text"], "the film was dull and the plot poor");
  EXPECT_EQ(tandem(home, {"explain", "runs/films", "new.txt", "--method", "grad_cam"}).code, 2);
  said = tandem(home, {"explain", "runs/films", "new.txt", "--method", "attention"});
  EXPECT_EQ(said.code, 2);
  expect_has(said.err, {"no attention layer"});
}

TEST(ExplainRows, NearestShowsTrainingRows) {
  const Folder home;
  std::string csv = "age,smoker,ill\n";
  for (int i = 0; i < 200; ++i)
    csv += fmt::format("{},{},{}\n", 20 + i % 60, i % 3 ? "no" : "yes",
                       (20 + i % 60 > 50) != (i % 20 == 0) ? "yes" : "no");  // a copy of the target would be left out
  home.write("people.csv", csv);
  home.write("people.yaml", R"(name: people
task: table_classification
data: {source: people.csv, table: {target: ill}}
network: [linear: 8, relu, linear: classes]
optimizer: {lr: 0.02}
train: {epochs: 5, batch: 16}
)");
  ASSERT_EQ(tandem(home, {"train", "people.yaml"}).code, 0);
  home.write("new.csv", "age,smoker\n70,no\n");
  Said said = tandem(home, {"explain", "runs/people", "new.csv", "--method", "nearest", "--count", "3"});
  ASSERT_EQ(said.code, 0) << said.err;
  expect_has(said.out, {"new.csv:2  yes", "  line "});
  said = tandem(home, {"explain", "runs/people", "new.csv", "--method", "nearest", "--count", "3", "--json"});
  const json near = json::parse(said.out)[0]["nearest"];
  ASSERT_EQ(near.size(), 3U);
  EXPECT_GT(std::stod(near[0]["values"]["age"].get<std::string>()), 50);
  said = tandem(home, {"explain", "runs/people", "new.csv", "--method", "occlusion"});
  EXPECT_EQ(said.code, 2);
  expect_has(said.err, {"'occlusion' is not for rows"});
}

}  // namespace
}  // namespace tandem::testing
