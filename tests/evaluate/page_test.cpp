#include <gtest/gtest.h>
#include <tandem/base/error.h>
#include <tandem/base/random.h>
#include <tandem/data/formats/image.h>
#include <tandem/evaluate/page.h>
#include <tandem/evaluate/page_pictures.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

namespace tandem::evaluate {
namespace {

Predictions noisy(int64_t examples, int classes, uint64_t seed = 1) {
  Rng rng(seed, "page");
  Predictions p;
  for (int c = 0; c < classes; ++c) p.classes.push_back("class " + std::to_string(c));
  for (int64_t i = 0; i < examples; ++i) {
    const auto truth = static_cast<int32_t>(i % classes);
    p.labels.push_back(truth);
    std::vector<double> row;
    double sum = 0;
    for (int c = 0; c < classes; ++c) sum += row.emplace_back(std::exp(2 * rng.normal() + (c == truth ? 3 : 0)));
    for (const double value : row) p.probabilities.push_back(static_cast<float>(value / sum));
  }
  return p;
}

data::Dataset random_images(int64_t n, int64_t height, int64_t width, int64_t channels) {
  Rng rng(2, "pixels");
  data::Dataset set;
  set.inputs = Tensor::empty({n, height, width, channels}, DType::u8);
  for (uint8_t& pixel : set.pixels().data<uint8_t>()) pixel = static_cast<uint8_t>(rng.below(256));
  return set;
}

nlohmann::json data_of(const std::string& page) {
  const std::string open = "id=\"report-data\">";
  const size_t from = page.find(open) + open.size();
  return nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
}

TEST(Page, IsOneFileWithoutAnyAddress) {
  const auto p = noisy(300, 5);
  const auto result = classification(p);
  const auto images = random_images(300, 8, 8, 1);
  const std::string page = report_page({.facts = {.name = "run", .seed = 3},
                                        .result = result,
                                        .predictions = p,
                                        .images = &images,
                                        .history = {{.epoch = 1, .train_loss = 1.0, .validation_loss = 0.9}},
                                        .recipe = "seed: 3\n",
                                        .network = {{"0", "Linear", "5", 325}}});
  for (const char* banned :
       {"http://", "https://", "src=", "@import", "//cdn", "fetch(", "XMLHttpRequest", "innerHTML"})
    EXPECT_EQ(page.find(banned), std::string::npos) << banned;
  EXPECT_NE(page.find("Content-Security-Policy\" content=\"default-src 'none'"), std::string::npos);
  EXPECT_NE(page.find("url(data:image/png;base64,iVBOR"), std::string::npos);
  EXPECT_EQ(page.substr(0, 15), "<!doctype html>");
  const auto data = data_of(page);
  EXPECT_EQ(data["facts"]["seed"], 3);
  EXPECT_EQ(data["result"]["classes"].size(), 5u);
  EXPECT_EQ(data["history"][0][0], 1);
  EXPECT_TRUE(data["history"][0][4].is_null());
  EXPECT_EQ(data["kept"], 1);
  EXPECT_EQ(data["network"][0][3], 325);
  EXPECT_EQ(data["sheet"]["count"], data["examples"].size());
}

TEST(Page, ShowsPeopleOnlyWhenThereIsDeferral) {
  const auto p = noisy(300, 5);
  const auto result = classification(p);
  EXPECT_FALSE(data_of(report_page({.result = result, .predictions = p})).contains("people"));
  const Deferral deferral{.goal = {.right = 0.99},
                          .examples = 300,
                          .answered = 250,
                          .errors = 2,
                          .unsure = 45,
                          .unfamiliar = 5,
                          .caught = 20,
                          .share = 250.0 / 300,
                          .accuracy = 0.992,
                          .network = 0.93,
                          .person = 0.98,
                          .pair = 0.985,
                          .sets = {{.promised = 0.9, .covered = 0.91, .mean_size = 1.1, .empty = 3, .single = 280}},
                          .curve = {{0.5, 1}, {1, 0.93}}};
  const auto people = data_of(report_page({.result = result, .predictions = p, .deferral = &deferral}))["people"];
  EXPECT_EQ(people["answered"], 250);
  EXPECT_EQ(people["right"], 0.99);
  EXPECT_EQ(people["sets"][0], (nlohmann::json{0.9, 0.91, 1.1, 280, 3}));
  EXPECT_EQ(people["curve"].size(), 2U);
}

TEST(Page, EscapesWhatComesFromData) {
  auto p = noisy(40, 2);
  p.classes[0] = "<script>alert(1)</script>";
  p.classes[1] = "</style>\"'&\xff";
  const std::string evil = "</script><img onerror=alert(2)>";
  const std::vector<std::string> texts(40, evil);
  const auto result = classification(p);
  const std::string page = report_page({.facts = {.name = evil, .task = evil, .command = evil, .folder = evil},
                                        .result = result,
                                        .predictions = p,
                                        .texts = &texts,
                                        .recipe = evil,
                                        .network = {{evil, evil, evil, 1}}});
  EXPECT_EQ(page.find("<script>alert"), std::string::npos);
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_NE(page.find("<title>&lt;/script&gt;&lt;img"), std::string::npos);
  size_t ends = 0;
  for (size_t at = 0; (at = page.find("</script>", at)) != std::string::npos; ++at) ++ends;
  EXPECT_EQ(ends, 3u);  // theme, data, program
  const auto data = data_of(page);
  EXPECT_EQ(data["result"]["classes"][0]["name"], "<script>alert(1)</script>");
  EXPECT_EQ(data["recipe"], evil);
}

TEST(Page, StaysBelowTwoMegabytes) {
  const auto p = noisy(3000, 100);
  const auto result = classification(p);
  const auto images = random_images(3000, 72, 48, 3);  // noise: a PNG cannot shrink it
  const std::string page = report_page({.result = result, .predictions = p, .images = &images});
  EXPECT_LT(page.size(), 2'000'000u);
  const auto data = data_of(page);
  EXPECT_GT(data["sheet"]["count"], 24);
  EXPECT_LT(data["sheet"]["count"], data["examples"].size());
  EXPECT_EQ(data["sheet"]["h"], 64);
  EXPECT_EQ(data["sheet"]["w"], 43);
}

TEST(Page, WithoutHistoryImagesOrRecipe) {
  const auto p = noisy(20, 3);
  const auto result = classification(p);
  const auto data = data_of(report_page({.facts = {.folder = "runs/a"}, .result = result, .predictions = p}));
  EXPECT_TRUE(data["history"].empty());
  EXPECT_EQ(data["kept"], 0);
  EXPECT_EQ(data["sheet"]["count"], 0);
  EXPECT_EQ(data["next"][0][0], "tandem evaluate runs/a --json");
}

TEST(Page, BestEpochIsTheLowestValidationLoss) {
  const auto p = noisy(20, 3);
  const auto result = classification(p);
  PageInput input{.facts = {}, .result = result, .predictions = p};
  input.history = {{.epoch = 1, .validation_loss = 0.5}, {.epoch = 2, .validation_loss = 0.3}, {.epoch = 3}};
  EXPECT_EQ(data_of(report_page(input))["kept"], 2);
  input.kept_epoch = 3;
  EXPECT_EQ(data_of(report_page(input))["kept"], 3);
}

TEST(Page, CurvesEndWhereCurvesEnd) {
  const auto p = noisy(2000, 4);
  const auto result = classification(p);
  const auto curves = data_of(report_page({.facts = {}, .result = result, .predictions = p}))["curves"];
  for (const auto& curve : curves) {
    const auto roc = curve["roc"].get<std::vector<double>>(), pr = curve["pr"].get<std::vector<double>>();
    EXPECT_EQ(roc[0] + roc[1], 0);
    EXPECT_EQ(roc[roc.size() - 2] + roc[roc.size() - 1], 2);
    EXPECT_EQ(pr[0], 0);
    EXPECT_EQ(pr[1], 1);
    EXPECT_EQ(pr[pr.size() - 2], 1);
    EXPECT_LE(roc.size(), 480u);
  }
}

TEST(Page, PartsMustAgree) {
  const auto p = noisy(20, 3), other = noisy(21, 3);
  const auto result = classification(p);
  const auto images = random_images(19, 4, 4, 1);
  const std::vector<std::string> texts(3);
  EXPECT_THROW((void)report_page({.facts = {}, .result = result, .predictions = other}), Error);
  EXPECT_THROW((void)report_page({.facts = {}, .result = result, .predictions = p, .images = &images}), Error);
  EXPECT_THROW((void)report_page({.facts = {}, .result = result, .predictions = p, .texts = &texts}), Error);
}

TEST(PagePictures, ChoosesTheSurestMistakesAndTheLeastSureHits) {
  Predictions p{{"a", "b"}, {}, {}};
  for (int i = 0; i < 40; ++i) {  // P(b) = (i + 1/2) / 40; all are b: 20 wrong, 20 right
    p.labels.push_back(1);
    const float b = (static_cast<float>(i) + 0.5f) / 40;
    p.probabilities.insert(p.probabilities.end(), {1 - b, b});
  }
  const auto shown = choose_examples(p, 2, 1000);
  ASSERT_EQ(shown.size(), 12u + 6u);
  EXPECT_EQ(shown[0].example, 0);  // P(a) highest
  EXPECT_EQ(shown[11].example, 11);
  EXPECT_EQ(shown[12].example, 20);  // just above one half
  EXPECT_EQ(shown[12].guess, 1);
  EXPECT_FLOAT_EQ(shown[0].guess_probability, 0.9875f);
  EXPECT_FLOAT_EQ(shown[0].truth_probability, 0.0125f);
  EXPECT_EQ(choose_examples(p, 15, 1000).size(), 15u + 6u);  // the worst are shown even beyond 12 a cell
  EXPECT_EQ(choose_examples(p, 2, 5).size(), 5u);
}

TEST(PagePictures, EveryCellGetsItsTurn) {
  const auto p = noisy(400, 6);
  std::set<std::pair<int32_t, int32_t>> all, seen;
  for (int64_t i = 0; i < p.size(); ++i) all.emplace(p.labels[static_cast<size_t>(i)], p.predicted(i));
  std::set<int64_t> examples;
  for (const auto& shown : choose_examples(p, 24, 1000)) {
    seen.emplace(shown.truth, shown.guess);
    EXPECT_TRUE(examples.insert(shown.example).second) << "twice: " << shown.example;
  }
  EXPECT_EQ(seen, all);
}

TEST(PagePictures, SheetHoldsThePixels) {
  const auto images = random_images(40, 5, 7, 3);
  std::vector<ShownExample> shown;
  for (int64_t i = 39; i >= 0; --i) shown.push_back({.example = i});
  const auto sheet = picture_sheet(images, shown, 1 << 20);
  EXPECT_EQ(sheet.count, 40);
  EXPECT_EQ(sheet.columns, 32);
  const Tensor back = data::decode_image(sheet.png, 0, "sheet");
  ASSERT_EQ(back.shape(), (Shape{10, 32 * 7, 3}));
  // Tile 33 (row 1, column 1) is example 6.
  for (int64_t y = 0; y < 5; ++y)
    for (int64_t x = 0; x < 21; ++x)
      EXPECT_EQ(back.at((5 + y) * 32 * 21 + 21 + x), images.pixels().at(6 * 5 * 21 + y * 21 + x));
  EXPECT_LT(picture_sheet(images, shown, 2000).count, 40);
  EXPECT_EQ(picture_sheet(images, shown, 10).count, 0);
  EXPECT_EQ(picture_sheet(images, {}, 10).count, 0);
  EXPECT_THROW((void)picture_sheet(random_images(2, 4, 4, 2), shown, 10), Error);
}

TEST(PagePictures, Base64) {
  const auto of = [](std::string_view text) {
    return base64(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  };
  EXPECT_EQ(of(""), "");  // RFC 4648, section 10
  EXPECT_EQ(of("f"), "Zg==");
  EXPECT_EQ(of("fo"), "Zm8=");
  EXPECT_EQ(of("foo"), "Zm9v");
  EXPECT_EQ(of("foobar"), "Zm9vYmFy");
}

}  // namespace
}  // namespace tandem::evaluate
