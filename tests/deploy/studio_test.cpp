#include <tandem/data/formats/image.h>
#include <tandem/data/formats/resize.h>
#include <tandem/deploy/studio.h>
#include <tandem/people/kept.h>
#include <tandem/people/learn.h>
#include <tandem/people/versions.h>

#include <nlohmann/json.hpp>

#include "tests/train/small.h"

namespace tandem::deploy {
namespace {

using json = nlohmann::json;
using tandem::testing::bands;
using tandem::testing::Folder;

// Pictures of a class with a little more of the next one in them.
data::Dataset doubtful(int64_t n) {
  data::Dataset set = bands(n, 3);
  const data::Dataset others = bands(n + 1, 4);
  const auto next = others.pixels().rows(1, n + 1).data<const uint8_t>();
  std::ranges::transform(set.pixels().data<uint8_t>(), next, set.pixels().data<uint8_t>().begin(),
                         [](uint8_t own, uint8_t other) { return static_cast<uint8_t>(0.45 * own + 0.55 * other); });
  return set;
}

// A run folder of a network that knows the bands, with what it remembers of them; trained once.
struct Trained {
  tasks::Classifier model;
  people::Memory memory;
  std::string recipe;
};
const Trained& trained() {
  static const Trained once = [] {
    train::Recipe recipe =
        tandem::testing::small_recipe("name: bands\noptimizer: {lr: 0.01}\ntrain: {epochs: 4, batch: 32}");
    const data::Dataset train = bands(360, 1), validation = bands(120, 2);
    Trained out{train::make_model(recipe, train), people::remember(train, validation, 1), recipe.write().str()};
    train::Trainer(recipe, out.model, train, validation).run();
    out.model.notes["recipe"] = out.recipe;
    evaluate::PeopleOptions people;
    people.complete("test");
    out.model.learn_confidence(people, train, validation);
    return out;
  }();
  return once;
}

class StudioTest : public ::testing::Test {
 protected:
  StudioTest() {
    const Trained& t = trained();
    folder_.write("runs/bands/recipe.yaml", t.recipe);
    tasks::Classifier(t.model).save(folder_ / "runs/bands/model.safetensors");
    people::save(t.memory, folder_ / "runs/bands/memory.safetensors");
    sources_ = {ModelSource::parse((folder_ / "runs/bands").string())};
    models_ = std::make_unique<Models>(sources_, BatchOptions{}, metrics_);
    decisions_ = std::make_unique<Decisions>(Keep::corrected, sources_);
    studio_ = std::make_unique<Studio>(*models_, languages_, *decisions_, StudioOptions{});
  }
  ~StudioTest() override { models_->stop(); }

  Response ask(const std::string& method, const std::string& target, const std::string& body = "") {
    const size_t mark = target.find('?');
    const Request request{
        method, target.substr(0, mark), mark == std::string::npos ? "" : target.substr(mark + 1), body, {}};
    const Match found = match(method, request.path);
    if (!found.route) throw Refused(404, "no route " + target);
    const auto model = models_->find("bands", "").model;
    if (found.route->action == Action::feedback) return {200, decisions_->feedback(*model, body)};
    if (found.route->action == Action::waiting) return {200, decisions_->waiting(*model)};
    return studio_->answer(found.route->action, request, found);
  }
  json get(const std::string& path) { return json::parse(ask("GET", path).body); }
  json post(const std::string& path, const std::string& body) { return json::parse(ask("POST", path, body).body); }
  int refused(const std::string& path, const std::string& body) {
    try {
      (void)ask("POST", path, body);
    } catch (const Refused& e) {
      return e.status();
    }
    return 200;
  }

  static std::string png(const data::Dataset& set, int64_t index) {
    const auto kept = people::kept(trained().model.input, set, index);
    return {kept.bytes.begin(), kept.bytes.end()};
  }

  Folder folder_;
  Metrics metrics_;
  Languages languages_{{}, {}, metrics_};
  std::vector<ModelSource> sources_;
  std::unique_ptr<Models> models_;
  std::unique_ptr<Decisions> decisions_;
  std::unique_ptr<Studio> studio_;
};

TEST_F(StudioTest, LooksAtAPictureAsPredictDoes) {
  const data::Dataset set = bands(6, 5);
  tasks::Classifier model = trained().model;
  const std::vector<float> p = model.predict(set);
  for (int64_t i = 0; i < set.size(); ++i) {
    const json look = post("/v2/models/bands/look", png(set, i));
    EXPECT_EQ(look["label"], set.classes[static_cast<size_t>(set.labels[static_cast<size_t>(i)])]);
    for (size_t c = 0; c < 3; ++c)
      EXPECT_NEAR(look["probabilities"][c].get<float>(), p[static_cast<size_t>(i) * 3 + c], 1e-6)
          << "a batch of another size";
    EXPECT_EQ(look["frame"]["width"], 8);
    EXPECT_EQ(look["coverage"], 0.95);
    EXPECT_GT(look["least"].get<double>(), 0);
  }
}

TEST_F(StudioTest, WhatIsUnlikeTheTrainingDataIsLeftToAPerson) {
  data::Dataset chess = bands(1, 1);
  for (size_t i = 0; i < 64; ++i) chess.pixels().data<uint8_t>()[i] = (i + i / 8) % 2 ? 255 : 0;
  const json look = post("/v2/models/bands/look", png(chess, 0));
  EXPECT_EQ(look["why"], "unfamiliar");
  EXPECT_GT(look["strangeness"].get<double>(), 1);
}

TEST_F(StudioTest, InkIsCentredAndItsFrameSaysWhere) {
  Tensor sheet = Tensor::zeros({80, 40, 1}, DType::u8);
  for (int64_t y = 50; y < 62; ++y)
    for (int64_t x = 10; x < 22; ++x) sheet.data<uint8_t>()[static_cast<size_t>(y * 40 + x)] = 255;
  const auto bytes = data::encode_png(sheet);
  const json look = post("/v2/models/bands/look?form=ink", {bytes.begin(), bytes.end()});
  // 12 pixels of ink become a box of 6 (20/28 of 8), in the middle of 8.
  EXPECT_EQ(look["frame"]["width"], 16);
  EXPECT_EQ(look["frame"]["left"], 10 - 2);
  EXPECT_EQ(look["frame"]["top"], 50 - 2);
}

TEST_F(StudioTest, RefusesWhatIsNoPicture) {
  EXPECT_EQ(refused("/v2/models/bands/look", "no picture"), 400);
  EXPECT_EQ(refused("/v2/models/bands/look", ""), 400);
  EXPECT_EQ(refused("/v2/models/bands/look?form=oil", png(bands(1, 1), 0)), 400);
  EXPECT_EQ(refused("/v2/models/hands/look", png(bands(1, 1), 0)), 404);
}

TEST_F(StudioTest, ShowsTheLayersAndWhatTheyMakeOfAPicture) {
  const data::Dataset set = bands(1, 7);
  const json layers = get("/v2/models/bands/network");
  const json flow = post("/v2/models/bands/activations", png(set, 0));
  ASSERT_EQ(flow.size(), layers.size() + 1);
  EXPECT_EQ(flow[0]["kind"], "input");
  EXPECT_EQ(flow[0]["shape"], json({8, 8, 1}));
  for (size_t i = 0; i < layers.size(); ++i) EXPECT_EQ(flow[i + 1]["shape"], layers[i]["shape"]);
  EXPECT_EQ(flow[1]["shown"], 4);                                             // maps of the convolution
  EXPECT_EQ(flow[1]["map"].get<std::string>().size(), (4 * 64 + 2) / 3 * 4);  // bytes in base64
  EXPECT_EQ(flow.back()["shape"], json::array({3}));
  EXPECT_EQ(flow.back()["map"].get<std::string>().size(), 4);
  EXPECT_NE(flow.back()["map"], post("/v2/models/bands/activations", png(bands(3, 7), 1)).back()["map"]);
}

TEST_F(StudioTest, FindsTrainingPicturesOfTheSameKind) {
  const data::Dataset set = bands(3, 9);
  for (int64_t i = 0; i < 3; ++i) {
    const json near = post("/v2/models/bands/similar", png(set, i));
    ASSERT_EQ(near.size(), 6);
    EXPECT_EQ(near[0]["label"], set.classes[static_cast<size_t>(i)]);
    EXPECT_GE(near[0]["similarity"], near[5]["similarity"]);
  }
}

TEST_F(StudioTest, TheLoopFromAWrongAnswerToABetterNetwork) {
  const data::Dataset wrong = doubtful(60);
  const auto read_as = [&](int64_t i) {
    return post("/v2/models/bands/look", png(wrong, i))["label"].get<std::string>();
  };
  // A few, each by another person: who contradicts a sure network again and again loses trust.
  const std::vector<std::string> people{"Ann", "Bo", "Cy", "Di"};
  std::vector<int64_t> corrected;
  const auto truth_of = [&](int64_t i) {
    return wrong.classes[static_cast<size_t>(wrong.labels[static_cast<size_t>(i)])];
  };
  const auto right = [&] {
    return std::ranges::count_if(corrected, [&](int64_t i) { return read_as(i) == truth_of(i); });
  };
  for (int64_t i = 0; i < wrong.size() && corrected.size() < people.size(); ++i) {
    if (read_as(i) == truth_of(i)) continue;
    const int64_t decision = post("/v2/models/bands/decide", png(wrong, i))["decision"];
    const json body{{"decision", decision}, {"label", truth_of(i)}, {"person", people[corrected.size()]}};
    EXPECT_GT(post("/v2/models/bands/feedback", body.dump())["correction"], 0);
    corrected.push_back(i);
  }
  ASSERT_EQ(corrected.size(), people.size()) << "there must be something to learn";
  ASSERT_EQ(right(), 0);
  EXPECT_EQ(get("/v2/models/bands/learning")["waiting"], corrected.size());

  const json update = post("/v2/models/bands/learn", "{}");
  ASSERT_EQ(update["to"], 2) << update.dump();
  EXPECT_GT(right(), 0) << "the new version answers at once";
  EXPECT_EQ(get("/v2/models")[0]["version"], 2);
  const json state = get("/v2/models/bands/learning");
  EXPECT_EQ(state["waiting"], 0);
  EXPECT_EQ(state["versions"].size(), 2);
  EXPECT_EQ(state["corrections"].size(), corrected.size());
  EXPECT_EQ(post("/v2/models/bands/learn", "{}")["to"], 0) << "there is nothing new";

  const json both = post("/v2/models/bands/compare", R"({"first": 1, "second": 2})");
  EXPECT_EQ(both["both"].get<int64_t>() + both["only_first"].get<int64_t>() + both["only_second"].get<int64_t>() +
                both["neither"].get<int64_t>(),
            trained().memory.held_back.size());

  EXPECT_EQ(post("/v2/models/bands/restore", R"({"version": 1})")["version"], 1);
  EXPECT_EQ(right(), 0);
  EXPECT_EQ(refused("/v2/models/bands/restore", R"({"version": 9})"), 400);
  EXPECT_EQ(refused("/v2/models/bands/compare", R"({"first": 1, "second": "2"})"), 400);
}

TEST_F(StudioTest, TheQueueHoldsWhatWasDeferredUntilSomebodyAnswers) {
  data::Dataset chess = bands(1, 1);
  for (size_t i = 0; i < 64; ++i) chess.pixels().data<uint8_t>()[i] = (i + i / 8) % 2 ? 255 : 0;
  const int64_t known = post("/v2/models/bands/decide", png(bands(3, 5), 1))["decision"];
  const int64_t strange = post("/v2/models/bands/decide", png(chess, 0))["decision"];
  json queue = get("/v2/models/bands/waiting");
  ASSERT_EQ(queue.size(), 1) << "decision " << known << " was answered by the network";
  EXPECT_EQ(queue[0]["decision"], strange);
  EXPECT_EQ(queue[0]["reason"], "unfamiliar");
  EXPECT_FALSE(queue[0]["input"].get<std::string>().empty());
  EXPECT_EQ(get("/v2/models")[0]["waiting"], 1);
  (void)post("/v2/models/bands/feedback", json{{"decision", strange}, {"label", "top"}, {"person", "Ann"}}.dump());
  EXPECT_TRUE(get("/v2/models/bands/waiting").empty());
}

TEST_F(StudioTest, WhereNothingIsToBeKeptNothingIs) {
  Decisions none(Keep::none, sources_);
  Studio quiet(*models_, languages_, none, {});
  const Request request{"POST", "/v2/models/bands/decide", "", png(bands(1, 5), 0), {}};
  EXPECT_THROW((void)quiet.answer(Action::decide, request, match("POST", request.path)), Refused);
  const json models =
      json::parse(quiet.answer(Action::models, {"GET", "/v2/models", "", "", {}}, match("GET", "/v2/models")).body);
  EXPECT_FALSE(models[0]["learns"].get<bool>());
  EXPECT_EQ(decisions_->store_of(*models_->find("bands", "").model).decisions(), 0);
}

TEST_F(StudioTest, AModelFileAloneAnswersButDoesNotLearn) {
  Metrics metrics;
  const fs::path file = folder_ / "alone.safetensors";
  tasks::Classifier(trained().model).save(file);
  Models models({ModelSource::parse(file.string())}, {}, metrics);
  Decisions decisions(Keep::corrected, {ModelSource::parse(file.string())});
  Studio studio(models, languages_, decisions, {});
  const auto ask_of = [&](const std::string& path, const std::string& body) {
    return studio.answer(match("POST", path).route->action, {"POST", path, "", body, {}}, match("POST", path));
  };
  const Match all = match("GET", "/v2/models");
  EXPECT_FALSE(
      json::parse(studio.answer(Action::models, {"GET", "/v2/models", "", "", {}}, all).body)[0]["learns"].get<bool>());
  EXPECT_EQ(ask_of("/v2/models/alone/look", png(bands(1, 5), 0)).status, 200);
  EXPECT_EQ(ask_of("/v2/models/alone/similar", png(bands(1, 5), 0)).body, "[]");
  EXPECT_THROW((void)ask_of("/v2/models/alone/learn", "{}"), Refused);
  models.stop();
}

TEST(StudioPage, StandsAlone) {
  const std::string_view page = studio_page();
  EXPECT_TRUE(page.starts_with("<!doctype html>"));
  EXPECT_TRUE(page.ends_with("</html>\n") || page.ends_with("</html>"));
  EXPECT_LT(page.size(), 150'000U);
  EXPECT_EQ(page.find(" src=\""), std::string_view::npos) << "nothing is fetched from elsewhere";
  EXPECT_EQ(page.find("rel=\"stylesheet\""), std::string_view::npos);
  EXPECT_NE(page.find("Content-Security-Policy"), std::string_view::npos);
}

}  // namespace
}  // namespace tandem::deploy
