// The page's endpoints for models of texts and of table rows, served side by side.
#include <tandem/deploy/studio.h>
#include <tandem/people/kept.h>
#include <tandem/people/learn.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/people/opinions.h"
#include "tests/tasks/language_small.h"

namespace tandem::deploy {
namespace {

using json = nlohmann::json;
using tandem::testing::Folder;
using tandem::testing::opinions;

constexpr const char* text_type = "text/plain;charset=utf-8";
constexpr const char* row_type = "application/json";

// Rows of people: the young are well, the old are ill. Training knows nobody between 40 and 60; `news` are of there,
// and ill from 44 on.
data::Dataset patients(int64_t n, uint64_t seed, bool news = false) {
  Rng rng(seed, "patients");
  data::Dataset out{.inputs = {}, .labels = {}, .classes = {"well", "ill"}, .source = "patients"};
  data::Table table{.columns = {{.name = "age", .type = data::ColumnType::number},
                                {.name = "smoker", .type = data::ColumnType::category},
                                {.name = "seen", .type = data::ColumnType::date}},
                    .lines = {},
                    .source = "patients"};
  for (int64_t i = 0; i < n; ++i) {
    const auto label = static_cast<int32_t>(i % 2);
    const double age = news ? (label ? rng.uniform(44, 52) : rng.uniform(38, 44)) : rng.uniform(20, 40) + 40 * label;
    table.lines.push_back(i + 2);
    table.columns[0].numbers.push_back(std::round(age * 10) / 10);
    table.columns[1].words.push_back(rng.chance(0.5) ? "yes" : "no, \"never\"");
    table.columns[2].numbers.push_back(rng.chance(0.1) ? std::nan("") : static_cast<double>(19000 + rng.below(900)));
    out.labels.push_back(label);
  }
  out.inputs = std::move(table);
  return out;
}

struct Trained {
  tasks::Classifier model;
  people::Memory memory;
};

Trained trained_on(const train::Recipe& recipe, const data::Dataset& train, const data::Dataset& held) {
  Trained out{tandem::testing::trained_on(recipe, train), people::remember(train, held, 1)};
  evaluate::PeopleOptions people;
  people.complete("test");
  out.model.learn_confidence(people, train, held);
  return out;
}

const Trained& films() {
  static const Trained once =
      trained_on(tandem::testing::text_recipe(
                     "[embedding: {width: 12, deviation: 0.1}, pool_sequence: mean, linear: classes]", true),
                 opinions(600, 1), opinions(200, 2));
  return once;
}
const Trained& ward() {
  static const Trained once = trained_on(train::Recipe::read(Config::parse(R"(task: table_classification
network: [linear: 16, relu, linear: classes]
data: {source: none.csv, validation: 0.2}
optimizer: {lr: 0.01}
train: {epochs: 10, batch: 32, keep: last}
)",
                                                                           "patients.yaml")),
                                         patients(600, 1), patients(200, 2));
  return once;
}

class StudioKinds : public ::testing::Test {
 protected:
  StudioKinds() {
    for (const auto& [name, world] : {std::pair{"films", &films()}, std::pair{"ward", &ward()}}) {
      const std::string run = std::string("runs/") + name;
      folder_.write(run + "/recipe.yaml", world->model.notes.at("recipe"));
      tasks::Classifier(world->model).save(folder_ / run / "model.safetensors");
      people::save(world->memory, folder_ / run / "memory.safetensors");
      sources_.push_back(ModelSource::parse((folder_ / run).string()));
    }
    tasks::Classifier(ward().model).save(folder_ / "alone.safetensors");
    sources_.push_back(ModelSource::parse((folder_ / "alone.safetensors").string()));
    models_ = std::make_unique<Models>(sources_, BatchOptions{}, metrics_);
    decisions_ = std::make_unique<Decisions>(Keep::corrected, sources_);
    studio_ = std::make_unique<Studio>(*models_, languages_, *decisions_, StudioOptions{});
  }
  ~StudioKinds() override { models_->stop(); }

  // As the service does it.
  Response ask(const std::string& method, const std::string& target, const std::string& body, const std::string& type) {
    const size_t mark = target.find('?');
    Request request{method, target.substr(0, mark), mark == std::string::npos ? "" : target.substr(mark + 1), body, {}};
    if (!type.empty()) request.headers.emplace_back("content-type", type);
    const Match found = match(method, request.path);
    const auto named = found.values.find("model");
    const Models::Live live = named == found.values.end() ? Models::Live{} : models_->find(named->second, "");
    switch (found.route->action) {
      case Action::feedback: return {200, decisions_->feedback(*live.model, body)};
      case Action::waiting: return {200, decisions_->waiting(*live.model)};
      case Action::explain: return studio_->explain(live, read_sent(*live.model, request).examples, request);
      default: return studio_->answer(found.route->action, request, found);
    }
  }
  json get(const std::string& path) { return json::parse(ask("GET", path, "", "").body); }
  json post(const std::string& path, const std::string& body, const std::string& type) {
    return json::parse(ask("POST", path, body, type).body);
  }
  int refused(const std::string& path, const std::string& body, const std::string& type) {
    try {
      (void)ask("POST", path, body, type);
    } catch (const Refused& e) {
      return e.status();
    }
    return 200;
  }
  json model(const std::string& name) {
    for (const json& m : get("/v2/models"))
      if (m["name"] == name) return m;
    return nullptr;
  }

  // Example i as the page sends it.
  static std::string text(const data::Dataset& set, int64_t i) { return set.texts()[static_cast<size_t>(i)]; }
  static std::string row(const data::Dataset& set, int64_t i) {
    const people::Kept kept = people::kept(ward().model.input, set, i);
    return {kept.bytes.begin(), kept.bytes.end()};
  }

  // Wrong answers are corrected and learned; before that none was right, and after it some are.
  void expect_a_loop(const std::string& at, const data::Dataset& set, const std::string& type,
                     const std::function<std::string(int64_t)>& body) {
    const auto truth = [&](int64_t i) { return set.classes[static_cast<size_t>(set.labels[static_cast<size_t>(i)])]; };
    const auto read_as = [&](int64_t i) { return post(at + "/look", body(i), type)["label"].get<std::string>(); };
    const std::vector<std::string> people{"Ann", "Bo", "Cy", "Di"};
    std::vector<int64_t> corrected;
    for (int64_t i = 0; i < set.size() && corrected.size() < 24; ++i) {
      if (read_as(i) == truth(i)) continue;
      const int64_t decision = post(at + "/decide", body(i), type)["decision"];
      const json said{{"decision", decision}, {"label", truth(i)}, {"person", people[corrected.size() % 4]}};
      EXPECT_GT(post(at + "/feedback", said.dump(), "")["correction"], 0);
      corrected.push_back(i);
    }
    ASSERT_EQ(corrected.size(), 24U) << "there must be something to learn";
    const json update = post(at + "/learn", "{}", "");
    ASSERT_EQ(update["to"], 2) << update.dump();
    const auto right = [&] {
      return std::ranges::count_if(corrected, [&](int64_t i) { return read_as(i) == truth(i); });
    };
    EXPECT_GT(right(), 2) << update.dump();
    EXPECT_EQ(get(at + "/learning")["versions"].size(), 2U);
    (void)post(at + "/restore", R"({"version": 1})", "");
    EXPECT_EQ(right(), 0);
  }

  Folder folder_;
  Metrics metrics_;
  Languages languages_{{}, {}, metrics_};
  std::vector<ModelSource> sources_;
  std::unique_ptr<Models> models_;
  std::unique_ptr<Decisions> decisions_;
  std::unique_ptr<Studio> studio_;
};

TEST_F(StudioKinds, ModelsSayWhatTheyTake) {
  const json films = model("films"), ward = model("ward");
  EXPECT_EQ(films["kind"], "text");
  EXPECT_EQ(films["classes"], json({"bad", "good"}));
  EXPECT_EQ(films["methods"][0], "integrated_gradients");
  for (const json& method : films["methods"]) EXPECT_NE(method, "attention") << "this network has none";
  EXPECT_FALSE(films.contains("columns"));
  EXPECT_TRUE(films["learns"].get<bool>());

  EXPECT_EQ(ward["kind"], "table");
  ASSERT_EQ(ward["columns"].size(), 3U);
  const json &age = ward["columns"][0], &seen = ward["columns"][1], &smoker = ward["columns"][2];
  EXPECT_EQ(age["name"], "age");
  EXPECT_EQ(age["kind"], "number");
  EXPECT_FALSE(age["missing"].get<bool>());
  EXPECT_GE(std::stod(age["low"].get<std::string>()), 20);
  EXPECT_LE(std::stod(age["high"].get<std::string>()), 80);
  EXPECT_EQ(seen["kind"], "date");
  EXPECT_TRUE(seen["missing"].get<bool>());
  EXPECT_TRUE(seen["usual"].get<std::string>().starts_with("202")) << seen.dump();
  EXPECT_EQ(smoker["kind"], "category");
  EXPECT_EQ(smoker["values"], json({"no, \"never\"", "yes"}));
  EXPECT_EQ(ward["methods"], json({"shapley"}));
  EXPECT_TRUE(model("alone")["methods"].empty()) << "nothing is known of its training rows";
}

TEST_F(StudioKinds, LooksAtTextsAndRowsAsPredictDoes) {
  const data::Dataset texts = opinions(6, 5), rows = patients(6, 5);
  for (int64_t i = 0; i < 6; ++i) {
    const json a = post("/v2/models/films/look", text(texts, i), text_type);
    const json b = post("/v2/models/ward/look", row(rows, i), row_type);
    EXPECT_EQ(a["label"], texts.classes[static_cast<size_t>(texts.labels[static_cast<size_t>(i)])]);
    EXPECT_EQ(b["label"], rows.classes[static_cast<size_t>(rows.labels[static_cast<size_t>(i)])]);
    tasks::Classifier one = films().model, other = ward().model;
    const auto p = one.predict(data::subset(texts, std::span(&i, 1))),
               q = other.predict(data::subset(rows, std::span(&i, 1)));
    for (size_t c = 0; c < 2; ++c) {
      EXPECT_NEAR(a["probabilities"][c].get<float>(), p[c], 1e-6);
      EXPECT_NEAR(b["probabilities"][c].get<float>(), q[c], 1e-6);
    }
    EXPECT_EQ(a["coverage"], 0.95);
    EXPECT_FALSE(a.contains("picture"));
    EXPECT_FALSE(b.contains("frame"));
  }
}

TEST_F(StudioKinds, RefusesWhatTheModelDoesNotTake) {
  const std::string good = row(patients(1, 5), 0);
  EXPECT_EQ(refused("/v2/models/ward/look", good, row_type), 200);
  EXPECT_EQ(refused("/v2/models/films/look", good, row_type), 400);
  EXPECT_EQ(refused("/v2/models/ward/look", "a fine film", text_type), 400);
  EXPECT_EQ(refused("/v2/models/films/look", "\x89PNG", "image/png"), 400);
  EXPECT_EQ(refused("/v2/models/films/look", "  ", text_type), 400);
  EXPECT_EQ(refused("/v2/models/films/look", "\xff\xfe", text_type), 400);
  EXPECT_EQ(refused("/v2/models/ward/look", R"({"age": "44"})", row_type), 400) << "columns are missing";
  EXPECT_EQ(refused("/v2/models/ward/look", R"({"age": "old", "smoker": "yes", "seen": null})", row_type), 400);
  EXPECT_EQ(refused("/v2/models/ward/look", "[1, 2", row_type), 400);
  EXPECT_EQ(refused("/v2/models/ward/look", "age,smoker,seen\n1,yes,\n2,no,\n", "text/csv"), 413) << "two rows";
}

TEST_F(StudioKinds, WordsSpeakForAndAgainstAClass) {
  const std::string film = "the camera was — dull, the story awful";
  const json why = post("/v2/models/films/explain?class=0", film, text_type);
  EXPECT_EQ(why["method"], "integrated_gradients");
  EXPECT_EQ(why["label"], "bad");
  double sum = 0, most = 0;
  std::string strongest;
  for (const json& part : why["parts"]) {
    const auto begin = part["begin"].get<size_t>(), end = part["end"].get<size_t>();
    EXPECT_EQ(part["text"], film.substr(begin, end - begin));
    const double adds = part["adds"];
    sum += adds;
    if (adds > most) most = adds, strongest = part["text"];
  }
  EXPECT_TRUE(strongest == "dull" || strongest == "awful") << why.dump();
  EXPECT_NEAR(sum, why["output"].get<double>() - why["baseline_output"].get<double>(), 0.01 * std::abs(sum));
  const json other = post("/v2/models/films/explain?class=1&method=occlusion", film, text_type);
  EXPECT_EQ(other["label"], "good");
  for (const json& part : other["parts"])
    if (part["text"] == strongest) {
      EXPECT_LT(part["adds"], 0);
    }
  EXPECT_EQ(refused("/v2/models/films/explain?method=attention", film, text_type), 400);
  EXPECT_EQ(refused("/v2/models/films/explain?method=magic", film, text_type), 400);
  EXPECT_EQ(refused("/v2/models/films/explain?class=2", film, text_type), 400);
}

TEST_F(StudioKinds, ColumnsAddToAProbabilityAndOthersTurnIt) {
  const std::string body = R"({"age": "72", "smoker": "yes", "seen": null})";
  const json why = post("/v2/models/ward/explain", body, row_type);
  EXPECT_EQ(why["label"], "ill");
  double sum = 0;
  for (const json& part : why["parts"]) sum += part["adds"].get<double>();
  EXPECT_NEAR(sum, why["probability"].get<double>() - why["usual"].get<double>(), 1e-5);
  EXPECT_EQ(why["parts"][0]["column"], "age");
  EXPECT_EQ(why["parts"][0]["value"], "72");
  for (const json& part : why["parts"])
    if (part["column"] == "seen") {
      EXPECT_TRUE(part["value"].is_null());
    }

  const json other = why["counterfactual"];
  ASSERT_TRUE(other["found"].get<bool>()) << why.dump();
  EXPECT_EQ(other["label"], "well");
  json changed = json::parse(body);
  for (const json& change : other["changes"]) {
    EXPECT_EQ(changed[change["column"]], change["from"]);
    changed[change["column"].get<std::string>()] = change["to"];
  }
  const json look = post("/v2/models/ward/look", changed.dump(), row_type);
  EXPECT_EQ(look["label"], "well");
  EXPECT_NEAR(look["probability"].get<double>(), other["probability"].get<double>(), 1e-5);
  // Asked about the class that it is not: what would make it that one.
  EXPECT_EQ(post("/v2/models/ward/explain?class=0", body, row_type)["counterfactual"]["label"], "well");
  EXPECT_EQ(refused("/v2/models/alone/explain", body, row_type), 409);
  EXPECT_EQ(refused("/v2/models/alone/look", body, row_type), 200);
}

TEST_F(StudioKinds, ShowsWhatTheLayersMakeOfTextsAndRows) {
  const json flow = post("/v2/models/films/activations", "a dull story", text_type);
  const json layers = get("/v2/models/films/network");
  ASSERT_EQ(flow.size(), layers.size() + 1);
  ASSERT_GE(flow[0]["tokens"].size(), 3U) << "words, and pairs of words that are known";
  EXPECT_EQ(flow[0]["tokens"][1], "dull");
  const auto tokens = flow[0]["tokens"].size();
  EXPECT_EQ(flow[1]["shape"], json({tokens, 12}));
  EXPECT_EQ(flow[1]["shown"], tokens);
  EXPECT_EQ(flow[1]["width"], 12);
  EXPECT_EQ(flow[1]["map"].get<std::string>().size(), (tokens * 12 + 2) / 3 * 4);
  EXPECT_EQ(flow[2]["shape"], json::array({12}));
  EXPECT_FALSE(flow[2].contains("width"));
  EXPECT_NE(flow.back()["map"], post("/v2/models/films/activations", "a fine story", text_type).back()["map"]);

  const json row_flow = post("/v2/models/ward/activations", row(patients(1, 3), 0), row_type);
  EXPECT_EQ(row_flow[0]["shown"], row_flow[0]["shape"][0]);
  EXPECT_EQ(row_flow.back()["shape"], json::array({2}));
}

TEST_F(StudioKinds, FindsTrainingExamplesOfTheSameKind) {
  for (int64_t i = 0; i < 2; ++i) {
    const data::Dataset texts = opinions(2, 9), rows = patients(2, 9);
    const json near = post("/v2/models/films/similar", text(texts, i), text_type);
    ASSERT_EQ(near.size(), 6U);
    EXPECT_EQ(near[0]["label"], texts.classes[static_cast<size_t>(i)]);
    EXPECT_NE(std::ranges::find(films().memory.replay.texts(), near[0]["text"].get<std::string>()),
              films().memory.replay.texts().end());
    const json alike = post("/v2/models/ward/similar", row(rows, i), row_type);
    EXPECT_EQ(alike[0]["label"], rows.classes[static_cast<size_t>(i)]);
    EXPECT_EQ(alike[0]["row"].size(), 3U);
  }
}

TEST_F(StudioKinds, TheQueueHoldsTextsAndRows) {
  const std::string strange = "zzz qqq", unsure = R"({"age": "48.5", "smoker": "yes", "seen": null})";
  (void)post("/v2/models/films/decide", strange, text_type);
  (void)post("/v2/models/ward/decide", unsure, row_type);
  (void)post("/v2/models/films/decide", text(opinions(1, 5), 0), text_type);
  const json films = get("/v2/models/films/waiting"), ward = get("/v2/models/ward/waiting");
  ASSERT_EQ(films.size(), 1U) << "the other was answered by the network";
  EXPECT_EQ(films[0]["media_type"], "text/plain; charset=utf-8");
  EXPECT_EQ(films[0]["input"], "enp6IHFxcQ==");
  ASSERT_EQ(ward.size(), 1U);
  EXPECT_EQ(ward[0]["media_type"], "application/json");
  EXPECT_EQ(model("films")["waiting"], 1);
  (void)post("/v2/models/films/feedback",
             json{{"decision", films[0]["decision"]}, {"label", "bad"}, {"person", "Ann"}}.dump(), "");
  EXPECT_TRUE(get("/v2/models/films/waiting").empty());
  EXPECT_EQ(model("ward")["waiting"], 1) << "each model has its own";
}

TEST_F(StudioKinds, TheLoopFromAWrongTextToABetterNetwork) {
  const data::Dataset news = opinions(300, 3, true);
  expect_a_loop("/v2/models/films", news, text_type, [&](int64_t i) { return text(news, i); });
}

TEST_F(StudioKinds, TheLoopFromAWrongRowToABetterNetwork) {
  const data::Dataset news = patients(300, 3, true);
  expect_a_loop("/v2/models/ward", news, row_type, [&](int64_t i) { return row(news, i); });
}

TEST_F(StudioKinds, ALanguageModelIsListedAndShownAndNotCorrected) {
  tasks::LanguageModel verse = tandem::testing::tiny_language_model(
      tandem::testing::tiny_lstm, folder_.write("text.txt", tandem::testing::alphabet_text(60)), true);
  verse.save(folder_ / "verse.safetensors");
  const Languages languages({ModelSource::parse((folder_ / "verse.safetensors").string())}, {}, metrics_);
  studio_ = std::make_unique<Studio>(*models_, languages, *decisions_, StudioOptions{});
  const json said = model("verse");
  EXPECT_EQ(said["kind"], "language");
  EXPECT_FALSE(said["learns"].get<bool>());
  EXPECT_EQ(said["context"], verse.reading.context);
  const json layers = get("/v2/models/verse/network");
  EXPECT_EQ(layers.size(), verse.net.layers().size());
  EXPECT_EQ(layers[0]["kind"], "embedding");
  EXPECT_EQ(refused("/v2/models/verse/look", "a b c", text_type), 409);
  EXPECT_EQ(refused("/v2/models/films/look", "a fine film", text_type), 200) << "the others answer as before";
}

}  // namespace
}  // namespace tandem::deploy
