#include <tandem/train/run.h>

#include <nlohmann/json.hpp>

#include "tests/tasks/language_small.h"
#include "tests/train/small.h"

namespace tandem::testing {
namespace {

train::Recipe language_recipe(const fs::path& text, const std::string& more) {
  return train::Recipe::read(Config::parse("name: letters\ntask: language_model\ndata: {source: " + text.string() +
                                               ", validation: 0.2, test_share: 0, text: {tokenizer: character}}\n" +
                                               more,
                                           "letters.yaml"));
}

const std::string recurrent = R"(
network: [embedding: {width: 16, deviation: 0.3}, lstm: 24, dropout: 0.1, linear: classes]
language: {context: 8, carry: true, prompts: [abc, ""], generate: {tokens: 12, temperature: 0}}
optimizer: {lr: 0.01}
train: {epochs: 3, batch: 4, clip: 1}
)";

TEST(LanguageRun, LearnsToWriteAndReportsIt) {
  const Folder home;
  const fs::path text = home.write("text.txt", alphabet_text(200));
  train::Recipe recipe = language_recipe(text, recurrent);
  recipe.train.epochs = 12;
  const train::RunFolder folder = train::RunFolder::create(home / "runs", "letters");
  const train::RunResult result = train::run(recipe, folder, home.path(), "tandem train letters", false, {});
  EXPECT_EQ(result.outcome, train::Outcome::finished);
  // Eleven of thirteen characters follow from the one before; to know the others a network must count and remember. One
  // that knew the letter before alone would have 0.51 nats, one that knew nothing 3.3.
  EXPECT_LT(result.test.figures.at("loss"), 0.7);
  EXPECT_NEAR(result.test.figures.at("perplexity"), std::exp(result.test.figures.at("loss")), 1e-9);
  EXPECT_GT(result.test.figures.at("accuracy"), 0.8);

  const auto report = nlohmann::json::parse(read_text(folder.report_json()));
  EXPECT_EQ(report.at("task"), "language_model");
  EXPECT_EQ(report.at("split"), "validation");
  EXPECT_EQ(report.at("loss"), result.test.figures.at("loss"));
  EXPECT_EQ(report.at("seed"), 1);
  for (const char* key : {"data", "examples", "perplexity", "accuracy", "unknown", "vocabulary", "context", "seconds",
                          "train_seconds", "parameters", "version", "machine"})
    EXPECT_TRUE(report.contains(key)) << key;
  ASSERT_EQ(report.at("samples").size(), 2U);
  EXPECT_EQ(report.at("samples")[0].at("prompt"), "abc");
  EXPECT_EQ(report.at("samples")[0].at("text").get<std::string>().substr(0, 9), "defghijkl");
  const std::string page = read_text(folder.report_page());
  EXPECT_NE(page.find("</html>"), std::string::npos);
  EXPECT_NE(page.find("\"samples\":[{\"prompt\":\"abc\",\"text\":\"defghijkl"), std::string::npos);

  // One file is enough to write, and measures the same.
  tasks::LanguageModel model = tasks::LanguageModel::load(folder.model());
  EXPECT_EQ(generate(model, "abc", recipe.language.generate).text, report.at("samples")[0].at("text"));
  const auto part = train::find_text(recipe, home.path()).validation;
  EXPECT_EQ(train::evaluate_language(model, *train::tokens_of(part, model.tokenizer), "x", "validation").figures.loss,
            result.test.figures.at("loss"));
  EXPECT_EQ(train::task_in(folder.model()), "language_model");
}

// Stopped between two steps of an epoch, written to a file, and gone on with: the same bytes as without, hidden state
// and all.
TEST(LanguageRun, ResumesExactlyWithCarriedState) {
  const Folder home;
  const fs::path text = home.write("text.txt", alphabet_text(60));
  train::Recipe recipe = language_recipe(text, recurrent);
  const auto part = train::find_text(recipe, home.path());
  struct Training {
    tasks::LanguageModel model;
    tasks::LanguageModeling task;
    train::Trainer trainer;
    Training(const train::Recipe& r, const data::Corpus& c)
        : model([&] {
            tasks::LanguageModel m;
            m.net = r.network;
            m.reading = r.language.reading;
            m.tokenizer = train::fit_tokenizer(r.data.text.tokenizer, c.train);
            m.build(Rng(r.seed, "weights"));
            return m;
          }()),
          task(model, *train::tokens_of(c.train, model.tokenizer), train::tokens_of(c.validation, model.tokenizer),
               r.train.batch),
          trainer(r, task) {}
  };
  Training whole(recipe, part);
  EXPECT_EQ(whole.trainer.run(), train::Outcome::finished);

  int steps = 0;
  Training first(recipe, part);
  train::Hooks hooks;
  hooks.stop = [&] { return ++steps == 25; };
  EXPECT_EQ(first.trainer.run(hooks), train::Outcome::interrupted);
  write_safetensors(home / "c.safetensors", first.trainer.checkpoint());
  Training second(recipe, part);
  second.trainer.restore(read_safetensors(home / "c.safetensors"), "c");
  EXPECT_EQ(second.trainer.run(), train::Outcome::finished);
  EXPECT_EQ(weights(second.model.net), weights(whole.model.net));
  expect_same_history(second.trainer.history(), whole.trainer.history());

  // Without the state it is another training.
  TensorFile file = read_safetensors(home / "c.safetensors");
  for (auto& [name, tensor] : file.tensors)
    if (name.starts_with("task.")) std::ranges::fill(tensor.data<float>(), 0.0F);
  Training forgetful(recipe, part);
  forgetful.trainer.restore(file, "c");
  (void)forgetful.trainer.run();
  EXPECT_NE(weights(forgetful.model.net), weights(whole.model.net));
  std::erase_if(file.tensors, [](const auto& t) { return t.first.starts_with("task."); });
  expect_error(ErrorKind::data, {"task.", "missing"}, [&] { second.trainer.restore(file, "c"); });
}

TEST(LanguageRun, FindsItsTextInParts) {
  const Folder home;
  // 10 characters of two bytes each: parts are cut between characters.
  const fs::path file = home.write("t.txt", "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9");
  const data::Corpus cut = data::find_corpus(file.string(), {.validation = 0.25, .test_share = 0.25});
  EXPECT_EQ(cut.train.end % 2, 0U);
  EXPECT_EQ(cut.train.end, 10U);
  EXPECT_EQ(cut.validation.end, 16U);
  EXPECT_EQ(cut.test.begin, 16U);
  home.write("parts/train.txt", "a\n");
  home.write("parts/valid.txt", "b\n");
  const data::Corpus parts = data::find_corpus((home / "parts").string());
  EXPECT_EQ(parts.train.file, home / "parts/train.txt");
  EXPECT_EQ(parts.validation.file, home / "parts/valid.txt");
  EXPECT_TRUE(parts.test.file.empty());
  home.write("none/x.txt", "");
  expect_error(ErrorKind::file, {"none", "train.txt"}, [&] { (void)data::find_corpus((home / "none").string()); });
  expect_error(ErrorKind::usage, {"tinyshakespear", "did you mean 'tinyshakespeare'"},
               [&] { (void)data::find_corpus("tinyshakespear"); });
  expect_error(ErrorKind::usage, {"mnist", "running text"}, [&] { (void)data::find_corpus("mnist"); });
  expect_error(ErrorKind::file, {"tinyshakespeare", "input.txt", "TANDEM_DATA"},
               [&] { (void)data::find_corpus("tinyshakespeare", {.data_folder = home.path()}); });
  expect_error(ErrorKind::usage, {"leave nothing"},
               [&] { (void)data::find_corpus(file.string(), {.validation = 0.6, .test_share = 0.4}); });
}

}  // namespace
}  // namespace tandem::testing
