// Corrections of texts and of rows: kept, read back, believed or not, learned, and taken back.
#include <tandem/people/kept.h>
#include <tandem/people/learn.h>
#include <tandem/people/rehearsal.h>
#include <tandem/people/versions.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/people/opinions.h"

namespace tandem::people {
namespace {

using namespace tandem::testing;
using nlohmann::json;

/// Rows of people: the young are well, the old are ill, whether they smoke or not. Training knows nobody between 40 and
/// 60; `news` are of there, where those who smoke are ill.
data::Dataset patients(int64_t n, uint64_t seed, bool news = false) {
  Rng rng(seed, "patients");
  data::Dataset out{.inputs = {}, .labels = {}, .classes = {"no", "yes"}, .source = "patients"};
  data::Table table{.columns = {{.name = "age", .type = data::ColumnType::number},
                                {.name = "smoker", .type = data::ColumnType::category},
                                {.name = "seen", .type = data::ColumnType::date},
                                {.name = "name", .type = data::ColumnType::identifier, .used = false}},
                    .lines = {},
                    .source = "patients"};
  for (int64_t i = 0; i < n; ++i) {
    const auto label = static_cast<int32_t>(i % 2);
    const double age = news ? rng.uniform(42, 58) : rng.uniform(20, 40) + 40 * label;
    const bool smoker = news ? label == 1 : rng.chance(0.5);
    table.lines.push_back(i + 2);
    table.columns[0].numbers.push_back(age);
    table.columns[1].words.push_back(smoker ? "yes" : "no, \"never\"");
    table.columns[2].numbers.push_back(rng.chance(0.1) ? std::nan("") : static_cast<double>(19000 + rng.below(900)));
    table.columns[2].missing += std::isnan(table.columns[2].numbers.back()) ? 1 : 0;
    table.columns[3].words.push_back("person " + std::to_string(i));
    out.labels.push_back(label);
  }
  out.inputs = std::move(table);
  return out;
}

// A network that knows one world, and examples of another.
struct Trained {
  std::string name;
  tasks::Classifier model;
  Memory memory;
  data::Dataset others;
  std::vector<int64_t> mistakes, known;  // of `others`
};

Trained trained(const std::string& name, const train::Recipe& recipe, const data::Dataset& train,
                const data::Dataset& held, data::Dataset others) {
  Trained out{name, trained_on(recipe, train), remember(train, held, 1), std::move(others), {}, {}};
  const evaluate::Predictions said{out.model.classes, out.others.labels, out.model.predict(out.others)};
  for (int64_t i = 0; i < out.others.size(); ++i)
    (said.predicted(i) == out.others.labels[static_cast<size_t>(i)] ? out.known : out.mistakes).push_back(i);
  return out;
}

const std::vector<Trained>& worlds() {
  static const std::vector<Trained> once = [] {
    std::vector<Trained> out;
    out.push_back(trained("texts", text_recipe(text_networks()[0].second, true), opinions(600, 1), opinions(200, 2),
                          data::joined(opinions(300, 3, true), opinions(100, 4))));
    const auto recipe = train::Recipe::read(Config::parse(R"(task: table_classification
network: [linear: 16, relu, linear: classes]
data: {source: none.csv, validation: 0.2}
optimizer: {lr: 0.01}
train: {epochs: 10, batch: 32, keep: last}
)",
                                                          "patients.yaml"));
    out.push_back(trained("rows", recipe, patients(600, 1), patients(200, 2),
                          data::joined(patients(300, 3, true), patients(100, 4))));
    return out;
  }();
  return once;
}

double accuracy(tasks::Classifier model, const data::Dataset& set) {
  return train::evaluate_model(model, set, "test").result.accuracy;
}

Lesson lesson(const Trained& t, const std::vector<int64_t>& which, int64_t count, int64_t people) {
  Lesson out;
  out.examples = data::subset(t.others, std::span(which).first(static_cast<size_t>(count)));
  for (int64_t i = 0; i < count; ++i)
    out.answers.push_back({i, i % people, out.examples.labels[static_cast<size_t>(i)]});
  std::ranges::fill(out.examples.labels, 0);
  return out;
}

const LearnOptions quick{.steps = 100, .lr = 5e-3, .allowed = 0.02};

TEST(LearnKinds, CorrectionsAreTakenInAtOnce) {
  for (const Trained& t : worlds()) {
    ASSERT_GE(t.mistakes.size(), 100U) << t.name << ": there must be something to learn";
    const Learned learned = learn(t.model, lesson(t, t.mistakes, 40, 3), t.memory, 0, quick);
    EXPECT_TRUE(learned.better) << t.name << ": " << name_of(learned.outcome);
    EXPECT_GE(learned.believed.size(), 36U) << t.name;
    EXPECT_EQ(learned.known_before, 0);
    EXPECT_GE(learned.known_after, 30) << t.name;
    const data::Dataset unseen = data::subset(t.others, std::span(t.mistakes).subspan(40));
    EXPECT_GE(accuracy(learned.model, unseen), 0.6) << t.name << ": mistakes that nobody corrected are mended too";
    EXPECT_GE(accuracy(learned.model, t.memory.held_back), accuracy(t.model, t.memory.held_back) - 0.02) << t.name;
  }
}

TEST(LearnKinds, BadCorrectionsDoNotWreckIt) {
  for (const Trained& t : worlds()) {
    std::vector<int64_t> which;
    std::vector<Answer> answers;
    for (int64_t i = 0; i < 60; ++i) {
      const bool bad = i % 5 == 4;  // a fifth, all by person 0, about examples that were read right
      const auto& from = bad ? t.known : t.mistakes;
      which.push_back(from[from.size() - 1 - static_cast<size_t>(i)]);
      const int32_t truth = t.others.labels[static_cast<size_t>(which.back())];
      answers.push_back({i, bad ? 0 : 1 + i % 4, bad ? 1 - truth : truth});
    }
    const Learned learned = learn(t.model, {data::subset(t.others, which), answers}, t.memory, 0, quick);
    int64_t wrong_believed = 0;
    for (const int64_t item : learned.believed) wrong_believed += item % 5 == 4 ? 1 : 0;
    EXPECT_LE(wrong_believed, 3) << t.name << ", of 12";
    EXPECT_GE(std::ssize(learned.believed) - wrong_believed, 40) << t.name << ", of 48";
    EXPECT_LT(learned.trust.people[0], learned.trust.people[1]) << t.name;
    EXPECT_TRUE(learned.better) << t.name << ": " << name_of(learned.outcome);
    EXPECT_GE(learned.accuracy_after, learned.accuracy_before - 0.02) << t.name;
    EXPECT_GT(accuracy(learned.model, t.others), accuracy(t.model, t.others)) << t.name;
  }
}

TEST(LearnKinds, WhatForgetsIsRolledBack) {
  for (const Trained& t : worlds()) {
    Lesson wrong = lesson(t, std::vector<int64_t>(t.known.end() - 60, t.known.end()), 60, 1);
    for (Answer& a : wrong.answers) a.label = 1 - a.label;  // the world turned round: three people agree on it
    for (int64_t i = 0; i < 60; ++i)
      for (const int64_t person : {1, 2})
        wrong.answers.push_back({i, person, wrong.answers[static_cast<size_t>(i)].label});
    LearnOptions hard = quick;
    hard.lr = 0.05, hard.steps = 200, hard.attempts = 1;
    const Learned learned = learn(t.model, wrong, t.memory, 0, hard);
    EXPECT_FALSE(learned.better) << t.name;
    EXPECT_TRUE(learned.outcome == Outcome::forgot || learned.outcome == Outcome::not_learned)
        << t.name << ": " << name_of(learned.outcome);
  }
}

TEST(LearnKinds, ThresholdsAreChosenAnew) {
  const Trained& t = worlds()[1];
  tasks::Classifier live = t.model;
  live.learn_threshold({.kind = "sensitivity", .least = 0.99}, t.memory.held_back);
  Learned learned = learn(live, lesson(t, t.mistakes, 40, 3), t.memory, 0, quick);
  ASSERT_TRUE(learned.better) << name_of(learned.outcome);
  tasks::Classifier again = learned.model;
  again.learn_threshold(live.threshold->goal, t.memory.held_back);
  EXPECT_EQ(learned.model.threshold->value, again.threshold->value);
  EXPECT_NE(learned.model.threshold->value, live.threshold->value);
}

bool same(const data::Dataset& a, const data::Dataset& b) {
  if (a.labels != b.labels || a.classes != b.classes || a.inputs.index() != b.inputs.index()) return false;
  if (a.has_texts()) return a.texts() == b.texts();
  std::vector<const data::Column*> used;
  for (const data::Column& column : a.table().columns)
    if (column.used) used.push_back(&column);
  if (used.size() != b.table().columns.size()) return false;
  for (size_t c = 0; c < used.size(); ++c) {
    const data::Column& other = b.table().columns[c];
    if (used[c]->name != other.name || used[c]->type != other.type || used[c]->missing != other.missing) return false;
    for (int64_t r = 0; r < a.size(); ++r)
      if (used[c]->text(r) != other.text(r)) return false;
  }
  return a.table().rows() == b.table().rows();
}

TEST(Memory, OfTextsAndRowsIsReadAsItWasWritten) {
  for (const Trained& t : worlds()) {
    const Folder folder;
    const fs::path path = folder / "memory.safetensors";
    save(t.memory, path);
    const Memory again = load_memory(path);
    EXPECT_TRUE(same(t.memory.replay, again.replay)) << t.name;
    EXPECT_TRUE(same(t.memory.held_back, again.held_back)) << t.name;
    const TensorFile whole = read_safetensors(path);
    for (size_t left_out = 0; left_out < whole.tensors.size(); ++left_out) {
      TensorFile damaged = whole;
      damaged.tensors.erase(damaged.tensors.begin() + static_cast<std::ptrdiff_t>(left_out));
      write_safetensors(folder / "damaged.safetensors", damaged);
      expect_error(ErrorKind::data, {"damaged.safetensors", "made again"},
                   [&] { (void)load_memory(folder / "damaged.safetensors"); });
      const auto& [name, tensor] = whole.tensors[left_out];
      damaged.tensors.emplace_back(name, tensor.rows(0, tensor.size(0) - 1));  // one too few
      write_safetensors(folder / "damaged.safetensors", damaged);
      expect_error(ErrorKind::data, {"damaged.safetensors", "made again"},
                   [&] { (void)load_memory(folder / "damaged.safetensors"); });
    }
  }
}

TEST(Kept, ExamplesComeBackAsTheyWere) {
  for (const Trained& t : worlds()) {
    for (int64_t i = 0; i < 20; ++i) {
      const Kept one = kept(t.model.input, t.others, i);
      EXPECT_EQ(one.media_type, t.name == "texts" ? "text/plain; charset=utf-8" : "application/json");
      const auto again = example_of(t.model, one, "decision 1");
      ASSERT_TRUE(again.has_value());
      tasks::Classifier model = t.model;
      EXPECT_EQ(model.predict(*again), model.predict(data::subset(t.others, std::span(&i, 1)))) << t.name << i;
    }
    EXPECT_FALSE(example_of(t.model, {"image/png", {1, 2}}, "x")) << "of another kind";
  }
  const Trained &texts = worlds()[0], &rows = worlds()[1];
  EXPECT_FALSE(example_of(texts.model, kept(rows.model.input, rows.others, 0), "x"));
  data::Dataset one = patients(1, 1);
  std::get<data::Table>(one.inputs).columns[2].numbers[0] = std::nan("");
  const Kept row = kept(rows.model.input, one, 0);
  const json object = json::parse(row.bytes);
  EXPECT_TRUE(object.at("seen").is_null());
  EXPECT_TRUE(object.at("age").is_string());
  EXPECT_FALSE(object.contains("name")) << "what the network does not read is not kept";
  const auto as_row = [&](const std::string& text) {
    return example_of(rows.model, {"application/json", {text.begin(), text.end()}}, "decision 7");
  };
  EXPECT_FALSE(as_row(R"({"age": "50"})")) << "columns are missing";
  expect_error(ErrorKind::data, {"decision 7", "no JSON object"}, [&] { (void)as_row("[1"); });
  expect_error(ErrorKind::data, {"decision 7", "'old' in column 'age'", "number"},
               [&] { (void)as_row(R"({"age": "old", "smoker": null, "seen": null})"); });
  expect_error(ErrorKind::data, {"decision 7", "column 'age'", "expected text or null"},
               [&] { (void)as_row(R"({"age": 50, "smoker": null, "seen": null})"); });
  expect_error(ErrorKind::data, {"decision 7", "no UTF-8"}, [&] {
    (void)example_of(texts.model, {"text/plain; charset=utf-8", {'a', 0xff}}, "decision 7");
  });
}

TEST(LearnKinds, ARunGoesFromCorrectionsToANewVersionAndBack) {
  for (const Trained& t : worlds()) {
    const Folder home;
    const train::RunFolder run = train::RunFolder::create(home / "runs", "few");
    tasks::Classifier model = t.model;
    write_text(run.recipe(), model.notes.at("recipe"));
    model.save(run.model());
    save(t.memory, run.path / "memory.safetensors");
    {
      Store store(store_path(run));
      EXPECT_EQ(rehearse(store, model, t.others, "few", {.corrections = 30, .people = 2}).right, 30);
      const Decision d = store.decision(1);
      EXPECT_EQ(d.media_type, t.name == "texts" ? "text/plain; charset=utf-8" : "application/json");
      const json records = json::parse(store.records_of("person-1"));
      EXPECT_EQ(records.at("corrections").size(), 15U);
    }
    const Update update = learn(run, "", quick);
    EXPECT_EQ(update.outcome, Outcome::learned) << t.name;
    EXPECT_EQ(update.to, 2);
    EXPECT_GE(update.corrections, 24);
    Versions versions(run);
    EXPECT_EQ(versions.live().number, 2);
    tasks::Classifier first = versions.load(1), second = versions.load(2);
    const Comparison c = compare(first, second, t.others);
    EXPECT_GT(c.only_second, c.only_first) << t.name;
    versions.make_live(1);
    EXPECT_EQ(tasks::Classifier::load(run.model()).predict(t.others), model.predict(t.others)) << "rolled back";
    EXPECT_EQ(learn(run, "", quick).id, 0) << "nothing new was said";
  }
}

}  // namespace
}  // namespace tandem::people
