#include <tandem/base/threads.h>
#include <tandem/data/formats/image.h>
#include <tandem/people/learn.h>
#include <tandem/people/rehearsal.h>
#include <tandem/people/versions.h>
#include <tandem/train/fit.h>

#include "tests/train/small.h"

namespace tandem::people {
namespace {

using tandem::testing::expect_error;
using tandem::testing::Folder;
using tandem::testing::weights;

// Digits, and a network trained on few of them: there is something to learn from its mistakes on others.
struct Trained {
  tasks::Classifier model;
  Memory memory;
  data::Dataset others;
  std::vector<int64_t> mistakes, known;  // of `others`
};

const Trained& trained() {
  static const Trained once = [] {
    train::Recipe recipe = train::Recipe::read(Config::parse(R"(
network: [conv: {filters: 8, kernel: 5, stride: 2}, batch_norm, relu, flatten, linear: classes]
data: {source: builtin, train: 2500, test: 3000, validation: 0.2, size: [14, 14]}
optimizer: {lr: 0.01}
train: {epochs: 4, batch: 32}
)",
                                                             "few.yaml"));
    const data::Splits data = train::prepare(recipe, "");
    Trained out;
    out.model = train::make_model(recipe, data.train);
    train::Trainer(recipe, out.model, data.train, data.validation).run();
    out.model.notes["recipe"] = recipe.write().str();
    out.memory = remember(data.train, data.validation, 1);
    out.others = data.test;
    const evaluate::Predictions said{out.model.classes, out.others.labels, out.model.predict(out.others)};
    for (int64_t i = 0; i < out.others.size(); ++i)
      (said.predicted(i) == out.others.labels[static_cast<size_t>(i)] ? out.known : out.mistakes).push_back(i);
    return out;
  }();
  return once;
}

double accuracy(tasks::Classifier model, const data::Dataset& set) {
  return train::evaluate_model(model, set, "test").result.accuracy;
}

// The first of `which` among the others, with their right labels, by `people` in turn.
Lesson lesson(const std::vector<int64_t>& which, int64_t count, int64_t people = 1) {
  Lesson out;
  const data::Dataset& set = trained().others;
  out.examples = data::subset(set, std::span(which).first(static_cast<size_t>(count)));
  for (int64_t i = 0; i < count; ++i)
    out.answers.push_back({i, i % people, out.examples.labels[static_cast<size_t>(i)]});
  std::ranges::fill(out.examples.labels, 0);
  return out;
}

const LearnOptions quick{.steps = 60, .lr = 1e-3, .allowed = 0.02};

TEST(Learn, TakesInCorrectionsAndKeepsWhatItKnew) {
  const Trained& t = trained();
  const auto before = weights(const_cast<tasks::Classifier&>(t.model).net);
  ASSERT_GE(t.mistakes.size(), 100U) << "there must be something to learn";
  const Learned learned = learn(t.model, lesson(t.mistakes, 60, 3), t.memory, 0, quick);
  EXPECT_TRUE(learned.better) << name_of(learned.outcome);
  EXPECT_GE(learned.believed.size(), 50U);
  EXPECT_EQ(learned.known_before, 0);
  EXPECT_GE(learned.known_after, 12);
  const data::Dataset unseen = data::subset(t.others, std::span(t.mistakes).subspan(60));
  EXPECT_GE(accuracy(learned.model, unseen), 0.1) << "mistakes that nobody corrected are mended too";
  EXPECT_GE(accuracy(learned.model, t.others), accuracy(t.model, t.others));
  EXPECT_GE(accuracy(learned.model, t.memory.held_back), accuracy(t.model, t.memory.held_back) - 0.02);
  EXPECT_EQ(learned.accuracy_after, accuracy(learned.model, t.memory.held_back));
  EXPECT_EQ(weights(const_cast<tasks::Classifier&>(t.model).net), before) << "the live network is not touched";
}

TEST(Learn, FitsConfidenceAnew) {
  const Trained& t = trained();
  tasks::Classifier live = t.model;
  live.learn_confidence({}, t.memory.replay, t.memory.held_back);
  Learned learned = learn(live, lesson(t.mistakes, 60, 3), t.memory, 0, quick);
  ASSERT_TRUE(learned.better) << name_of(learned.outcome);
  tasks::Classifier again = learned.model, stale = learned.model;
  again.learn_confidence({}, t.memory.replay, t.memory.held_back);
  stale.confidence = live.confidence;
  EXPECT_EQ(learned.model.predict(t.memory.held_back), again.predict(t.memory.held_back));
  EXPECT_NE(learned.model.predict(t.memory.held_back), stale.predict(t.memory.held_back));
}

TEST(Learn, OnePersonCanCorrectItOnce) {
  const Trained& t = trained();
  const Learned learned = learn(t.model, lesson(t.mistakes, 1), t.memory, 0, quick);
  EXPECT_EQ(learned.believed.size(), 1U);
  EXPECT_EQ(learned.known_after, 1);
  EXPECT_TRUE(learned.better) << name_of(learned.outcome);
}

// A fifth of all corrections is wrong and one person's, who may be one of five or the only one: digits that a network
// trained on few of them reads wrong, and others, which it reads right, with another label.
TEST(Learn, BadCorrectionsDoNotWreckIt) {
  const Trained& t = trained();
  const data::Dataset& others = t.others;
  for (const int64_t people : {1, 5}) {
    std::vector<int64_t> which;
    std::vector<Answer> answers;
    Rng rng(1, "bad");
    for (int64_t i = 0; i < 80; ++i) {
      const bool bad = i % 5 == 4;
      which.push_back(bad ? t.known[static_cast<size_t>(i)] : t.mistakes[static_cast<size_t>(i)]);
      const int32_t truth = others.labels[static_cast<size_t>(which.back())];
      answers.push_back({i, bad || people == 1 ? 0 : 1 + i % (people - 1),
                         bad ? static_cast<int32_t>((truth + 1 + rng.below(9)) % 10) : truth});
    }
    const Learned learned = learn(t.model, {data::subset(others, which), answers}, t.memory, 0, {.allowed = 0.01});
    int64_t right_believed = 0, wrong_believed = 0;
    for (const int64_t item : learned.believed) {
      const auto i = static_cast<size_t>(item);
      ++(answers[i].label == others.labels[static_cast<size_t>(which[i])] ? right_believed : wrong_believed);
    }
    EXPECT_GE(right_believed, 48) << "of 64, " << people << " people";
    EXPECT_LE(wrong_believed, 4) << "of 16, " << people << " people";
    EXPECT_TRUE(learned.better) << name_of(learned.outcome);
    EXPECT_GE(learned.accuracy_after, learned.accuracy_before - 0.01);
    if (people > 1) {
      EXPECT_LT(learned.trust.people[0], learned.trust.people[1]);
    }
  }
}

TEST(Learn, AnUpdateThatForgetsIsRolledBack) {
  const Trained& t = trained();
  Lesson wrong = lesson(t.known, 60);  // the world turned round: two people agree on it
  for (Answer& a : wrong.answers) a.label = (a.label + 1) % 10;
  for (int64_t i = 0; i < 60; ++i) wrong.answers.push_back({i, 1, wrong.answers[static_cast<size_t>(i)].label});
  LearnOptions hard = quick;
  hard.steps = 120;
  hard.lr = 0.02;
  hard.attempts = 1;
  const Learned learned = learn(t.model, wrong, t.memory, 0, hard);
  EXPECT_FALSE(learned.better);
  EXPECT_LT(learned.accuracy_after, learned.accuracy_before - 0.02);
  EXPECT_EQ(learned.outcome, Outcome::forgot);
}

// The bar is the best version so far, so that many small losses cannot add up.
TEST(Learn, IsMeasuredAgainstTheBestSoFar) {
  const Trained& t = trained();
  LearnOptions once = quick;
  once.attempts = 1;
  const Learned learned = learn(t.model, lesson(t.mistakes, 30, 3), t.memory, 1.5, once);
  EXPECT_FALSE(learned.better);
  EXPECT_EQ(learned.outcome, Outcome::forgot);
  EXPECT_DOUBLE_EQ(learned.asked, 1.48);
}

TEST(Learn, NothingNewIsNoUpdate) {
  const Trained& t = trained();
  const Learned known = learn(t.model, lesson(t.known, 12), t.memory, 0, quick);
  EXPECT_FALSE(known.better);
  EXPECT_EQ(known.known_before, known.known_after);
  EXPECT_EQ(weights(const_cast<nn::Sequential&>(known.model.net)), weights(const_cast<nn::Sequential&>(t.model.net)));
}

TEST(Learn, GivesTheSameBytesForAnyNumberOfThreads) {
  const Trained& t = trained();
  std::vector<uint8_t> first;
  for (const int threads : {1, 2, 3}) {
    set_threads(threads);
    Learned learned = learn(t.model, lesson(t.mistakes, 12, 3), t.memory, 0, quick);
    const auto bytes = weights(learned.model.net);
    if (first.empty()) first = bytes;
    EXPECT_EQ(bytes, first) << threads;
  }
  set_threads(0);
}

TEST(Learn, RefusesWhatDoesNotFit) {
  const Trained& t = trained();
  expect_error(ErrorKind::usage, {"no example"}, [&] { (void)learn(t.model, {}, t.memory); });
  expect_error(ErrorKind::usage, {"0 examples to replay"}, [&] { (void)learn(t.model, lesson(t.mistakes, 3), {}); });
  Memory other = t.memory;
  other.replay.classes = {"a", "b", "c"};
  expect_error(ErrorKind::data, {"a, b, c", "0, 1, 2"}, [&] { (void)learn(t.model, lesson(t.mistakes, 3), other); });
  expect_error(ErrorKind::data, {"builtin", "data.validation"}, [&] { (void)remember(t.others, {}, 1); });
}

TEST(Memory, IsReadAsItWasWritten) {
  const Folder folder;
  const Memory& memory = trained().memory;
  save(memory, folder / "memory.safetensors");
  const Memory again = load_memory(folder / "memory.safetensors");
  EXPECT_EQ(again.replay.labels, memory.replay.labels);
  EXPECT_EQ(again.held_back.labels, memory.held_back.labels);
  EXPECT_EQ(again.replay.classes, memory.replay.classes);
  EXPECT_TRUE(std::ranges::equal(again.held_back.pixels().data<const uint8_t>(),
                                 memory.held_back.pixels().data<const uint8_t>()));
  write_safetensors(folder / "other.safetensors", {{{"a", Tensor::zeros({2})}}, {}});
  expect_error(ErrorKind::data, {"other.safetensors", "no memory of a run"},
               [&] { (void)load_memory(folder / "other.safetensors"); });
}

// A run folder with the trained network and its memory.
train::RunFolder run_in(const Folder& home) {
  const train::RunFolder run = train::RunFolder::create(home / "runs", "few");
  tasks::Classifier model = trained().model;
  write_text(run.recipe(), model.notes.at("recipe"));
  model.save(run.model());
  save(trained().memory, run.path / "memory.safetensors");
  return run;
}

TEST(Versions, AreKeptComparedAndRestored) {
  const Folder home;
  const train::RunFolder run = run_in(home);
  Versions versions(run);
  ASSERT_EQ(versions.list().size(), 1U);
  EXPECT_EQ(versions.live().number, 1);

  tasks::Classifier other = versions.load(1);
  other.net.visit("", [](const std::string&, Tensor& t, bool) { t = Tensor::zeros(t.shape()); });
  EXPECT_EQ(versions.add(other, {.parent = 1, .corrections = 7, .accuracy = 0.5}), 2);
  EXPECT_EQ(versions.live().number, 1) << "not live yet";
  versions.make_live(2);
  const auto list = Versions(run).list();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[1].parent, 1);
  EXPECT_EQ(list[1].corrections, 7);
  EXPECT_EQ(list[1].accuracy, 0.5);
  EXPECT_TRUE(list[1].live && !list[0].live);
  EXPECT_EQ(read_file(run.model()), read_file(versions.path(2)));

  tasks::Classifier first = versions.load(1), second = versions.load(2);
  const data::Dataset& set = trained().memory.held_back;
  const Comparison c = compare(first, second, set);
  EXPECT_EQ(c.both + c.only_first + c.only_second + c.neither, set.size());
  EXPECT_NEAR(static_cast<double>(c.both + c.only_first) / static_cast<double>(set.size()), accuracy(first, set), 1e-9);
  EXPECT_EQ(c.both + c.only_second, set.size() / 10) << "zeros say the first class";

  versions.make_live(1);
  EXPECT_EQ(versions.live().number, 1);
  expect_error(ErrorKind::usage, {"no version 9", "1, 2"}, [&] { versions.make_live(9); });
  // Training anew makes a version of its own.
  tasks::Classifier fresh = trained().model;
  fresh.save(run.model());
  EXPECT_EQ(Versions(run).live().number, 3);
}

TEST(LearnRun, GoesFromCorrectionsToANewVersion) {
  const Folder home;
  const train::RunFolder run = run_in(home);
  EXPECT_EQ(learn(run, "", quick).id, 0) << "nothing was said yet";
  {
    Store store(store_path(run));
    tasks::Classifier model = tasks::Classifier::load(run.model());
    const Rehearsed said = rehearse(store, model, trained().others, "few", {.corrections = 20, .people = 2});
    EXPECT_EQ(said.right, 20);
  }
  const Update update = learn(run, "", quick);
  EXPECT_EQ(update.outcome, Outcome::learned);
  EXPECT_EQ(update.from, 1);
  EXPECT_EQ(update.to, 2);
  EXPECT_EQ(update.corrections + update.set_aside, 20);
  EXPECT_GE(update.corrections, 10);
  Versions versions(run);
  EXPECT_EQ(versions.live().number, 2);
  EXPECT_EQ(versions.live().corrections, update.corrections);
  Store store(store_path(run));
  for (const Correction& c : store.corrections()) {
    EXPECT_GE(c.trust, 0);
    EXPECT_EQ(c.version, c.trust > 0.5 ? 2 : 0);
  }
  EXPECT_EQ(learn(run, "", quick).id, 0) << "nothing new was said";
  ASSERT_EQ(store.updates().size(), 1U);
}

// What cannot be learned from is passed over: no picture kept, a class the network does not have, a word taken back.
TEST(LearnRun, PassesOverWhatItCannotUse) {
  const Folder home;
  const train::RunFolder run = run_in(home);
  {
    Store store(store_path(run));
    tasks::Classifier model = tasks::Classifier::load(run.model());
    std::vector<Decision> all = decide(model, data::subset(trained().others, std::vector<int64_t>{0, 1, 2}), "few");
    all[0].input.clear();
    const auto ids = store.add(all);
    store.correct({.decision = ids[0], .person = "bo", .label = "1"});
    store.correct({.decision = ids[1], .person = "bo", .label = "left"});
    EXPECT_EQ(learn(run, "", quick).outcome, Outcome::nothing_new);
    store.correct({.decision = ids[2], .person = "bo", .label = "1"});
    store.correct({.decision = ids[2], .person = "bo", .label = "2"});
  }
  const Update update = learn(run, "", quick);
  EXPECT_GT(update.id, 0);
  EXPECT_EQ(update.corrections + update.set_aside, 1);
}

}  // namespace
}  // namespace tandem::people
